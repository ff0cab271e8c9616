"""Spawns as a waterfall: a row each, a bar for every stage, all on one scale of seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hubproof.record import AnatomyRecord, StageRecord

WIDTH = 790.0
"""Of the drawing's bars, in its own units."""
_TICKS = 6


@dataclass(frozen=True)
class Bar:
    """One stage: where it begins, how wide it is, and what it says."""

    x: float
    width: float
    hue: int
    stage: str
    seconds: float


@dataclass(frozen=True)
class Row:
    """One spawn."""

    user: str
    check: str
    seconds: float
    ready: bool
    bars: list[Bar]
    unseen: list[str]


@dataclass(frozen=True)
class Bars:
    """What the template draws.

    Attributes:
        rows: one a spawn.
        ticks: (place, seconds) of the scale.
        legend: (stage, index of its colour), in the order of the stages.

    """

    rows: list[Row]
    ticks: list[tuple[float, str]]
    legend: list[tuple[str, int]]


def waterfall(spawns: list[AnatomyRecord]) -> Bars:
    """Lay the spawns out. Stages keep their colour over all rows."""
    names = list(dict.fromkeys(stage.name for spawn in spawns for stage in spawn.stages))
    longest = max((stage.at for spawn in spawns for stage in spawn.stages), default=0.0) or 1.0
    step = _nice(longest / _TICKS)
    end = math.ceil(longest / step) * step
    scale = WIDTH / end
    rows = [
        Row(
            f"{spawn.user}/{spawn.server}" if spawn.server else spawn.user,
            spawn.check,
            spawn.seconds,
            spawn.ready,
            [_bar(stage, scale, names.index(stage.name)) for stage in spawn.stages],
            spawn.unseen,
        )
        for spawn in spawns
    ]
    ticks = [(round(n * step * scale, 2), f"{n * step:g} s") for n in range(round(end / step) + 1)]
    return Bars(rows, ticks, [(name, place) for place, name in enumerate(names)])


def _bar(stage: StageRecord, scale: float, hue: int) -> Bar:
    begin = (stage.at - stage.seconds) * scale
    return Bar(round(begin, 2), round(max(stage.seconds * scale, 0.5), 2), hue, stage.name, stage.seconds)


def _nice(value: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value)
