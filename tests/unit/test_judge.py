from __future__ import annotations

import itertools

import pytest

from hubproof.record import CapacityRecord, CheckRecord, ObjectiveRecord, RunFacts, RunRecord, TargetFacts, judge


def _record(
    *verdicts: str, severity: str = "critical", stopped: str = "", load: CapacityRecord | None = None
) -> RunRecord:
    said = {"family": "a", "must": "It MUST.", "reach": "observe", "criterion": "delivery", "remedy": "look"}
    checks = [
        CheckRecord.model_validate({**said, "id": f"a.c{n}", "severity": severity, "verdict": verdict})
        for n, verdict in enumerate(verdicts)
    ]
    facts = RunFacts(id="r", mode="gate", started="", seconds=1, hubproof="0", profile_sha256="", stopped=stopped)
    return RunRecord(run=facts, target=TargetFacts(name="t", url="https://t"), checks=checks, capacity=load)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["pass"], 0),
        (["pass", "not-applicable", "known"], 0),
        (["pass", "fail"], 1),
        (["pass", "fail", "could-not-run"], 1),
        (["pass", "fail", "inconclusive"], 1),
        (["pass", "error"], 2),
        (["fail", "error"], 2),
        (["pass", "could-not-run"], 3),
        (["pass", "inconclusive"], 3),
        (["not-applicable"], 3),
        (["known"], 3),
        ([], 3),
    ],
)
def test_exit_codes_are_those_of_the_table(verdicts: list[str], code: int) -> None:
    for order in itertools.permutations(verdicts):
        assert judge(_record(*order)).exit_code == code


def test_a_stopped_run_is_never_green_and_a_fail_in_it_stays_a_fail() -> None:
    assert judge(_record("pass", stopped="stopped by Ctrl-C")).exit_code == 3
    assert judge(_record("pass", "fail", stopped="stopped by Ctrl-C")).exit_code == 1


def test_a_fail_below_fail_on_does_not_make_the_exit_code() -> None:
    assert judge(_record("pass", "fail", severity="minor"), "major").exit_code == 0
    assert judge(_record("pass", "fail", severity="major"), "major").exit_code == 1
    assert judge(_record("fail", severity="minor"), "major").exit_code == 3


def _load(*, met: bool = True, completed: int = 5, left: tuple[str, ...] = ()) -> CapacityRecord:
    objective = ObjectiveRecord(name="spawn p95", promised="30 s", observed="?", met=met)
    return CapacityRecord(
        users=5, started=5, completed=completed, seconds=1, steps=[], objectives=[objective], left_behind=list(left)
    )


def test_capacity_is_judged_by_objectives_and_by_what_it_left_behind() -> None:
    assert judge(_record(load=_load())).exit_code == 0
    assert judge(_record(load=_load(met=False))).exit_code == 1
    assert judge(_record(load=_load(left=("server of load-001",)))).exit_code == 1
    assert judge(_record(load=_load(completed=0))).exit_code == 3


def test_a_record_survives_its_file(tmp_path) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    record = judge(_record("pass", "fail"))
    record.save(tmp_path)
    assert RunRecord.load(tmp_path) == record
