"""The record as one HTML file that opens offline: styles, script, drawings and evidence are inside it."""

from __future__ import annotations

import json
from pathlib import Path

import jinja2

from hubproof.record import CheckRecord, EvidenceRecord, RunRecord
from hubproof.reporting.waterfall import Bars, waterfall
from hubproof.reporting.words import CRITERIA, DEPLOYMENT_CRITERIA, MEANING, SHOWN, counted, duration, lamps
from hubproof.resources import resource

_SHOWN_OF_A_TEXT = 12_000
"""Characters of a text that stand in the report itself; the whole is in its file, which the report links to."""


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
        meaning=MEANING[record.verdict],
        shown=SHOWN,
        counts=counted(record.checks),
        lamps=[(lamp, CRITERIA.index(lamp.criterion) < DEPLOYMENT_CRITERIA) for lamp in lamps(record)],
        families=_families(record),
        evidence=lambda piece: _piece(piece, folder),
        waterfall=_drawn(record),
    )


def _families(record: RunRecord) -> dict[str, list[CheckRecord]]:
    names = dict.fromkeys(one.family for one in record.checks)
    return {name: [one for one in record.checks if one.family == name] for name in names}


def _piece(piece: EvidenceRecord, folder: Path) -> dict[str, str | bool]:
    if not piece.path:
        text = piece.value if isinstance(piece.value, str) else json.dumps(piece.value, indent=2, ensure_ascii=False)
        return {"text": text, "cut": False}
    try:
        text = (folder / piece.path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return {"text": f"the file is not there: {error.strerror}", "cut": False}
    return {"text": text[-_SHOWN_OF_A_TEXT:], "cut": len(text) > _SHOWN_OF_A_TEXT}


def _drawn(record: RunRecord) -> Bars | None:
    return waterfall(record.anatomy) if record.anatomy else None
