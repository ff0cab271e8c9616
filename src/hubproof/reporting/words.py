"""How verdicts are shown: one sign, one colour and one phrase for each, the same in every view."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from hubproof.checking import Criterion
from hubproof.record import CheckRecord, RunRecord
from hubproof.verdict import Verdict

CRITERIA: tuple[str, ...] = get_args(Criterion)
DEPLOYMENT_CRITERIA = 8
"""The first eight are what a release is held to; the others stand beside them."""


@dataclass(frozen=True)
class Shown:
    """How a verdict looks.

    Attributes:
        sign: one character, so that it is told apart without colour.
        colour: of the terminal (rich).
        phrase: in words.

    """

    sign: str
    colour: str
    phrase: str


SHOWN: dict[Verdict, Shown] = {
    "error": Shown("!", "magenta", "error: the suite broke"),
    "fail": Shown("✗", "red", "fail"),
    "inconclusive": Shown("?", "yellow", "inconclusive"),
    "could-not-run": Shown("∅", "yellow", "could not run"),
    "known": Shown("~", "cyan", "known failure"),
    "not-applicable": Shown("-", "dim", "not applicable"),
    "pass": Shown("✓", "green", "pass"),
}
"""From the one that a reader must see first to the one that can wait."""

_MEANING = {
    "pass": "Every check that was selected passed.",
    "fail": "At least one promise is broken.",
    "error": "The suite itself broke: its other results cannot be trusted.",
    "incomplete": "Nothing failed, but not everything could be looked at.",
}


def meaning(record: RunRecord) -> str:
    """Say what the run's verdict means, in one sentence that is true of this run."""
    counts = counted(record.checks)
    if record.verdict == "pass" and "fail" in counts:
        return f"Nothing failed at or above severity {record.run.fail_on}, but lesser promises are broken."
    if record.verdict == "pass" and counts.keys() - {"pass"}:
        return "Every check that was selected passed, or the profile excuses it."
    if record.verdict == "pass" and record.capacity and not counts:
        return "Every objective was met, and nothing was left behind."
    return _MEANING[record.verdict]


@dataclass(frozen=True)
class Lamp:
    """A criterion and what its checks ended with.

    Attributes:
        criterion: its name.
        worst: the verdict that a reader must see first; empty when no check of it was selected.
        counts: verdict to number of checks.

    """

    criterion: str
    worst: str
    counts: dict[Verdict, int]

    @property
    def words(self) -> str:
        """Say the counts: `3 pass, 1 fail`."""
        return ", ".join(f"{number} {verdict}" for verdict, number in self.counts.items()) or "not looked at"


def counted(checks: Iterable[CheckRecord]) -> dict[Verdict, int]:
    """Count verdicts, in the order in which a reader must see them."""
    verdicts = [one.verdict for one in checks]
    return {verdict: verdicts.count(verdict) for verdict in SHOWN if verdict in verdicts}


def lamps(record: RunRecord) -> list[Lamp]:
    """Return the eight deployment criteria, and those beside them that were looked at."""
    shown = []
    for place, criterion in enumerate(CRITERIA):
        counts = counted(one for one in record.checks if one.criterion == criterion)
        if counts or place < DEPLOYMENT_CRITERIA:
            # What the profile takes out says nothing of the rest: it darkens a lamp only when it stands alone.
            worst = min(
                counts, key=lambda verdict: (verdict == "not-applicable", list(SHOWN).index(verdict)), default=""
            )
            shown.append(Lamp(criterion, worst, counts))
    return shown


def told(check: CheckRecord) -> list[tuple[str, str]]:
    """Return what is said of a check as (word, text): nothing twice, nothing left out.

    A message repeats what stands in fields of its own. What it adds to them (why a failure is excused and by whom, what
    failed before, the next step) is told beside them.
    """
    rest = check.message
    for word, text in (
        ("promised|wanted", check.promised),
        ("observed", check.observed),
        ("where", check.where),
        ("repeat by hand", check.repeat),
    ):
        if text:
            rest = re.sub(rf"(?m)^ *(?:(?:{word}): )?{re.escape(text)} *$", "", rest)
    lines = [line for line in rest.splitlines() if line.strip()]
    steps = [line.strip().removeprefix("next: ") for line in lines if line.strip().startswith("next: ")]
    added = [line for line in lines if not line.strip().startswith("next: ")]
    said = [
        ("because", "\n".join(added).strip()),
        ("promised", check.promised),
        ("observed", check.observed),
        ("where", check.where),
        ("by hand", check.repeat),
        ("next", "\n".join(steps)),
        # The remedy mends a broken promise; where nothing was compared, it would lead astray.
        ("remedy", check.remedy if check.verdict in {"fail", "known"} else ""),
    ]
    return [(word, text) for word, text in said if text]


def duration(seconds: float) -> str:
    """Say a duration: `0.8 s`, `42 s`, `3 min 5 s`."""
    minute = 60
    if seconds < 10:  # noqa: PLR2004 - below ten seconds, tenths are of interest
        return f"{seconds:.1f} s"
    if seconds < minute:
        return f"{seconds:.0f} s"
    return f"{seconds // minute:.0f} min {seconds % minute:.0f} s"
