"""The record as one HTML file that opens offline: styles, script, drawings and evidence are inside it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jinja2

from hubproof.record import CheckRecord, EvidenceRecord, RunRecord
from hubproof.reporting.grid import grid
from hubproof.reporting.timings import timings
from hubproof.reporting.waterfall import Bars, waterfall
from hubproof.reporting.words import CRITERIA, DEPLOYMENT_CRITERIA, SHOWN, counted, duration, lamps, meaning, told
from hubproof.resources import resource

_SHOWN_OF_A_TEXT = {"pass": 3_000, "not-applicable": 3_000}
_SHOWN_OF_TROUBLE = 12_000
"""Bytes of a text that stand in the report itself; the whole is in its file, which the report links to."""
_TROUBLE = ("error", "fail", "inconclusive", "could-not-run")
_LONG = 6
"""Lines from which on a text is shown as it is printed, in a box of its own."""


def html_report(record: RunRecord, folder: Path) -> str:
    """Return the report.

    Args:
        record: what to show.
        folder: of the run, where the texts of the evidence are.

    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource("reports", "templates")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["duration"] = duration
    template = environment.get_template("report.html.j2")
    return template.render(
        record=record,
        meaning=meaning(record),
        shown=SHOWN,
        counts=counted(record.checks),
        lamps=[(lamp, CRITERIA.index(lamp.criterion) < DEPLOYMENT_CRITERIA) for lamp in lamps(record)],
        families=_families(record),
        troubled=[one for verdict in _TROUBLE for one in record.checks if one.verdict == verdict],
        told=told,
        is_long=lambda text: text.count("\n") >= _LONG,
        evidence=lambda check, piece: _piece(piece, folder, _SHOWN_OF_A_TEXT.get(check.verdict, _SHOWN_OF_TROUBLE)),
        waterfall=_drawn(record),
        reach=grid(record.reach),
        timings=timings(record),
        drawn={spawn.check for spawn in record.anatomy},
    )


def _families(record: RunRecord) -> dict[str, list[CheckRecord]]:
    names = dict.fromkeys(one.family for one in record.checks)
    return {name: [one for one in record.checks if one.family == name] for name in names}


def _piece(piece: EvidenceRecord, folder: Path, most: int) -> dict[str, str | bool]:
    if not piece.path:
        text = piece.value if isinstance(piece.value, str) else json.dumps(piece.value, indent=2, ensure_ascii=False)
        return {"text": text, "cut": False}
    try:
        with (folder / piece.path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            end = file.read(most)
    except OSError as error:
        return {"text": f"the file is not there: {error.strerror}", "cut": False}
    return {"text": end.decode("utf-8", errors="replace"), "cut": size > most}


def _drawn(record: RunRecord) -> Bars | None:
    return waterfall(record.anatomy) if record.anatomy else None
