"""The pytest plugin: which tests run, what verdict each ends with, and one line of JSON for each as it ends.

It is active only with `--hubproof-run FOLDER`; hubproof's own unit tests run without. The line is written by the
controller at once and flushed, so that a run that is killed has lost nothing that had ended.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from hubproof.checking import CheckInfo
from hubproof.evidence import Evidence
from hubproof.profile import Profile
from hubproof.profile_file import load_profile
from hubproof.run import COLLECTED, RESULTS, RunSettings
from hubproof.selection import excuse
from hubproof.verdict import NotApplicableError, Outcome, outcome_of, with_known, worst
from hubproof.waiting import wait_for

EVIDENCE = pytest.StashKey[Evidence]()
RUN = pytest.StashKey["Run"]()
_BEGIN_WITHIN = 300.0


class Run:
    """What one pytest process knows of the run: its settings and its profile."""

    def __init__(self, folder: Path, phase: str) -> None:
        self.settings = RunSettings.load(folder)
        self.profile: Profile = load_profile(self.settings.profile, kubeconfig=self.settings.kubeconfig)
        self.phase = phase
        self._begun = False

    def begin(self) -> None:
        """Wait until the gate has looked at the target and swept up, and go by what it found."""
        if not self._begun:
            folder = self.settings.folder
            wait_for(lambda: RunSettings.may_begin(folder), within=_BEGIN_WITHIN, what="the gate", every=0.02)
            self.settings = RunSettings.load(folder)
            self._begun = True


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two options that `hubproof gate` starts pytest with."""
    group = parser.getgroup("hubproof")
    group.addoption("--hubproof-run", metavar="FOLDER", help="folder of the run, with its settings.json")
    group.addoption("--hubproof-phase", choices=("together", "alone"), default="together", help="which checks")
    group.addoption("--hubproof-workers", type=int, default=1, help="workers to grow to once the first is at work")


def pytest_configure(config: pytest.Config) -> None:
    """Load the run and, in the controller, open the file of results."""
    folder = config.getoption("--hubproof-run")
    if not folder:
        return
    _hear_ctrl_c()
    run = Run(Path(folder), config.getoption("--hubproof-phase"))
    config.stash[RUN] = run
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(ResultWriter(run), "hubproof-results")
        if config.getoption("numprocesses", None):
            from hubproof.scheduling import SchedulingPlugin  # noqa: PLC0415 - workers and `-n 0` need none

            workers = SchedulingPlugin(config.getoption("--hubproof-workers"))
            config.pluginmanager.register(workers, "hubproof-scheduling")
        _end_with_parent()


def _hear_ctrl_c() -> None:
    """Let SIGINT interrupt this process even where it was ignored from birth, as in a shell's background job or in CI.

    The gate stops pytest by it, and fixtures would otherwise not get to clean up before the gate's patience ends.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end_with_parent() -> None:
    """End this process when the gate that started it is gone: its end of the pipe closes, however it died."""
    number = os.environ.pop("HUBPROOF_PARENT_FD", "")
    if not number:
        return

    def watch() -> None:
        while os.read(int(number), 1):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, name="hubproof-parent", daemon=True).start()


def info_of(item: pytest.Item) -> CheckInfo | None:
    """Return what `@check` said of a collected test."""
    return getattr(getattr(item, "function", None), "hubproof_check", None)


def case_of(item: pytest.Item) -> str:
    """Return the part in brackets of a parametrized check, which is one case of it; else nothing."""
    callspec = getattr(item, "callspec", None)
    return str(callspec.id) if callspec else ""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the selected checks of this phase, and bring together those that share a standing server."""
    run = config.stash.get(RUN, None)
    if run is None:
        return
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        info = info_of(item)
        wanted = (
            info is not None
            and info.id in run.settings.selected
            and info.reach in run.settings.consent
            and info.alone == (run.phase == "alone")
        )
        (kept if wanted else dropped).append(item)
        if wanted and {"standing_server", "second_server"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group("standing"))
    config.hook.pytest_deselected(items=dropped)
    # Long ones first: the group that shares servers, then what spawns its own, then what only looks.
    items[:] = sorted(kept, key=_weight)


def _weight(item: pytest.Item) -> int:
    names = set(getattr(item, "fixturenames", ()))
    if {"standing_server", "second_server"} & names:
        return 1
    return 0 if {"own_server", "persona", "throwaway"} & names else 2


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """End a check that the profile does not ask for, before any of its fixtures does something."""
    run, info = item.config.stash.get(RUN, None), info_of(item)
    if run is None or info is None:
        return
    run.begin()
    name = f"{info.id}[{case_of(item)}]" if case_of(item) else info.id
    item.stash[EVIDENCE] = Evidence(run.settings.folder, name)
    if reason := excuse(run.profile, info, dt.datetime.now(dt.UTC).date()):
        raise NotApplicableError(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put outcome and evidence on the report; in a worker they travel to the controller with it."""
    report = yield
    info = info_of(item)
    if info is None or RUN not in item.config.stash:
        return report
    outcome = outcome_of(call.excinfo.value if call.excinfo else None, call.when)  # type: ignore[arg-type]
    evidence = item.stash.get(EVIDENCE, None)
    if evidence is not None and outcome.verdict in {"fail", "error", "inconclusive", "could-not-run"}:
        evidence.capture()
    report.hubproof = {  # type: ignore[attr-defined]
        "id": info.id,
        "case": case_of(item),
        "when": call.when,
        "outcome": outcome.as_dict(),
        "seconds": call.duration,
        "started": call.start,
        "evidence": evidence.as_dicts() if evidence and call.when == "teardown" else [],
        "drawn": evidence.drawn if evidence and call.when == "teardown" else {},
    }
    return report


class ResultWriter:
    """Lives in the controller: joins the phases of each check and writes its result the moment it ends."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._open: dict[str, tuple[Outcome, float, float]] = {}
        self._file = (run.settings.folder / RESULTS).open("a", encoding="utf-8")
        self._today = dt.datetime.now(dt.UTC).date()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what will run when there are no workers."""
        if session.items:
            self._note_collected([item.nodeid for item in session.items])

    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Note what will run when workers collected it; each collects the same."""
        self._note_collected(ids)

    def _note_collected(self, ids: list[str]) -> None:
        path = self._run.settings.folder / COLLECTED
        known = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.write_text("\n".join(dict.fromkeys([*known, *(one.partition("@")[0] for one in ids)])), encoding="utf-8")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Join a phase; write the result after the last."""
        data: dict[str, Any] | None = getattr(report, "hubproof", None)
        nodeid = report.nodeid.partition("@")[0]
        if data is None:
            if report.failed:  # a worker died: xdist makes this report, and there is no teardown
                self._write(nodeid, {}, Outcome("error", message=str(report.longrepr)), 0.0, time.time())
            return
        outcome = Outcome(**data["outcome"])
        so_far, seconds, started = self._open.pop(nodeid, (Outcome("pass"), 0.0, data["started"]))
        outcome, seconds = worst(so_far, outcome), seconds + data["seconds"]
        if data["when"] != "teardown":
            self._open[nodeid] = (outcome, seconds, started)
            return
        self._write(nodeid, data, outcome, seconds, started)

    def _write(self, nodeid: str, data: dict[str, Any], outcome: Outcome, seconds: float, started: float) -> None:
        known = next((one for one in self._run.profile.known if one.check == data.get("id")), None)
        outcome = with_known(outcome, known, self._today)
        line = {
            "nodeid": nodeid,
            "id": data.get("id", ""),
            "case": data.get("case", ""),
            **outcome.as_dict(),
            "seconds": round(seconds, 3),
            "started": dt.datetime.fromtimestamp(started, dt.UTC).isoformat(timespec="milliseconds"),
            "evidence": data.get("evidence", []),
            "drawn": data.get("drawn", {}),
        }
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def pytest_unconfigure(self) -> None:
        """Close the file."""
        self._file.close()
