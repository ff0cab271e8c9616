"""What a run tells the person at the terminal: a line for each check as it ends, and the verdict with its reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from hubproof.checking import CheckInfo
from hubproof.record import CheckRecord, RunRecord
from hubproof.reporting.words import SHOWN, counted, duration, meaning, told

_RUN_COLOUR = {"pass": "green", "fail": "red", "error": "magenta", "incomplete": "yellow"}
_EXPLAINED = ("error", "fail", "inconclusive", "could-not-run")


class LiveTable:
    """Prints results as they come; nothing is drawn over, so that a CI log reads the same as a terminal.

    Args:
        console: where to.
        catalogue: every check by id, for the width of the columns.

    """

    def __init__(self, console: Console, catalogue: dict[str, CheckInfo]) -> None:
        self._console = console
        self._catalogue = catalogue
        self._width = max((len(name) for name in catalogue), default=20) + 2

    def result(self, line: dict[str, Any]) -> None:
        """Print the result of one check, as the plugin wrote it."""
        shown = SHOWN[line["verdict"]]
        name = f"{line['id']}[{line['case']}]" if line["case"] else line["id"] or line["nodeid"]
        info = self._catalogue.get(line["id"])
        severity = info.severity if info else ""
        self._console.print(
            f"[{shown.colour}]{shown.sign}[/] {escape(f'{name:<{self._width}}')} "
            f"[{shown.colour}]{line['verdict']:<14}[/] [dim]{severity:<8} {duration(line['seconds']):>10}[/]",
            highlight=False,
        )
        if line["verdict"] not in {"pass", "not-applicable"}:
            self._indented(_first_lines(line["message"]), "dim")

    def conclude(self, record: RunRecord, folder: Path) -> None:
        """Print the verdict of the run, why, and where the report is."""
        for verdict in _EXPLAINED:
            for check in record.checks:
                if check.verdict == verdict:
                    self._explain(check)
        if record.capacity:
            self._objectives(record)
        print_ = self._console.print
        print_()
        for note in record.swept:
            print_(f"[dim]swept: {escape(note)}[/]")
        excused = {one.name: _one_line(one.message) for one in record.checks if one.verdict == "not-applicable"}
        self._grouped("not applicable", excused)
        self._grouped("not proven", record.not_proven)
        counts = ", ".join(f"{number} {verdict}" for verdict, number in counted(record.checks).items())
        colour = _RUN_COLOUR[record.verdict]
        stopped = f" [yellow]{escape(record.run.stopped)}.[/]" if record.run.stopped else ""
        print_(f"[bold {colour}]{record.verdict.upper()}[/] {escape(record.target.name)}: {meaning(record)}{stopped}")
        print_(f"{counts or 'no checks'} in {duration(record.run.seconds)}; exit code {record.exit_code}")
        print_(f"report: {escape(str(folder / 'report.html'))}")

    def _explain(self, check: CheckRecord) -> None:
        shown = SHOWN[check.verdict]
        self._console.print()
        self._console.print(f"[{shown.colour}]{shown.sign} {escape(check.name)}[/] [dim]{shown.phrase}[/]")
        for name, text in [("MUST", check.must), *told(check)]:
            self._indented(f"{name:>9}  {_first_lines(text, 12)}", "", hang=11)

    def _grouped(self, words: str, reasons: dict[str, str]) -> None:
        for why in dict.fromkeys(reasons.values()):
            names = ", ".join(name for name, reason in reasons.items() if reason == why)
            self._console.print(f"[dim]{words}, {escape(why)}: {escape(names)}[/]", soft_wrap=True)

    def _objectives(self, record: RunRecord) -> None:
        self._console.print()
        for one in record.capacity.objectives if record.capacity else []:
            sign, colour = ("✓", "green") if one.met else ("✗", "red")
            said = f"promised {one.promised}, observed {one.observed}"
            self._console.print(f"[{colour}]{sign}[/] {escape(one.name):<24} {escape(said)}")

    def _indented(self, text: str, style: str, hang: int = 0) -> None:
        # Lines are left long: a terminal wraps them, and a log keeps them whole.
        first, *rest = text.splitlines() or [""]
        for line in (first, *(" " * hang + one for one in rest)):
            self._console.print(f"    {line}", style=style, highlight=False, markup=False, soft_wrap=True)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _first_lines(text: str, lines: int = 4) -> str:
    every = text.strip().splitlines()
    if text.startswith("Traceback") and len(every) > lines:
        return "\n".join([f"… {len(every) - lines} lines above these in the report", *every[-lines:]])
    more = [f"… {len(every) - lines} more lines in the report"] if len(every) > lines else []
    return "\n".join(every[:lines] + more)
