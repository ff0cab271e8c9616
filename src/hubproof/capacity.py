"""How many users does it carry? Lets load users do their rounds, judges what they met, and leaves nothing behind.

Users come evenly over time, each does its round once, and goes. The figures are the users' own: `hubproof.load_plan`.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hubproof import __version__, load_plan
from hubproof.errors import CouldNotRunError, HubproofError, TargetError, UsageError
from hubproof.gate import Stopped
from hubproof.load_plan import LoadPlan
from hubproof.load_process import generate
from hubproof.preflight import preflight
from hubproof.profile import Capacity, Profile
from hubproof.progress import Progress
from hubproof.record import CapacityRecord, RunFacts, RunRecord, TargetFacts, judge
from hubproof.reporting import write_views
from hubproof.reporting.table import LiveTable
from hubproof.run import RunSettings, new_run_id, point_latest
from hubproof.target import Target
from hubproof.tidying import tidied
from hubproof.versions import versions_of
from hubproof.waiting import wait_for

_TIDY_WITHIN = 120.0


@dataclass
class _Tidied:
    left_behind: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unknown: str = ""


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
        kubeconfig=profile.given_kubeconfig,
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
            try:
                known, plan = _known_users(target), _plan(target, capacity, users)
            except CouldNotRunError as error:
                stopped.why = error.happened
                known, plan = set(), None
            try:
                results = generate(plan, over, settings.folder, stopped, progress) if plan else []
            finally:
                outcome = _tidy(target, users, known, progress) if plan else outcome
    stopped.why = stopped.why or outcome.unknown
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


def _known_users(target: Target) -> set[str]:
    return set(target.api.list_users()) if target.profile.hub.api_token else set()


def _tidy(target: Target, users: list[str], known: set[str], progress: Progress) -> _Tidied:
    """Stop the load users' servers that still run, remove the users that this run made, and say what stays.

    A hub that the load has driven into errors gets time to recover: what it does not tell is not taken for nothing.
    """
    done = _Tidied()
    if target.profile.hub.api_token is None:
        done.unknown = "the profile names no token for the hub's API, so what load users left was not looked for"
        return done
    with progress.step("looking for what the load users left"):
        try:
            wait_for(
                lambda: _swept(target, users, known, done),
                within=_TIDY_WITHIN,
                what="the servers of load users to stop",
                every=0.5,
                last=lambda: done.unknown or "servers still run",
            )
            done.left_behind = _left(target, users, known)
        except HubproofError as error:
            done.unknown = f"what the load users left is not known: {error.happened}"
    return done


def _swept(target: Target, users: list[str], known: set[str], done: _Tidied) -> bool:
    """Stop and remove what can be, once; say whether the hub tells of no more servers."""
    api = target.api
    done.unknown = ""
    try:
        mine = [user for user in api.users() if user["name"] in users]
        running = [user["name"] for user in mine if api.server(user["name"])]
        for name in running:
            if api.stop_server(name):
                done.notes.append(f"server of {name} (left by this run's users)")
        for user in mine:
            if user["name"] not in known and user["name"] not in running:
                api.delete_user(user["name"])
    except TargetError as error:
        done.unknown = error.happened
        return False
    return not running


def _left(target: Target, users: list[str], known: set[str]) -> list[str]:
    left = [f"user {name}" for name in target.api.list_users() if name in users and name not in known]
    left += [f"server of {name}" for name in users if target.api.server(name)]
    if not target.settings.blocked.cluster:
        left += [
            f"pod {pod['metadata']['name']}"
            for name in users
            for pod in target.cluster_pods(name)
            if "deletionTimestamp" not in pod["metadata"]
        ]
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
        progress.say(f"✗ {failure.count} times {failure.cause}\n    for example {failure.example}")
    for what in load.left_behind:
        progress.say(f"✗ left behind: {what}")
