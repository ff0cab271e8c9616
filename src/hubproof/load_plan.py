"""What a capacity run tells its load generator, and how what it measured is added up. No Locust here."""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hubproof.profile import Objectives
from hubproof.record import FailureRecord, ObjectiveRecord, StepRecord

STEPS = ("sign in", "spawn", "kernel", "execute", "stop")
_NUMBERS = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class LoadPlan:
    """One capacity run, for the process that generates the load.

    Attributes:
        profile: path of the target's profile.
        results: file to which one line of JSON is added for each step of each user.
        people: name and password of each user, in the order in which they come.
        spawn_within: seconds after which a spawn has failed.
        stop_within: seconds after which a stop has failed.

    """

    profile: Path
    results: Path
    people: tuple[tuple[str, str], ...]
    spawn_within: float
    stop_within: float

    def save(self, path: Path) -> None:
        """Write the plan so that only its owner can read it: it holds passwords."""
        data = {**asdict(self), "profile": str(self.profile), "results": str(self.results)}
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(data, file)

    @classmethod
    def load(cls, path: Path) -> LoadPlan:
        """Read a plan."""
        data = json.loads(path.read_text(encoding="utf-8"))
        people = tuple((name, password) for name, password in data.pop("people"))
        return cls(Path(data.pop("profile")), Path(data.pop("results")), people, **data)


@dataclass(frozen=True)
class StepResult:
    """What came of one step of one user; the empty step says that the user is gone."""

    user: str
    step: str
    seconds: float
    error: str = ""


def read_results(path: Path) -> list[StepResult]:
    """Return what has been written so far; a line that is being written is left for the next time."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [StepResult(**json.loads(line)) for line in lines]


def quantile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank quantile: a value that was measured, never one between two; 0 for no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def steps_of(results: Sequence[StepResult]) -> list[StepRecord]:
    """Return count, failures and times of each step; times are of those that worked."""
    found = []
    for name in STEPS:
        of_step = [one for one in results if one.step == name]
        times = [one.seconds for one in of_step if not one.error]
        found.append(
            StepRecord(
                name=name,
                count=len(of_step),
                failures=len(of_step) - len(times),
                p50=quantile(times, 0.5),
                p95=quantile(times, 0.95),
                p99=quantile(times, 0.99),
                max=max(times, default=0.0),
            )
        )
    return found


def completed(results: Sequence[StepResult]) -> set[str]:
    """Return the users who did every step, and none of them in vain."""
    worked: dict[str, set[str]] = {}
    for one in results:
        if one.step and not one.error:
            worked.setdefault(one.user, set()).add(one.step)
    return {user for user, steps in worked.items() if steps == set(STEPS)}


def failures_of(results: Sequence[StepResult], users: Sequence[str]) -> list[FailureRecord]:
    """Return causes of failure, the commonest first; what differs only in numbers or in the user is one cause."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for one in results:
        if one.error:
            cause = f"{one.step}: {_NUMBERS.sub('N', one.error.replace(one.user, 'USER'))[:200]}"
            counts[cause] += 1
            examples.setdefault(cause, f"{one.user}: {one.error}"[:500])
    found = [FailureRecord(cause=cause, count=n, example=examples[cause]) for cause, n in counts.most_common()]
    gone = {one.user for one in results if not one.step}
    lost = [user for user in users if user not in gone]
    if lost:
        cause = "never came to their end: the run was stopped, or the generator broke"
        found.append(FailureRecord(cause=cause, count=len(lost), example=lost[0]))
    return found


def judge_objectives(wanted: Objectives, steps: Sequence[StepRecord], users: int, done: int) -> list[ObjectiveRecord]:
    """Compare each objective with what was measured. A step that nobody came to is missed, not met."""
    judged = []
    for step in steps:
        limit: float | None = getattr(wanted, f"{step.name.replace(' ', '_')}_p95", None)
        if limit is not None:
            worked = step.count - step.failures
            seen = f"{step.p95:.1f} s of {worked} users" if worked else "nobody came through"
            judged.append(
                ObjectiveRecord(
                    name=f"{step.name} p95",
                    promised=f"{limit:g} s",
                    observed=seen,
                    met=bool(worked) and step.p95 <= limit,
                )
            )
    share = (users - done) / users
    judged.append(
        ObjectiveRecord(
            name="failures",
            promised=f"{wanted.failures:.0%} of users",
            observed=f"{share:.0%}: {users - done} of {users}",
            met=share <= wanted.failures,
        )
    )
    return judged
