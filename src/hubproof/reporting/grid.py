"""Reachability as a grid: a row for each destination, a column for each source, promised against observed in a cell."""

from __future__ import annotations

from dataclasses import dataclass

from hubproof.record import ReachRecord


@dataclass(frozen=True)
class GridRow:
    """One destination.

    Attributes:
        to: its name.
        address: where it is: host:port/protocol.
        cells: what was promised to each source and seen from it, in the order of the sources; None where nothing was.

    """

    to: str
    address: str
    cells: list[ReachRecord | None]


@dataclass(frozen=True)
class Grid:
    """What the template draws."""

    sources: list[str]
    rows: list[GridRow]


def grid(reach: list[ReachRecord]) -> Grid:
    """Lay the promises out: what users need first, then what is closed to them, each in the profile's order."""
    sources = list(dict.fromkeys(one.source for one in reach))
    places: dict[tuple[str, str], dict[str, ReachRecord]] = {}
    for one in sorted(reach, key=lambda one: one.promised == "closed"):
        places.setdefault((one.to, one.address), {})[one.source] = one
    rows = [GridRow(to, address, [seen.get(one) for one in sources]) for (to, address), seen in places.items()]
    return Grid(sources, rows)
