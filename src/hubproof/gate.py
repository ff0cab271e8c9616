"""The gate: from a profile to a verdict. Says in which order things happen; each of them is in a module of its own."""

from __future__ import annotations

import datetime as dt
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Protocol

from hubproof.checking import CheckInfo
from hubproof.completing import complete
from hubproof.preflight import preflight
from hubproof.profile import Profile
from hubproof.progress import Progress
from hubproof.pytest_process import PytestProcess
from hubproof.record import RunRecord, judge
from hubproof.reporting import write_views
from hubproof.reporting.table import LiveTable
from hubproof.resuming import Resumed, with_kept
from hubproof.run import RunSettings, new_run_id, point_latest
from hubproof.selection import Selection
from hubproof.tidying import tidied
from hubproof.versions import versions_of
from hubproof.waiting import Deadline


@dataclass(frozen=True)
class GateOptions:
    """What the command line says of a gate.

    Attributes:
        reports: folder in which the run gets a folder of its own.
        workers: xdist workers.
        fail_on: the least severity whose fail makes exit code 1.
        maxfail: stop after so many failed checks; 0 is never.
        limit: seconds for all checks together; 0 is no limit.
        mode: what the record says it was.

    """

    reports: Path
    workers: int = 4
    fail_on: str = "minor"
    maxfail: int = 0
    limit: float = 0
    mode: str = "gate"


class Stoppable(Protocol):
    """A process that can be asked to end in order."""

    def stop(self) -> None:
        """Ask it to end."""


class Stopped:
    """Remembers why a run ends before its checks have: a signal, or the limit."""

    def __init__(self) -> None:
        self.why = ""

    @contextmanager
    def listening(self, process: Stoppable) -> Iterator[None]:
        """Stop the process in order on Ctrl-C or a request to end, instead of dying with half a report."""

        def stop(number: int, _frame: FrameType | None) -> None:
            self.why = self.why or f"stopped by {'Ctrl-C' if number == signal.SIGINT else signal.Signals(number).name}"
            process.stop()

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run_gate(
    profile: Profile,
    catalogue: dict[str, CheckInfo],
    selection: Selection,
    options: GateOptions,
    progress: Progress,
    *,
    resumed: Resumed | None = None,
) -> RunRecord:
    """Run the selected checks against the target and return the record, written with all its views.

    Args:
        profile: the target.
        catalogue: every check by id.
        selection: the checks that run, and why the others do not.
        options: how to run.
        progress: where to say what happens.
        resumed: the earlier run that this one goes on with.

    """
    begun = time.monotonic()
    run_id = new_run_id()
    settings = RunSettings(
        run_id=run_id,
        folder=(options.reports / run_id).resolve(),
        profile=profile.path,
        mode=options.mode,
        selected=tuple(selection.ids),
        consent=selection.consent,
        started=dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
        fail_on=options.fail_on,
        not_proven=selection.not_proven,
        resumes=resumed.run_id if resumed else "",
    )
    settings.save()
    point_latest(settings.folder)
    progress.say(f"run {run_id} against {profile.name} ({profile.url}): {len(selection.ids)} checks")
    blocked = preflight(profile)
    settings = replace(settings, blocked=blocked)
    settings.save()
    for word in filter(None, (blocked.edge, blocked.cluster)):
        progress.say(f"! {word}")
    stopped, table = Stopped(), LiveTable(progress.console, catalogue)
    lines: list[dict[str, object]] = []
    notes: list[str] = []
    with tidied(profile, settings, notes):
        deadline = Deadline(options.limit) if options.limit else None
        for phase, workers in (("together", options.workers), ("alone", 0)):
            if not any(catalogue[i].alone == (phase == "alone") for i in selection.ids) or stopped.why:
                continue
            lines += _run_phase(settings, phase, workers, options, stopped, table, deadline)
    record = complete(
        lines,
        profile=profile,
        catalogue=catalogue,
        settings=settings,
        stopped=stopped.why,
        notes=notes,
        seconds=time.monotonic() - begun,
        versions=versions_of(profile, blocked),
    )
    if resumed:
        resumed.bring_evidence(settings.folder)
        record = with_kept(record, resumed)
    record = judge(record, options.fail_on)
    write_views(record, settings.folder)
    table.conclude(record, settings.folder)
    return record


def _run_phase(
    settings: RunSettings,
    phase: str,
    workers: int,
    options: GateOptions,
    stopped: Stopped,
    table: LiveTable,
    deadline: Deadline | None,
) -> list[dict[str, object]]:
    process = PytestProcess(settings.folder, phase, workers=workers, maxfail=options.maxfail)
    lines = []
    try:
        with stopped.listening(process):
            for line in process.results(deadline):
                lines.append(line)
                table.result(line)
    finally:
        process.stop()
        process.close()
    if deadline and deadline.over and not stopped.why:
        stopped.why = f"stopped by the limit of {options.limit:g} s"
    if options.maxfail and sum(line["verdict"] == "fail" for line in lines) >= options.maxfail:
        stopped.why = stopped.why or f"stopped after {options.maxfail} failed (--maxfail)"
    return lines
