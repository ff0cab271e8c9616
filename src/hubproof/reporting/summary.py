"""The record as Markdown that fits a CI job's summary: the verdict first, then what a reader has to act on."""

from __future__ import annotations

from collections.abc import Iterable

from hubproof.record import AnatomyRecord, CheckRecord, RunRecord
from hubproof.reporting.words import SHOWN, counted, duration, lamps, meaning, told

_MARK = {
    "pass": "🟢", "fail": "🔴", "error": "🟣", "could-not-run": "🟡", "inconclusive": "🟡", "known": "🔵",
    "not-applicable": "⚪", "incomplete": "🟡", "": "⚪",
}  # fmt: skip
_LONGEST = 600
"""Characters kept of one text."""
_PART = 160 * 1024
"""Bytes of one part of the summary. A CI job's summary may have 1 MiB (GitHub), and there are five such parts."""


def markdown_summary(record: RunRecord) -> str:
    """Return the summary."""
    counts = ", ".join(f"{number} {verdict}" for verdict, number in counted(record.checks).items())
    lines = [
        f"# {_MARK[record.verdict]} {record.verdict.upper()}: {_cell(record.target.name)}",
        "",
        f"{meaning(record)} {counts or 'No checks'} in {duration(record.run.seconds)}.",
        "",
        f"Exit code {record.exit_code}. Run `{record.run.id}` ({record.run.mode}) against {_cell(record.target.url)}.",
        "",
    ]
    if record.run.stopped:
        lines += [f"**{_cell(record.run.stopped)}**", ""]
    shown = [one for verdict in SHOWN for one in record.checks if one.verdict == verdict]
    troubled = [one for one in shown if one.verdict not in {"pass", "not-applicable"}]
    if troubled:
        lines += ["## To act on", ""]
        lines += _bounded((_explained(one) for one in troubled), "- {} more to act on: report.html has them all.")
        lines.append("")
    if record.checks:
        lines += ["| criterion | |", "| --- | --- |"]
        lines += [f"| {_MARK[lamp.worst]} {lamp.criterion} | {lamp.words} |" for lamp in lamps(record)]
        lines += [
            "",
            "<details><summary>All checks</summary>",
            "",
            "| check | verdict | severity | time |",
            "| --- | --- | --- | --- |",
        ]
        rows = (
            f"| {_MARK[one.verdict]} {_cell(one.name)} | {one.verdict} | {one.severity} | {duration(one.seconds)} |"
            for one in shown
        )
        lines += [*_bounded(rows, "| {} more: report.html has them all | | | |"), "", "</details>", ""]
    lines += _spawns(record) + _reach(record) + _load(record) + _rest(record)
    return "\n".join(lines).rstrip() + "\n"


def _bounded(blocks: Iterable[str], rest: str) -> list[str]:
    """Return as many blocks as a part may have, and a line that says how many were left out."""
    kept, left, size = [], 0, 0
    for block in blocks:
        size += len(block.encode()) + 1
        if size > _PART:
            left += 1
        else:
            kept.append(block)
    return [*kept, rest.format(left)] if left else kept


def _explained(check: CheckRecord) -> str:
    head = f"{_MARK[check.verdict]} **{_cell(check.name)}** ({check.severity})"
    lines = [f"- {head}: {SHOWN[check.verdict].phrase}. {check.must}"]
    for word, text in told(check):
        cell = _cell(text)
        lines.append(f"  - {word}: `{cell.replace('`', chr(39))}`" if word == "by hand" else f"  - {word}: {cell}")
    return "\n".join(lines)


def _spawns(record: RunRecord) -> list[str]:
    if not record.anatomy:
        return []
    lines = ["## Spawns", "", "| user | ready after | where the time went |", "| --- | --- | --- |"]
    return [*lines, *_bounded(map(_spawn, record.anatomy), "| {} more: report.html has them all | | |"), ""]


def _spawn(spawn: AnatomyRecord) -> str:
    stages = sorted(spawn.stages, key=lambda one: one.seconds, reverse=True)[:4]
    went = ", ".join(f"{one.name} {one.seconds:.1f} s" for one in stages)
    ready = f"{spawn.seconds:.1f} s" if spawn.ready else f"not ready, {spawn.seconds:.1f} s"
    return f"| {_cell(spawn.user)} | {ready} | {went} |"


def _reach(record: RunRecord) -> list[str]:
    if not record.reach:
        return []
    said = {"kept": "🟢", "broken": "🔴", "unclear": "🟡"}
    rows = (
        f"| {said[one.verdict]} {_cell(one.to)} | {_cell(one.source)} | {one.promised} | {_cell(one.observed)} |"
        for one in sorted(record.reach, key=lambda one: list(said).index(one.verdict), reverse=True)
    )
    head = ["## Who reaches whom", "", "| to | from | promised | observed |", "| --- | --- | --- | --- |"]
    return [*head, *_bounded(rows, "| {} more: report.html has them all | | | |"), ""]


def _load(record: RunRecord) -> list[str]:
    load = record.capacity
    if load is None:
        return []
    lines = [f"## Capacity: {load.completed} of {load.users} users", ""]
    lines += ["| objective | promised | observed | |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {_cell(one.name)} | {_cell(one.promised)} | {_cell(one.observed)} | {'🟢' if one.met else '🔴'} |"
        for one in load.objectives
    ]
    lines += ["", "| step | times | failures | p50 | p95 | p99 | max |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for step in load.steps:
        times = " | ".join(f"{value:.2f} s" for value in (step.p50, step.p95, step.p99, step.max))
        lines.append(f"| {_cell(step.name)} | {step.count} | {step.failures} | {times} |")
    wrong = [f"- {one.count} x {_cell(one.cause)}: {_cell(one.example)}" for one in load.failures]
    wrong += [f"- left behind: {_cell(one)}" for one in load.left_behind]
    return [*lines, "", *_bounded(wrong, "- {} more lines: report.html has them all."), ""]


def _rest(record: RunRecord) -> list[str]:
    lines = [f"- not proven: {_cell(name)}: {_cell(why)}" for name, why in record.not_proven.items()]
    lines += [f"- swept: {_cell(one)}" for one in record.swept]
    return _bounded(lines, "- {} more lines: report.html has them all.")


def _cell(text: str) -> str:
    """Make a text safe for one cell of a table: one line, bounded, and without markup of its own."""
    line = " ".join(text.split())
    line = line[:_LONGEST] + "…" if len(line) > _LONGEST else line
    return line.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")
