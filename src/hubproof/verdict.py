"""Turns how one check ended into one verdict. The only place where an exception becomes a word of the report."""

from __future__ import annotations

import datetime as dt
import traceback
from dataclasses import asdict, dataclass, replace
from typing import Literal

from hubproof.errors import (
    BrokenPromiseError,
    CouldNotRunError,
    DeadlineExceededError,
    HubproofError,
    InconclusiveError,
    TargetError,
    UsageError,
)
from hubproof.profile import KnownFailure
from hubproof.redaction import redact

Verdict = Literal["pass", "fail", "error", "could-not-run", "inconclusive", "not-applicable", "known"]
Phase = Literal["setup", "call", "teardown"]


class NotApplicableError(HubproofError):
    """The profile does not promise this, or takes the check out with a reason."""


@dataclass(frozen=True)
class Outcome:
    """How a check ended, in words for the report. All texts are redacted."""

    verdict: Verdict
    message: str = ""
    promised: str = ""
    observed: str = ""
    where: str = ""
    repeat: str = ""
    because: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return plain strings, for the way from an xdist worker to the controller."""
        return {name: str(value) for name, value in asdict(self).items()}


def outcome_of(error: BaseException | None, phase: Phase) -> Outcome:
    """Return what the end of one phase of a check means.

    A target that misbehaves while a check is being set up leaves that check `could-not-run`: another check owns the
    promise that was broken there. In the check's own steps, and when what it made is removed, it is a `fail`.
    """
    if error is None:
        return Outcome("pass")
    for kind, verdict in (
        (NotApplicableError, "not-applicable"),
        (CouldNotRunError, "could-not-run"),
        (InconclusiveError, "inconclusive"),
    ):
        if isinstance(error, kind):
            return _worded(verdict, error)  # type: ignore[arg-type]
    if isinstance(error, BrokenPromiseError | TargetError | DeadlineExceededError):
        if phase == "setup":
            return replace(_worded("could-not-run", error), because=redact(str(error)))
        return _worded("fail", error)
    if isinstance(error, _skipped()):
        return Outcome("could-not-run", message=redact(f"skipped: {error}"))
    if isinstance(error, UsageError):
        return _worded("error", error)
    lines = traceback.format_exception(error)
    return Outcome("error", message=redact(f"the suite broke: {error!r}"), observed=redact("".join(lines)[-6000:]))


def _skipped() -> type[BaseException]:
    import pytest  # noqa: PLC0415 - the gate, which only reads records, does without

    return pytest.skip.Exception


def _worded(verdict: Verdict, error: BaseException) -> Outcome:
    if isinstance(error, BrokenPromiseError):
        return Outcome(
            verdict,
            message=redact(error.happened),
            promised=redact(error.promised),
            observed=redact(error.observed),
            where=redact(error.where),
            repeat=redact(error.repeat),
        )
    if isinstance(error, HubproofError):
        return Outcome(
            verdict,
            message=redact(str(error)),
            promised=redact(error.wanted),
            observed=redact(error.happened),
            where=redact(error.where),
        )
    return Outcome(verdict, message=redact(str(error)))


_WEIGHT: dict[str, int] = {
    "error": 6, "fail": 5, "inconclusive": 4, "could-not-run": 3, "not-applicable": 2, "known": 1, "pass": 0,
}  # fmt: skip


def worst(first: Outcome, second: Outcome) -> Outcome:
    """Join two phases of one check. A fail is not hidden by a clean-up that broke: it is named beside it."""
    heavy, light = (second, first) if _WEIGHT[second.verdict] > _WEIGHT[first.verdict] else (first, second)
    if {heavy.verdict, light.verdict} == {"error", "fail"}:
        return replace(heavy, message=f"{heavy.message}\nbefore that: {light.message}")
    return heavy


def with_known(outcome: Outcome, known: KnownFailure | None, today: dt.date) -> Outcome:
    """Apply a known failure: it excuses a fail until its date, and turns into a fail when it passes or has expired."""
    if known is None:
        return outcome
    said = f"known failure: {known.reason} (owner {known.owner}, until {known.until})"
    if outcome.verdict == "pass":
        return Outcome("fail", message=f"passes although listed as a {said}; take it off the profile's list")
    if outcome.verdict != "fail":
        return outcome
    if known.until < today:
        return replace(outcome, message=f"{outcome.message}\nno longer excused, expired: {said}")
    return replace(outcome, verdict="known", message=f"{said}\n{outcome.message}")
