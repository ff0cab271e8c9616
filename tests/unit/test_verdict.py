from __future__ import annotations

import datetime as dt

import pytest

from hubproof.errors import (
    BrokenPromiseError,
    CouldNotRunError,
    DeadlineExceededError,
    InconclusiveError,
    TargetError,
)
from hubproof.profile import KnownFailure
from hubproof.verdict import NotApplicableError, Outcome, Verdict, outcome_of, with_known, worst

TODAY = dt.date(2026, 1, 15)
BROKEN = BrokenPromiseError(promised="two", observed="one", where="here", repeat="count")


@pytest.mark.parametrize(
    ("error", "phase", "verdict"),
    [
        (None, "call", "pass"),
        (BROKEN, "call", "fail"),
        (TargetError("500"), "call", "fail"),
        (DeadlineExceededError("too late"), "call", "fail"),
        (TargetError("500"), "setup", "could-not-run"),
        (BROKEN, "setup", "could-not-run"),
        (TargetError("did not stop"), "teardown", "fail"),
        (CouldNotRunError("no right"), "call", "could-not-run"),
        (InconclusiveError("control"), "call", "inconclusive"),
        (NotApplicableError("not promised"), "setup", "not-applicable"),
        (AssertionError("1 == 2"), "call", "error"),
        (KeyError("x"), "setup", "error"),
    ],
)
def test_how_a_check_ends_decides_its_verdict(error: BaseException | None, phase: str, verdict: str) -> None:
    assert outcome_of(error, phase).verdict == verdict  # type: ignore[arg-type]


def test_a_failed_check_tells_all_four_facts() -> None:
    outcome = outcome_of(BROKEN, "call")
    assert (outcome.promised, outcome.observed, outcome.where, outcome.repeat) == ("two", "one", "here", "count")


def test_a_broken_clean_up_does_not_hide_a_fail() -> None:
    joined = worst(Outcome("fail", "the promise"), Outcome("error", "the clean-up"))
    assert joined.verdict == "error"
    assert "the promise" in joined.message


def _known(until: dt.date) -> KnownFailure:
    return KnownFailure(check="a.b", reason="ticket 7", owner="ann", until=until)


@pytest.mark.parametrize(
    ("before", "until", "after"),
    [
        ("fail", TODAY, "known"),
        ("fail", TODAY - dt.timedelta(days=1), "fail"),
        ("pass", TODAY, "fail"),
        ("error", TODAY, "error"),
        ("could-not-run", TODAY, "could-not-run"),
    ],
)
def test_a_known_failure_excuses_a_fail_until_its_date_and_nothing_else(
    before: str, until: dt.date, after: str
) -> None:
    assert with_known(Outcome(before), _known(until), TODAY).verdict == after  # type: ignore[arg-type]


def test_of_two_phases_the_worse_counts() -> None:
    order: tuple[Verdict, ...] = (
        "pass", "known", "not-applicable", "could-not-run", "inconclusive", "fail", "error",
    )  # fmt: skip
    for place, light in enumerate(order):
        for heavy in order[place:]:
            assert worst(Outcome(light), Outcome(heavy)).verdict == heavy
            assert worst(Outcome(heavy), Outcome(light)).verdict == heavy
