"""The record as Markdown that fits a CI job's summary: the verdict first, then what a reader has to act on."""

from __future__ import annotations

from hubproof.record import CheckRecord, RunRecord
from hubproof.reporting.words import SHOWN, counted, duration, lamps, meaning, told

_MARK = {
    "pass": "🟢", "fail": "🔴", "error": "🟣", "could-not-run": "🟡", "inconclusive": "🟡", "known": "🔵",
    "not-applicable": "⚪", "incomplete": "🟡", "": "⚪",
}  # fmt: skip
_LONGEST = 600


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
        lines += [line for one in troubled for line in _explained(one)]
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
        lines += [
            f"| {_MARK[one.verdict]} {_cell(one.name)} | {one.verdict} | {one.severity} | {duration(one.seconds)} |"
            for one in shown
        ]
        lines += ["", "</details>", ""]
    lines += _spawns(record) + _load(record) + _rest(record)
    return "\n".join(lines).rstrip() + "\n"


def _explained(check: CheckRecord) -> list[str]:
    head = f"{_MARK[check.verdict]} **{_cell(check.name)}** ({check.severity})"
    lines = [f"- {head}: {SHOWN[check.verdict].phrase}. {check.must}"]
    for word, text in told(check):
        cell = _cell(text)
        lines.append(f"  - {word}: `{cell.replace('`', chr(39))}`" if word == "by hand" else f"  - {word}: {cell}")
    return [*lines, ""]


def _spawns(record: RunRecord) -> list[str]:
    if not record.anatomy:
        return []
    lines = ["## Spawns", "", "| user | ready after | where the time went |", "| --- | --- | --- |"]
    for spawn in record.anatomy:
        stages = sorted(spawn.stages, key=lambda one: one.seconds, reverse=True)[:4]
        went = ", ".join(f"{one.name} {one.seconds:.1f} s" for one in stages)
        lines.append(f"| {_cell(spawn.user)} | {spawn.seconds:.1f} s | {went} |")
    return [*lines, ""]


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
    lines += ["", *(f"- {one.count} x {_cell(one.cause)}: {_cell(one.example)}" for one in load.failures)]
    lines += [f"- left behind: {_cell(one)}" for one in load.left_behind]
    return [*lines, ""]


def _rest(record: RunRecord) -> list[str]:
    lines = [f"- not proven: {_cell(name)}: {_cell(why)}" for name, why in record.not_proven.items()]
    return lines + [f"- swept: {_cell(one)}" for one in record.swept]


def _cell(text: str) -> str:
    """Make a text safe for one cell of a table: one line, bounded, and without markup of its own."""
    line = " ".join(text.split())
    line = line[:_LONGEST] + "…" if len(line) > _LONGEST else line
    return line.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")
