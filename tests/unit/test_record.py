from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from hubproof.errors import (
    BrokenPromiseError,
    CouldNotRunError,
    DeadlineExceededError,
    InconclusiveError,
    TargetError,
    UsageError,
)
from hubproof.profile import KnownFailure
from hubproof.record import CapacityRecord, CheckRecord, ObjectiveRecord, RunFacts, RunRecord, TargetFacts, judge
from hubproof.verdict import NotApplicableError, Outcome, Verdict, outcome_of, with_known, worst

TODAY = dt.date(2026, 11, 23)


def _record(
    *verdicts: str, stopped: str = "", severity: str = "minor", load: CapacityRecord | None = None
) -> RunRecord:
    run = RunFacts(id="r", mode="gate", started="", seconds=1, hubproof="1", profile_sha256="", stopped=stopped)
    said = {"family": "a", "must": "It MUST.", "severity": severity, "reach": "act", "remedy": "Mend it."}
    checks = [
        CheckRecord.model_validate({**said, "criterion": "isolation", "id": f"a.{number}", "verdict": verdict})
        for number, verdict in enumerate(verdicts)
    ]
    return RunRecord(run=run, target=TargetFacts(name="t", url="u"), checks=checks, capacity=load)


def _load(*, met: bool = True, completed: int = 2, left: tuple[str, ...] = ()) -> CapacityRecord:
    objective = ObjectiveRecord(name="spawn_p95", promised="60 s", observed="4 s", met=met)
    return CapacityRecord(
        users=2, started=2, completed=completed, seconds=9, steps=[], objectives=[objective], left_behind=list(left)
    )


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["pass"], 0),
        (["pass", "not-applicable", "known"], 0),
        (["pass", "fail"], 1),
        (["fail", "could-not-run", "inconclusive"], 1),
        (["pass", "fail", "error"], 2),
        (["pass", "could-not-run"], 3),
        (["pass", "inconclusive"], 3),
        (["not-applicable", "known"], 3),
        ([], 3),
    ],
)
def test_the_exit_code_follows_from_the_verdicts(verdicts: list[str], code: int) -> None:
    assert judge(_record(*verdicts)).exit_code == code


def test_a_stopped_run_is_never_green() -> None:
    assert judge(_record("pass", stopped="Ctrl-C")).exit_code == 3
    assert judge(_record("pass", "fail", stopped="Ctrl-C")).exit_code == 1


def test_fail_on_spares_what_is_less_severe() -> None:
    assert judge(_record("pass", "fail", severity="minor"), "major").exit_code == 0
    assert judge(_record("pass", "fail", severity="major"), "major").exit_code == 1
    assert judge(_record("fail", severity="minor"), "major").exit_code == 3


def test_a_capacity_run_is_judged_by_its_objectives_and_what_it_leaves() -> None:
    assert judge(_record(load=_load())).exit_code == 0
    assert judge(_record(load=_load(met=False))).exit_code == 1
    assert judge(_record(load=_load(left=("server of load-001",)))).exit_code == 1


def test_zero_executions_are_no_success() -> None:
    assert judge(_record(load=_load(completed=0))).exit_code == 3


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    record = judge(_record("pass", "fail"))
    record.save(tmp_path)
    assert RunRecord.load(tmp_path) == record
    assert '"schema": "hubproof.report/1"' in (tmp_path / "report.json").read_text()


@pytest.mark.parametrize(
    ("error", "setup", "call"),
    [
        (None, "pass", "pass"),
        (BrokenPromiseError(promised="a", observed="b"), "could-not-run", "fail"),
        (TargetError("HTTP 500"), "could-not-run", "fail"),
        (DeadlineExceededError("waited"), "could-not-run", "fail"),
        (CouldNotRunError("right missing"), "could-not-run", "could-not-run"),
        (InconclusiveError("no control"), "inconclusive", "inconclusive"),
        (NotApplicableError("not promised"), "not-applicable", "not-applicable"),
        (UsageError("bad profile"), "error", "error"),
        (AssertionError("bare assert"), "error", "error"),
        (ValueError("bug"), "error", "error"),
        (KeyboardInterrupt(), "error", "error"),
    ],
)
def test_an_exception_means_what_it_is_and_where(error: BaseException | None, setup: str, call: str) -> None:
    assert outcome_of(error, "setup").verdict == setup
    assert outcome_of(error, "call").verdict == call


def test_the_worse_of_two_phases_counts() -> None:
    order: tuple[Verdict, ...] = (
        "pass", "known", "not-applicable", "could-not-run", "inconclusive", "fail", "error",
    )  # fmt: skip
    for place, light in enumerate(order):
        for heavy in order[place:]:
            assert worst(Outcome(light), Outcome(heavy)).verdict == heavy
            assert worst(Outcome(heavy), Outcome(light)).verdict == heavy


def test_a_known_failure_excuses_a_fail_only_and_only_until_its_day() -> None:
    known = KnownFailure(check="a.b", reason="r", owner="o", until=TODAY)
    late = TODAY + dt.timedelta(days=1)
    assert with_known(Outcome("fail"), known, TODAY).verdict == "known"
    assert with_known(Outcome("fail"), known, late).verdict == "fail"
    assert with_known(Outcome("pass"), known, TODAY).verdict == "fail"
    assert with_known(Outcome("error"), known, TODAY).verdict == "error"
    assert with_known(Outcome("could-not-run"), known, TODAY).verdict == "could-not-run"
