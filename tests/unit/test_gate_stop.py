"""A stopped run: a result for what had ended, clean-up of what had begun, and no process left."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from hubproof.checking import CheckInfo
from hubproof.completing import complete
from hubproof.gate import Stopped
from hubproof.profile_file import load_profile
from hubproof.pytest_process import PytestProcess
from hubproof.record import RunRecord, judge
from hubproof.run import RunSettings
from hubproof.waiting import wait_for

CHECKS = """
import time
from pathlib import Path
import pytest
from hubproof.checking import check, expect

def made(name):
    given = {"severity": "major", "reach": "act", "criterion": "isolation", "remedy": "Mend it."}
    return check(f"made.{name}", must="It MUST work.", **given)

@made("a-quick")
def test_a_quick():
    pass

@pytest.fixture
def server():
    Path("FOLDER/begun").touch()
    yield
    Path("FOLDER/cleaned").touch()

@made("long")
def test_long(server):
    time.sleep(60)

@made("never")
def test_never():
    pass
"""
IDS = ("made.a-quick", "made.long", "made.never")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunSettings:
    (tmp_path / "tests" / "integration").mkdir(parents=True)
    (tmp_path / "tests" / "conformance").mkdir()
    (tmp_path / "tests" / "integration" / "test_made.py").write_text(CHECKS.replace("FOLDER", str(tmp_path)))
    (tmp_path / "profile.yaml").write_text("schema: hubproof/1\nname: t\nurl: https://hub.test\n")
    monkeypatch.setattr("hubproof.pytest_process.root", lambda: tmp_path)
    one = RunSettings("r", tmp_path, tmp_path / "profile.yaml", "gate", IDS, ("act",), "2026-11-23T19:55:01+00:00")
    one.let_begin()
    return one


def _start(settings: RunSettings, workers: int) -> PytestProcess:
    process = PytestProcess(settings.folder, "together", workers=workers)
    wait_for((settings.folder / "begun").exists, within=20, what="the long check to begin", last=process.log.read_text)
    return process


def _record(settings: RunSettings, lines: list[dict[str, object]], stopped: str) -> RunRecord:
    source = "tests/integration/test_made.py::test_"
    catalogue = {
        i: CheckInfo(i, "It MUST work.", "major", "act", "isolation", "Mend.", tests=(source + test,))
        for i, test in ((one, one[5:].replace("-", "_")) for one in IDS)
    }
    profile = load_profile(settings.profile)
    return judge(
        complete(
            lines,
            profile=profile,
            catalogue=catalogue,
            settings=settings,
            stopped=stopped,
            notes=[],
            seconds=1,
            versions={},
        )
    )


@pytest.mark.parametrize("workers", [0, 1])
def test_ctrl_c_ends_in_order_and_reports_what_was_done(settings: RunSettings, workers: int) -> None:
    process, stopped = _start(settings, workers), Stopped()
    with stopped.listening(process):
        os.kill(os.getpid(), signal.SIGINT)
    lines = list(process.results())
    process.close()
    assert (settings.folder / "cleaned").exists(), process.log.read_text()
    record = _record(settings, lines, stopped.why)
    verdicts = {one.id: one.verdict for one in record.checks}
    assert verdicts == {"made.a-quick": "pass", "made.long": "could-not-run", "made.never": "could-not-run"}
    assert (record.verdict, record.exit_code, record.run.stopped) == ("incomplete", 3, "stopped by Ctrl-C")


def test_a_gate_that_is_killed_takes_its_pytest_with_it(settings: RunSettings) -> None:
    process = _start(settings, 0)
    begun = time.monotonic()
    process.close()  # what the end of the gate's process does to the pipe
    wait_for(lambda: process.exit_code is not None, within=5, what="pytest to end with its gate")
    assert time.monotonic() - begun < 5
