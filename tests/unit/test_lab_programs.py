from __future__ import annotations

import threading
from pathlib import Path

import pytest
from rich.console import Console

from hubproof.errors import HubproofError
from hubproof.lab import programs
from hubproof.lab.programs import MODULES, ProgramBuild
from hubproof.progress import Progress


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProgramBuild:
    monkeypatch.setenv("HUBPROOF_HOME", str(tmp_path))
    monkeypatch.setattr(programs, "go_command", lambda _progress: Path("/go"))
    return ProgramBuild(Progress(Console(quiet=True)))


def fake_build(module: programs.GoModule, key: str, _go: Path, _progress: Progress) -> None:
    folder = programs.programs_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for name in module.programs.values():
        (folder / name).touch()
    (folder / f"{module.name}.key").write_text(key)


def test_what_is_built_is_not_built_again(build: ProgramBuild, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def counted(module: programs.GoModule, key: str, go: Path, progress: Progress) -> None:
        built.append(module.name)
        fake_build(module, key, go, progress)

    monkeypatch.setattr(programs, "_build", counted)
    first = build.run()
    assert ProgramBuild(Progress(Console(quiet=True))).run() == first
    assert built == [module.name for module in MODULES]


def test_who_waits_for_a_program_gets_it_as_soon_as_it_is_there(
    build: ProgramBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_build", fake_build)
    seen: list[Path] = []
    waiting = threading.Thread(target=lambda: seen.append(build.wait_for("coredns")))
    waiting.start()
    build.run()
    waiting.join(5)
    assert [path.name for path in seen] == ["coredns"]


def test_who_waits_is_told_when_the_build_fails(build: ProgramBuild, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise HubproofError("no space left on device")

    monkeypatch.setattr(programs, "_build", broken)
    with pytest.raises(HubproofError, match="no space"):
        build.run()
    with pytest.raises(HubproofError, match="was not built"):
        build.wait_for("kubectl")


def test_a_kubelet_knows_its_version() -> None:
    kubernetes = next(module for module in MODULES if module.version_of)
    assert "-X k8s.io/component-base/version.gitVersion=v1.34." in programs._flags(kubernetes)
