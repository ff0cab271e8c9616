"""When each check ran and how long: bars on the run's own scale, in percent of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from hubproof.record import CheckRecord, RunRecord

_SHOWN = 30
"""The slowest checks that are drawn: where a run's time goes is there."""
_NARROWEST = 0.4


@dataclass(frozen=True)
class Timed:
    """One check: `begin` and `width` are percent of the run."""

    check: CheckRecord
    begin: float
    width: float


def timings(record: RunRecord) -> list[Timed]:
    """Return the slowest checks of this run in the order in which they began; what an earlier run saw is left out."""
    ran = [one for one in record.checks if one.started and not one.run and one.seconds > 0]
    slowest = sorted(ran, key=lambda one: one.seconds, reverse=True)[:_SHOWN]
    if not slowest:
        return []
    zero = dt.datetime.fromisoformat(record.run.started)
    begins = {id(one): (dt.datetime.fromisoformat(one.started) - zero).total_seconds() for one in slowest}
    whole = max(record.run.seconds, *(begins[id(one)] + one.seconds for one in slowest))
    shown = []
    for one in sorted(slowest, key=lambda one: begins[id(one)]):
        begin = max(0.0, 100 * begins[id(one)] / whole)
        width = min(max(100 * one.seconds / whole, _NARROWEST), 100 - begin)
        shown.append(Timed(one, round(begin, 2), round(width, 2)))
    return shown
