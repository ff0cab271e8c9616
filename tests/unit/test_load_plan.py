from __future__ import annotations

import stat
from pathlib import Path

import pytest

from hubproof.load_plan import (
    STEPS,
    LoadPlan,
    StepResult,
    completed,
    failures_of,
    judge_objectives,
    quantile,
    read_results,
    steps_of,
)
from hubproof.profile import Objectives


def round_of(user: str, seconds: float = 1.0, failing: str = "") -> list[StepResult]:
    steps = [StepResult(user, step, seconds, "broken 17" if step == failing else "") for step in STEPS]
    return [*steps, StepResult(user, "", 0.0)]


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.95, 0.0), ([3.0], 0.5, 3.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0), (list(range(1, 101)), 0.95, 95)],
)
def test_a_quantile_is_a_measured_value(values: list[float], share: float, expected: float) -> None:
    assert quantile(values, share) == expected


def test_times_of_what_failed_do_not_count_and_its_failure_does() -> None:
    spawn = next(s for s in steps_of([*round_of("a"), *round_of("b", 99.0, "spawn")]) if s.name == "spawn")
    assert (spawn.count, spawn.failures, spawn.max) == (2, 1, 1.0)


def test_only_who_did_every_step_has_completed() -> None:
    results = [*round_of("a"), *round_of("b", failing="execute"), StepResult("c", "sign in", 1.0)]
    assert completed(results) == {"a"}


def test_an_objective_that_nobody_came_to_is_missed() -> None:
    judged = judge_objectives(Objectives.model_validate({"spawn_p95": "30s"}), steps_of([]), users=2, done=0)
    assert {one.name: one.met for one in judged} == {"spawn p95": False, "failures": False}


def test_zero_users_that_came_are_not_a_hundred_percent() -> None:
    (failures,) = judge_objectives(Objectives(), steps_of([]), users=3, done=0)
    assert (failures.met, failures.observed) == (False, "100%: 3 of 3")


def test_failures_that_differ_in_numbers_are_one_cause() -> None:
    results = [StepResult(f"load-{n}", "spawn", 1.0, f"load-{n} timed out after {n} s") for n in (1, 2)]
    causes = failures_of([*results, *round_of("load-1"), *round_of("load-2")], ["load-1", "load-2"])
    assert [(one.cause, one.count) for one in causes] == [("spawn: USER timed out after N s", 2)]


def test_users_who_never_came_to_their_end_are_a_failure() -> None:
    causes = failures_of([StepResult("a", "sign in", 1.0)], ["a", "b"])
    assert causes[0].count == 2


def test_a_plan_is_private_and_comes_back(tmp_path: Path) -> None:
    plan = LoadPlan(tmp_path / "profile.yaml", tmp_path / "load.jsonl", (("a", "x"), ("b", "y")), 30.0, 20.0)
    plan.save(tmp_path / "plan.json")
    assert stat.S_IMODE((tmp_path / "plan.json").stat().st_mode) == 0o600
    assert LoadPlan.load(tmp_path / "plan.json") == plan


def test_a_half_written_line_is_left_for_the_next_time(tmp_path: Path) -> None:
    file = tmp_path / "load.jsonl"
    assert read_results(file) == []
    file.write_text('{"user": "a", "step": "spawn", "seconds": 1.0, "error": ""}\n{"user": "b", "st')
    assert read_results(file) == [StepResult("a", "spawn", 1.0)]
