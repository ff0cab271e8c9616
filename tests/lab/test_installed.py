"""hubproof away from its checkout: from an installed wheel, and from the image that the Containerfile makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.lab.running_gates import RunningLab, bad_checks, record_of

from hubproof.checking import discover
from hubproof.lab.machine import install_packages
from hubproof.progress import Progress
from hubproof.resources import root

UV = [sys.executable, "-m", "uv"]
_MACHINES_OWN = (Path("/etc/pip.conf"), Path("/etc/ssl/certs/ca-certificates.crt"))
"""How this machine reaches its package registry; lent to the build, never part of the image."""


def run(*words: object, cwd: Path, **more: str) -> str:
    """Run a command with nothing of this checkout in its environment; return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [str(word) for word in words]
    done = subprocess.run(
        command, cwd=cwd, env={**environment, **more}, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def assert_whole(reports: Path) -> None:
    """Look at a run's record and views: every check of the catalogue is green in it."""
    record = record_of(reports)
    assert bad_checks(record) == {}
    assert {one["id"] for one in record["checks"]} == set(discover())
    assert "<html" in (reports / "latest" / "report.html").read_text(encoding="utf-8")


def test_a_wheel_gates_outside_a_checkout(lab: RunningLab, tmp_path: Path) -> None:
    run(*UV, "build", "--quiet", "--wheel", "--out-dir", tmp_path, root(), cwd=tmp_path)
    wheel = next(tmp_path.glob("*.whl"))
    run(*UV, "venv", "--quiet", "--python", sys.executable, "venv", cwd=tmp_path)
    locked = root() / "requirements.run.lock"
    python = tmp_path / "venv" / "bin" / "python"
    run(*UV, "pip", "install", "--quiet", "--python", python, "-r", locked, wheel, cwd=tmp_path)
    hubproof = tmp_path / "venv" / "bin" / "hubproof"
    away = tmp_path / "away"
    away.mkdir()
    home = str(tmp_path / "home")
    run(hubproof, "gate", "--profile", lab.profile.path, cwd=away, HUBPROOF_HOME=home)
    assert_whole(away / "reports" / "runs")
    run(hubproof, "report", "latest", cwd=away, HUBPROOF_HOME=home)


@pytest.fixture
def buildah(tmp_path: Path) -> Iterator[list[str]]:
    """Lend buildah with a store of its own; it builds and runs without an engine or a registry."""
    install_packages(Progress(), {"buildah": "/usr/bin/buildah", "mmdebstrap": "/usr/bin/mmdebstrap"})
    store = tmp_path / "store"
    store.mkdir()
    yield ["buildah", "--root", str(store), "--runroot", str(tmp_path / "run"), "--storage-driver", "vfs"]
    shutil.rmtree(store)


def test_the_image_gates(lab: RunningLab, tmp_path: Path, buildah: list[str]) -> None:
    # Docker Hub is not needed: any Debian with Python and its venv will do as the base.
    archive = tmp_path / "base.tar"
    packages = "python3-venv,ca-certificates"
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", "bookworm", archive, cwd=tmp_path)
    chroot = {"BUILDAH_ISOLATION": "chroot"}
    base = run(*buildah, "from", "scratch", cwd=tmp_path).strip()
    run(*buildah, "add", "--quiet", base, archive, "/", cwd=tmp_path)
    run(*buildah, "commit", "--quiet", base, "localhost/python:try", cwd=tmp_path)
    lent = [word for path in _MACHINES_OWN if path.exists() for word in ("--volume", f"{path}:{path}:ro")]
    given = ["--network", "host", "--pull-never", "--build-arg", "PYTHON=localhost/python:try", *lent]
    run(*buildah, "bud", "--quiet", *given, "--tag", "hubproof", root(), cwd=tmp_path, **chroot)

    container = run(*buildah, "from", "--pull-never", "hubproof", cwd=tmp_path).strip()
    mine = _readable_profile(lab, tmp_path / "profile")
    reports = tmp_path / "reports"
    reports.mkdir()
    os.chown(reports, 65532, 65532)
    volumes = ["--volume", f"{mine.parent}:/profile:ro", "--volume", f"{reports}:/reports"]
    command = ["hubproof", "gate", "--profile", "/profile/profile.yaml", "--reports", "/reports/runs"]
    run(*buildah, "run", "--network", "host", *volumes, container, "--", *command, cwd=tmp_path, **chroot)
    assert_whole(reports / "runs")
    assert run(*buildah, "run", container, "--", "id", "-u", cwd=tmp_path, **chroot).strip() == "65532"


def _readable_profile(lab: RunningLab, folder: Path) -> Path:
    """Copy the lab's profile and all files that it names into a folder that the image's account may read."""
    folder.mkdir()

    def brought(value: object) -> object:
        if isinstance(value, dict):
            return {name: brought(one) for name, one in value.items()}
        if isinstance(value, list):
            return [brought(one) for one in value]
        if isinstance(value, str) and value.startswith("/") and Path(value).is_file():
            name = f"{len(list(folder.iterdir()))}-{Path(value).name}"
            shutil.copyfile(value, folder / name)
            os.chown(folder / name, 65532, 65532)
            (folder / name).chmod(0o400)
            return name
        return value

    path = folder / "profile.yaml"
    path.write_text(yaml.safe_dump(brought(yaml.safe_load(lab.profile.path.read_text()))), encoding="utf-8")
    folder.chmod(0o755)
    path.chmod(0o644)
    return path
