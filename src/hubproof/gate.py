"""The gate: from a profile to a verdict. Says in which order things happen; each of them is in a module of its own."""

from __future__ import annotations

import datetime as dt
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Protocol

from hubproof.checking import CheckInfo
from hubproof.completing import complete
from hubproof.phases import Phases
from hubproof.preflight import preflight
from hubproof.profile import Profile
from hubproof.progress import Progress
from hubproof.pytest_process import PytestProcess
from hubproof.record import RunRecord, judge
from hubproof.resuming import Resumed, with_kept
from hubproof.run import PROFILE_COPY, RunSettings, new_run_id, point_latest
from hubproof.selection import Selection
from hubproof.tidying import tidied
from hubproof.versions import versions_of
from hubproof.waiting import Deadline

if TYPE_CHECKING:
    from hubproof.reporting.table import LiveTable


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
        kubeconfig=profile.given_kubeconfig,
        mode=options.mode,
        selected=tuple(selection.ids),
        consent=selection.consent,
        started=dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
        fail_on=options.fail_on,
        not_proven=selection.not_proven,
        resumes=resumed.run_id if resumed else "",
    )
    settings.save()
    shutil.copyfile(profile.path, settings.folder / PROFILE_COPY)
    point_latest(settings.folder)
    progress.say(f"run {run_id} against {profile.name} ({profile.url}): {len(selection.ids)} checks")
    phases = Phases(settings, catalogue, workers=options.workers, maxfail=options.maxfail)
    lines: list[dict[str, object]] = []
    notes: list[str] = []
    stopped = Stopped()
    with phases, stopped.listening(phases):
        # pytest takes a second to start; meanwhile the target is looked at, and swept. Its checks wait for both.
        phases.start_next()
        blocked = preflight(profile)
        settings = replace(settings, blocked=blocked)
        for word in filter(None, (blocked.edge, blocked.cluster)):
            progress.say(f"! {word}")
        from hubproof.reporting.table import LiveTable  # noqa: PLC0415

        table = LiveTable(progress.console, catalogue)
        with tidied(profile, settings, notes):
            settings.let_begin()
            deadline = Deadline(options.limit) if options.limit else None
            while phases.process and not stopped.why:
                lines += _results(phases.process, options, stopped, table, deadline)
                if not stopped.why:
                    phases.start_next()
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
    from hubproof.reporting import write_views  # noqa: PLC0415 - templates are not needed before

    write_views(record, settings.folder)
    table.conclude(record, settings.folder)
    return record


def _results(
    process: PytestProcess,
    options: GateOptions,
    stopped: Stopped,
    table: LiveTable,
    deadline: Deadline | None,
) -> list[dict[str, object]]:
    lines = []
    for line in process.results(deadline):
        lines.append(line)
        table.result(line)
    if deadline and deadline.over and not stopped.why:
        stopped.why = f"stopped by the limit of {options.limit:g} s"
    if options.maxfail and sum(line["verdict"] == "fail" for line in lines) >= options.maxfail:
        stopped.why = stopped.why or f"stopped after {options.maxfail} failed (--maxfail)"
    return lines
