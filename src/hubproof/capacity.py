"""How many users does it carry? Starts Locust as a process of its own, judges what its users met, leaves nothing behind.

Users come evenly over time, each does its round once, and goes. The figures are the users' own: `hubproof.load_plan`.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hubproof import __version__, load_plan
from hubproof.errors import CouldNotRunError, DeadlineExceededError, HubproofError, UsageError
from hubproof.gate import Stopped
from hubproof.hub.api import HubApi
from hubproof.load_plan import LoadPlan
from hubproof.preflight import preflight
from hubproof.profile import Capacity, Profile
from hubproof.progress import Progress
from hubproof.record import CapacityRecord, RunFacts, RunRecord, TargetFacts, judge
from hubproof.reporting import write_views
from hubproof.reporting.table import LiveTable
from hubproof.resources import resource
from hubproof.run import RunSettings, new_run_id, point_latest
from hubproof.target import Target
from hubproof.tidying import tidied
from hubproof.versions import versions_of
from hubproof.waiting import wait_for

_ROUND_WITHIN = 600.0
"""Seconds that the last user to come has for a round before the run is ended."""
_TELL_EVERY = 2.0
_STOP_WITHIN = 15.0
_TIDY_WITHIN = 120.0


@dataclass
class _Tidied:
    left_behind: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def run_capacity(profile: Profile, options: Mapping[str, Any], progress: Progress) -> RunRecord:
    """Let load users do their rounds and return the record, written with all its views.

    Args:
        profile: the target; its `capacity` says who the users are and what is promised.
        options: `users`, `over` (seconds, or None for one a second), `at_once`, `reports` (folder).
        progress: where to say what happens.

    Raises:
        UsageError: the profile has no capacity, or less of it than asked for; nothing was touched.

    """
    capacity = _require(profile, options["users"])
    begun = time.monotonic()
    run_id = new_run_id()
    settings = RunSettings(
        run_id=run_id,
        folder=(Path(options["reports"]) / run_id).resolve(),
        profile=profile.path,
        mode="capacity",
        selected=(),
        consent=("observe", "act"),
        started=dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
    )
    settings = replace(settings, blocked=preflight(profile))
    settings.save()
    point_latest(settings.folder)
    stopped, outcome, notes = Stopped(), _Tidied(), list[str]()
    users = [capacity.users.format(number) for number in range(1, options["users"] + 1)]
    stopped.why = settings.blocked.edge
    results: list[load_plan.StepResult] = []
    if not stopped.why:
        target = Target(profile, settings)
        over = 0.0 if options.get("at_once") else float(options.get("over") or len(users))
        progress.say(f"run {run_id} against {profile.name}: {len(users)} users over {over:g} s")
        with tidied(profile, settings, notes):
            known = _known_users(target)
            try:
                results = _generate(_plan(target, capacity, users), over, settings.folder, stopped, progress)
            finally:
                outcome = _tidy(target, users, known, progress)
    record = judge(
        RunRecord(
            run=RunFacts(
                id=run_id,
                mode="capacity",
                started=settings.started,
                seconds=round(time.monotonic() - begun, 3),
                hubproof=__version__,
                profile_sha256=profile.sha256,
                stopped=stopped.why,
            ),
            target=TargetFacts(name=profile.name, url=profile.url, versions=versions_of(profile, settings.blocked)),
            swept=[*notes, *outcome.notes],
            capacity=_measured(capacity, users, results, time.monotonic() - begun, outcome.left_behind),
        )
    )
    write_views(record, settings.folder)
    _show(record, progress)
    LiveTable(progress.console, {}).conclude(record, settings.folder)
    return record


def _require(profile: Profile, users: int) -> Capacity:
    capacity = profile.capacity
    where = str(profile.path)
    if capacity is None or capacity.passwords is None:
        raise UsageError(
            "the profile promises no capacity, or names no passwords of load users",
            where=where,
            next_step="add `capacity` with ceiling, users, count, passwords and objectives",
        )
    most = min(capacity.ceiling, capacity.count)
    if users > most:
        raise UsageError(f"{users} users are more than the profile allows: {most}", where=where)
    return capacity


def _plan(target: Target, capacity: Capacity, users: list[str]) -> LoadPlan:
    """Return the plan with each user's password; raise CouldNotRunError when one is missing."""
    if capacity.passwords is None:
        raise CouldNotRunError("the profile names no passwords of load users")
    lines = target.secrets.value(capacity.passwords).splitlines()
    passwords = dict(line.split(":", 1) for line in lines if ":" in line)
    missing = [name for name in users if name not in passwords]
    if missing:
        raise CouldNotRunError(f"there is no password of {missing[0]} and {len(missing) - 1} others")
    return LoadPlan(
        profile=target.profile.path,
        results=target.settings.folder / "load.jsonl",
        people=tuple((name, passwords[name].strip()) for name in users),
        spawn_within=max(120.0, target.spawn.ready_within),
        stop_within=max(120.0, target.spawn.stopped_within),
    )


def _generate(
    plan: LoadPlan, over: float, folder: Path, stopped: Stopped, progress: Progress
) -> list[load_plan.StepResult]:
    """Run the load generator to its end and return what its users met."""
    count = len(plan.people)
    rate = count / over if over else float(count)
    with tempfile.TemporaryDirectory(prefix="hubproof-load-") as private:
        file = Path(private, "plan.json")
        plan.save(file)
        command = [
            sys.executable, "-m", "locust", "--locustfile", str(resource("load", "locustfile.py")), "--headless",
            "--users", str(count), "--spawn-rate", f"{rate:.4f}", "--run-time", f"{over + _ROUND_WITHIN:.0f}s",
            "--hubproof-plan", str(file), "--exit-code-on-error", "0", "--stop-timeout", "10",
            "--csv", str(folder / "locust"),
        ]  # fmt: skip
        paths = [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        with (folder / "locust.log").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        try:
            with stopped.listening(_Stoppable(process)):
                _watch(process, plan, over, progress)
        finally:
            _end(process)
    if process.returncode not in {0, -signal.SIGTERM} and not stopped.why:
        stopped.why = f"the load generator ended with {process.returncode}: see {folder / 'locust.log'}"
    return load_plan.read_results(plan.results)


class _Stoppable:
    """What a signal stops: the load generator, in order."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def stop(self) -> None:
        """Ask it to end."""
        with suppress(ProcessLookupError):
            self._process.terminate()


def _watch(process: subprocess.Popen[bytes], plan: LoadPlan, over: float, progress: Progress) -> None:
    told, at = "", 0.0

    def ended() -> bool:
        nonlocal told, at
        results = load_plan.read_results(plan.results)
        come, gone = {one.user for one in results}, {one.user for one in results if not one.step}
        failed = {one.user for one in results if one.error}
        text = f"  {len(come)} of {len(plan.people)} users have come, {len(gone)} are done, {len(failed)} failed"
        if text != told and time.monotonic() - at > _TELL_EVERY:
            told, at = text, time.monotonic()
            progress.say(text)
        return process.poll() is not None

    with suppress(DeadlineExceededError):  # Locust ends by itself at its run time; this is only a second belt
        wait_for(ended, within=over + _ROUND_WITHIN + 60, what="the load generator to end", every=0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _known_users(target: Target) -> set[str]:
    return set(target.api.list_users()) if target.profile.hub.api_token else set()


def _tidy(target: Target, users: list[str], known: set[str], progress: Progress) -> _Tidied:
    """Stop the load users' servers that still run, remove the users that this run made, and say what stays."""
    done = _Tidied()
    if target.profile.hub.api_token is None:
        done.notes.append("the profile names no token for the hub's API: what load users left was not looked for")
        return done
    api = target.api
    with progress.step("looking for what the load users left"):
        try:
            mine = [user for user in api.users() if user["name"] in users]
            running = [user["name"] for user in mine if user.get("server") or user.get("servers")]
            for name in running:
                api.stop_server(name)
                done.notes.append(f"server of {name} (left by this run's users)")
            wait_for(
                lambda: not [name for name in running if api.server(name)],
                within=_TIDY_WITHIN,
                what="the servers of load users to stop",
                every=0.5,
            )
            _remove_users(api, [user["name"] for user in mine if user["name"] not in known])
        except HubproofError as error:
            done.notes.append(f"sweeping stopped: {error.happened}")
        done.left_behind = _left(target, users, known, done)
    return done


def _remove_users(api: HubApi, names: list[str]) -> None:
    for name in names:
        api.delete_user(name)


def _left(target: Target, users: list[str], known: set[str], done: _Tidied) -> list[str]:
    try:
        left = [f"user {name}" for name in target.api.list_users() if name in users and name not in known]
        left += [f"server of {name}" for name in users if target.api.server(name)]
        if not target.settings.blocked.cluster:
            left += [
                f"pod {pod['metadata']['name']}"
                for name in users
                for pod in target.cluster_pods(name)
                if "deletionTimestamp" not in pod["metadata"]
            ]
    except HubproofError as error:
        done.notes.append(f"what was left could not be listed: {error.happened}")
        return []
    return left


def _measured(
    capacity: Capacity, users: list[str], results: list[load_plan.StepResult], seconds: float, left: list[str]
) -> CapacityRecord:
    steps = load_plan.steps_of(results)
    done = load_plan.completed(results)
    return CapacityRecord(
        users=len(users),
        started=len({one.user for one in results}),
        completed=len(done),
        seconds=round(seconds, 3),
        steps=steps,
        objectives=load_plan.judge_objectives(capacity.objectives, steps, len(users), len(done)),
        failures=load_plan.failures_of(results, users),
        left_behind=left,
    )


def _show(record: RunRecord, progress: Progress) -> None:
    load = record.capacity
    if load is None:
        return
    progress.say(f"{'step':<10} {'users':>6} {'failed':>6} {'p50':>8} {'p95':>8} {'p99':>8} {'max':>8}")
    for one in load.steps:
        times = " ".join(f"{value:>7.2f}s" for value in (one.p50, one.p95, one.p99, one.max))
        progress.say(f"{one.name:<10} {one.count:>6} {one.failures:>6} {times}")
    for failure in load.failures:
        progress.say(f"✗ {failure.count} × {failure.cause}\n    for example {failure.example}")
    for what in load.left_behind:
        progress.say(f"✗ left behind: {what}")
