"""An installation of hubproof with checks made up by a test, so that the real command can be run over them.

The package, conftest.py, fixtures and templates are copies of the checkout's; only the checks are others.
"""

from __future__ import annotations

import atexit
import compileall
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hubproof.resources import root

HEAD = """
import os
import signal
import time
from pathlib import Path
import pytest
from hubproof.checking import check, expect
from hubproof.errors import CouldNotRunError, InconclusiveError, TargetError

def made(name, **more):
    given = {"severity": "major", "reach": "observe", "criterion": "isolation", "remedy": "Mend it.", **more}
    return check(f"made.{name}", must="It MUST work.", **given)

"""
PROFILE = "schema: hubproof/1\nname: nowhere\nurl: https://127.0.0.1:1\n"


@functools.cache
def _checkout_without_checks() -> Path:
    """Return a copy of the checkout without checks, compiled once for all tests of this process."""
    folder = Path(tempfile.mkdtemp(prefix="hubproof-installation-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for part in ("pyproject.toml", "conftest.py"):
        shutil.copy(root() / part, folder / part)
    for tree in ("src/hubproof", "fixtures/profiles", "fixtures/defects", "fixtures/rbac", "reports/templates"):
        shutil.copytree(root() / tree, folder / tree, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(folder / "src", quiet=2)
    return folder


class Installation:
    """A folder with a hubproof of its own.

    Args:
        folder: an empty one.
        checks: source of its only module of checks; HEAD is put before it.
        profile: text after the profile's first three lines.

    """

    def __init__(self, folder: Path, checks: str, profile: str = "") -> None:
        self.folder = folder
        self.runs = folder / "runs"
        self.profile = folder / "profile.yaml"
        self.profile.write_text(PROFILE + profile)
        shutil.copytree(_checkout_without_checks(), folder, dirs_exist_ok=True)
        (folder / "tests" / "conformance").mkdir(parents=True)
        (folder / "tests" / "integration").mkdir()
        (folder / "tests" / "conformance" / "test_made.py").write_text(HEAD + checks)

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start the command in the folder."""
        clean = {name: value for name, value in os.environ.items() if name != "HUBPROOF_PROFILE"}
        return subprocess.Popen(
            [sys.executable, "-m", "hubproof", *words],
            cwd=self.folder,
            env={
                **clean,
                "PYTHONPATH": str(self.folder / "src"),
                "PYTHONDONTWRITEBYTECODE": "1",
                "HUBPROOF_HOME": f"{self.folder}-home",
                **(env or {}),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def hubproof(self, *words: str) -> tuple[int, str]:
        """Run the command and return its exit code and what it printed."""
        process = self.start(*words)
        try:
            output, _ = process.communicate(timeout=60)
        finally:
            process.kill()
        return process.returncode, output

    def gate(self, *words: str) -> tuple[int, str]:
        """Run the gate with the installation's profile."""
        return self.hubproof("gate", *self.words(*words))

    def words(self, *words: str) -> list[str]:
        """Return the gate's options: profile, folder of reports, one worker, and these."""
        return ["--profile", str(self.profile), "--reports", str(self.runs), "--workers", "1", *words]

    def record(self, run: str = "latest") -> dict[str, Any]:
        """Read the record of a run."""
        record: dict[str, Any] = json.loads((self.runs / run / "report.json").read_text())
        return record

    def verdicts(self, run: str = "latest") -> dict[str, str]:
        """Return the verdict of each check of a run, without `made.` before the ids."""
        names = {one["id"] + (f"[{one['case']}]" if one["case"] else ""): one for one in self.record(run)["checks"]}
        return {name.removeprefix("made."): one["verdict"] for name, one in names.items()}
