"""Compares two runs: what broke, what was mended, what became slower, and what changed around them."""

from __future__ import annotations

import difflib
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hubproof.record import CheckRecord, RunRecord
from hubproof.redaction import redact
from hubproof.run import PROFILE_COPY

SLOWER_BY = 2.0
"""A check is slower when it takes so many times as long …"""
SLOWER_THAN = 3.0
"""… and so many seconds more: a single run's times differ by less from one run to the next (see bench/noise.py)."""
_SPAWNS = 3
"""So many spawns must have gone through a stage in both runs before their medians are compared."""
_BAD = {"fail", "error"}
_UNCLEAR = {"could-not-run", "inconclusive"}
_GREEN = {"pass", "known", "not-applicable"}

Kind = Literal[
    "newly broken", "still broken", "no longer proven", "mended", "slower", "faster", "new", "gone", "otherwise"
]


class Change(BaseModel):
    """One check, or one stage of spawns, that is not as it was; or a check that is broken in both runs."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    name: str
    before: str
    after: str
    message: str = ""


class Comparison(BaseModel):
    """What differs between two runs.

    Attributes:
        before: id of the earlier run.
        after: id of the later run.
        changes: by check, those that matter most first.
        versions: name to [before, after], of those that differ.
        profile: lines of a diff between the two profiles; one line of words when a copy is missing; empty when alike.

    """

    model_config = ConfigDict(extra="forbid")

    schema_: Literal["hubproof.comparison/1"] = Field(default="hubproof.comparison/1", alias="schema")
    before: str
    after: str
    changes: list[Change]
    versions: dict[str, tuple[str, str]]
    profile: list[str]

    def of_kind(self, *kinds: Kind) -> list[Change]:
        """Return the changes of some kinds."""
        return [one for one in self.changes if one.kind in kinds]

    @property
    def exit_code(self) -> int:
        """1 when something is newly broken, 3 when something is no longer proven, else 0."""
        if self.of_kind("newly broken"):
            return 1
        return 3 if self.of_kind("no longer proven") else 0


def compare(before: RunRecord, after: RunRecord, folders: tuple[Path, Path]) -> Comparison:
    """Compare two records.

    Args:
        before: the earlier run.
        after: the later run.
        folders: of both, for the copies of their profiles.

    """
    old, new = ({one.name: one for one in record.checks} for record in (before, after))
    changes = [change for name in {**old, **new} if (change := _change(name, old.get(name), new.get(name)))]
    changes += _stages(before, after)
    order = list(Kind.__args__)  # type: ignore[attr-defined]
    changes.sort(key=lambda one: (order.index(one.kind), one.name))
    names = dict.fromkeys([*before.target.versions, *after.target.versions])
    pairs = {name: (before.target.versions.get(name, "?"), after.target.versions.get(name, "?")) for name in names}
    pairs["hubproof"] = (before.run.hubproof, after.run.hubproof)
    return Comparison(
        before=before.run.id,
        after=after.run.id,
        changes=changes,
        versions={name: pair for name, pair in pairs.items() if pair[0] != pair[1]},
        profile=_profiles(before, after, folders),
    )


def _change(name: str, old: CheckRecord | None, new: CheckRecord | None) -> Change | None:
    if old is None or new is None:
        kind: Kind = "new" if old is None else "gone"
        if new is not None and new.verdict in _BAD:
            kind = "newly broken"
        return Change(
            kind=kind,
            name=name,
            before=old.verdict if old else "not run",
            after=new.verdict if new else "not run",
            message=new.message if new and new.verdict in _BAD else "",
        )
    change = Change(kind="otherwise", name=name, before=old.verdict, after=new.verdict, message=new.message)
    if new.verdict in _BAD:
        return change.model_copy(update={"kind": "still broken" if old.verdict in _BAD else "newly broken"})
    if new.verdict in _UNCLEAR and old.verdict not in _UNCLEAR:
        return change.model_copy(update={"kind": "no longer proven"})
    if old.verdict in _BAD | _UNCLEAR and new.verdict in _GREEN:
        return change.model_copy(update={"kind": "mended", "message": old.message})
    if old.verdict != new.verdict:
        return change
    return _timed(name, old.seconds, new.seconds) if new.verdict == "pass" else None


def _timed(name: str, old: float, new: float) -> Change | None:
    short, long = sorted((old, new))
    if long < short * SLOWER_BY or long - short < SLOWER_THAN:
        return None
    return Change(kind="slower" if new > old else "faster", name=name, before=f"{old:.1f} s", after=f"{new:.1f} s")


def _stages(before: RunRecord, after: RunRecord) -> Iterable[Change]:
    old, new = (_medians(record) for record in (before, after))
    for name in old.keys() & new.keys():
        if change := _timed(f"spawn stage: {name} (median)", old[name], new[name]):
            yield change


def _medians(record: RunRecord) -> dict[str, float]:
    times: dict[str, list[float]] = {}
    for spawn in record.anatomy:
        for stage in spawn.stages:
            times.setdefault(stage.name, []).append(stage.seconds)
    return {name: statistics.median(seen) for name, seen in times.items() if len(seen) >= _SPAWNS}


def _profiles(before: RunRecord, after: RunRecord, folders: tuple[Path, Path]) -> list[str]:
    if before.run.profile_sha256 == after.run.profile_sha256:
        return []
    copies = [folder / PROFILE_COPY for folder in folders]
    if not all(copy.is_file() for copy in copies):
        return ["the profiles differ; at least one run kept no copy of its own"]
    old, new = (copy.read_text(encoding="utf-8").splitlines() for copy in copies)
    lines = difflib.unified_diff(old, new, before.run.id, after.run.id, lineterm="", n=0)
    return [redact(line) for line in lines]
