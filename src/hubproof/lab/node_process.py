"""Starts and ends a node or the outside host, seen from the machine. What runs inside a node is `node`'s work."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from hubproof.errors import HubproofError
from hubproof.lab import cgroups
from hubproof.lab.layout import Layout
from hubproof.resources import root
from hubproof.waiting import wait_for

_ENDS_WITHIN = 20.0
_STAGED = (
    "errors", "resources", "waiting", "lab/cgroups", "lab/kube_api", "lab/layout", "lab/node", "lab/node_config",
    "lab/outside", "lab/policy_agent", "lab/policy_cni", "lab/policy_rules", "lab/volume_agent",
)  # fmt: skip
"""The modules that run in nodes: standard library and each other only."""


def _package() -> Path:
    source = root() / "src" / "hubproof"
    return source if source.is_dir() else root().parent


def staged_digest() -> str:
    """Return the digest of the modules that run in nodes, and of the Python that runs them."""
    contents = [(_package() / f"{name}.py").read_bytes() for name in _STAGED]
    return hashlib.sha256(b"\0".join([sys.executable.encode(), sys.version.encode(), *contents])).hexdigest()


def stage_modules(layout: Layout) -> Path:
    """Copy the modules that run in nodes, since a lab outlives the checkout that started it; return the folder."""
    folder = layout.agents / staged_digest()[:12]
    if folder.exists():
        return folder
    temporary = layout.agents / f".{folder.name}-{os.getpid()}"
    (temporary / "hubproof" / "lab").mkdir(parents=True)
    for package in ("hubproof", "hubproof/lab"):
        (temporary / package / "__init__.py").touch()  # the real ones import what nodes do not need
    for name in _STAGED:
        shutil.copy2(_package() / f"{name}.py", temporary / "hubproof" / f"{name}.py")
    temporary.rename(folder)
    return folder


def start_node(layout: Layout, name: str, pause: str) -> None:
    """Start a node from an empty containerd, kubelet and network state; its volumes are kept."""
    folder = layout.node(name)
    for stale in ("containerd", "kubelet", "ipam"):
        shutil.rmtree(folder / stale, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    _start(layout, folder / "node.log", ["hubproof.lab.node", name, str(layout.root), pause])


def start_outside(layout: Layout) -> None:
    """Start the outside host's server."""
    _start(layout, layout.root / "outside.log", ["hubproof.lab.outside", "--enter"])


def _start(layout: Layout, log: Path, arguments: list[str]) -> None:
    """Start a process that outlives this one, in a session and with an environment of its own."""
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(stage_modules(layout)),
        "PYTHONUNBUFFERED": "1",
    }  # nothing else: a proxy setting would send the cluster's own traffic out
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/",
            env=environment, start_new_session=True,
        )  # fmt: skip
    process.returncode = 0  # it is not ours to wait for


def first_process(name: str) -> int:
    """Return the process id, on this machine, of a node's first process.

    Raises:
        HubproofError: the node does not run.

    """
    for pid in sorted(cgroups.members(name)):
        with suppress(OSError, StopIteration, ValueError):
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
            if len(numbers) > 1 and numbers[-1] == "1" and _is_node(pid):
                return pid
    raise HubproofError(f"node {name} of the lab does not run", next_step="hubproof lab up")


def _is_node(pid: int) -> bool:
    return b"hubproof.lab.node" in Path(f"/proc/{pid}/cmdline").read_bytes()


def end(name: str) -> None:
    """End a node or the outside host: every process in its control groups, and then the groups."""

    def ended() -> bool:
        members = cgroups.members(name)
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not members

    wait_for(ended, within=_ENDS_WITHIN, what=f"the processes of {name} to end", every=0.03)
    cgroups.remove(name, within=_ENDS_WITHIN)


def ends_of(layout: Layout, name: str) -> str:
    """Return the ends of a node's logs, for an error that a person reads."""
    folder = layout.node(name)
    files = [folder / "node.log", *sorted((folder / "logs").glob("*.log"))]
    parts = []
    for file in files:
        with suppress(OSError):
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
            parts += [f"{file}:", *(f"  {line[:300]}" for line in lines)]
    return "\n".join(parts)


def is_running(name: str) -> bool:
    """Say whether anything of the node or outside host runs."""
    return bool(cgroups.members(name))
