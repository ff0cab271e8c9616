"""Views of one run record. Each shows what the record says, and computes no verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hubproof.record import RunRecord
from hubproof.reporting.html import html_report
from hubproof.reporting.junit import junit_xml
from hubproof.reporting.metrics import prometheus_metrics
from hubproof.reporting.summary import markdown_summary

VIEWS: dict[str, Callable[[RunRecord, Path], str]] = {
    "junit.xml": lambda record, _folder: junit_xml(record),
    "report.html": html_report,
    "summary.md": lambda record, _folder: markdown_summary(record),
    "metrics.prom": lambda record, _folder: prometheus_metrics(record),
}
"""File name to what makes it, from the record and the run's folder (where the evidence is)."""


def write_views(record: RunRecord, folder: Path) -> list[Path]:
    """Write the record and every view of it into the run's folder, each whole or not at all; return the files."""
    written = [record.save(folder)]
    for name, view in VIEWS.items():
        path, temporary = folder / name, folder / f".{name}.part"
        temporary.write_text(view(record, folder), encoding="utf-8")
        temporary.replace(path)
        written.append(path)
    return written
