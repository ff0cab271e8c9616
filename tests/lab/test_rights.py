"""fixtures/rbac gives exactly what hubproof needs: every rule is used, and a check without one says so by name.

The rights are tried on accounts of their own, with copies of the rules; the lab's runner keeps its.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

import pytest
from tests.lab.lesser_runner import LesserRunner
from tests.lab.rights_in_use import (
    UNKEPT,
    Right,
    Rule,
    everything_promised,
    gate,
    noting,
    recorded,
    rules,
    unkept,
    used,
)
from tests.lab.running_gates import RunningLab, bad_checks, record_of

from hubproof.rights_record import EVERY_RUN, OF_A_FAILURE

AT_ONCE = 2
OTHER_VERSIONS = {Right("create", "pods/exec", "hubproof's namespace")}
"""What this version of Kubernetes does not ask for, and newer ones do."""


@pytest.fixture(scope="module")
def everything(lab: RunningLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Lend a profile that promises an object of every kind that a rule is for, and have those objects."""
    with everything_promised(lab, tmp_path_factory.mktemp("everything")) as profile:
        yield profile


def given() -> set[Right]:
    return {right for rule in rules() for right in rule.rights()} - OTHER_VERSIONS


def test_every_right_is_used_and_on_record(lab: RunningLab, everything: Path, tmp_path: Path) -> None:
    green, red = tmp_path / "green", tmp_path / "red"
    with LesserRunner(lab, "hubproof-equal", ("observe", "act", "disrupt"), tmp_path) as runner:
        account = ("--kubeconfig", str(runner.kubeconfig))
        whole = gate(tmp_path / "runs", "--profile", str(everything), *account, environment=noting(green))
        assert whole.returncode == 0, bad_checks(record_of(tmp_path / "runs"))
        words = ("--profile", str(unkept(everything, tmp_path)), *account, "--select", UNKEPT)
        failed = gate(tmp_path / "failed", *words, environment=noting(red))
        assert failed.returncode == 1, failed.stdout
    seen, on_record = used(green), recorded()
    of_failures = {right for rights in used(red).values() for right in rights}
    in_use = of_failures.union(*seen.values())
    assert sorted(map(str, given() - in_use)) == [], "rights that nothing used"
    assert sorted(map(str, in_use - given())) == [], "rights that are used and not given"
    missing = {
        check: sorted(map(str, rights - on_record.get(check, set()) - on_record[EVERY_RUN]))
        for check, rights in seen.items()
    }
    assert not {check: rights for check, rights in missing.items() if rights}, "python -m tests.lab.rights_in_use"
    assert on_record[OF_A_FAILURE] <= of_failures
    assert sorted(map(str, set().union(*on_record.values()))) == sorted(map(str, given()))


def test_reading_alone_needs_the_first_file_alone(lab: RunningLab, everything: Path, tmp_path: Path) -> None:
    with LesserRunner(lab, "hubproof-reader", ("observe",), tmp_path) as runner:
        words = ["--profile", str(everything), "--kubeconfig", str(runner.kubeconfig), "--reach", "observe"]
        done = gate(tmp_path / "runs", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {one["reach"] for one in record_of(tmp_path / "runs")["checks"]} == {"observe"}


def missing_rule(runner: LesserRunner, rule: Rule, profile: Path, reports: Path) -> str:
    """Run the check that a rule is for without it; return what is wrong with how that ended."""
    check, rights = named_check(rule)
    with runner.without(rule):
        done = gate(reports, "--profile", str(profile), "--kubeconfig", str(runner.kubeconfig), "--select", check)
    if done.returncode != 3:
        return f"{rule}: {check} ended with exit code {done.returncode}: {done.stdout[-1500:]}"
    found = next(one for one in record_of(reports)["checks"] if one["id"] == check)
    said = f"{found['verdict']}: {found['message']}"
    if found["verdict"] != "could-not-run" or not any(_named_in(said, right) for right in rights):
        return f"{rule}: {check} must name one of {sorted(map(str, rights))}, and said: {said}"
    return ""


def named_check(rule: Rule) -> tuple[str, set[Right]]:
    """Return the check that a rule is for, and the rights of it that the check uses."""
    on_record = recorded()
    everybodys = on_record.pop(EVERY_RUN)
    on_record.pop(OF_A_FAILURE)
    users = {check: rights & rule.rights() for check, rights in on_record.items() if rights & rule.rights()}
    if users:
        return max(users.items(), key=lambda one: (len(one[1]), one[0]))
    return "auth.login", rule.rights() & everybodys


def _named_in(said: str, right: Right) -> bool:
    plural = right.resource.partition(".")[0]
    return f"right missing: {right.verb} " in said and plural in said


def test_without_any_one_rule_its_check_could_not_run_and_says_why(
    lab: RunningLab, everything: Path, tmp_path: Path
) -> None:
    free: SimpleQueue[LesserRunner] = SimpleQueue()
    with ExitStack() as stack:
        for number in range(AT_ONCE):
            runner = LesserRunner(lab, f"hubproof-lesser-{number}", ("observe", "act", "disrupt"), tmp_path)
            free.put(stack.enter_context(runner))

        def tried(numbered: tuple[int, Rule]) -> str:
            runner = free.get()
            try:
                return missing_rule(runner, numbered[1], everything, tmp_path / str(numbered[0]))
            finally:
                free.put(runner)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            wrong = [one for one in pool.map(tried, enumerate(rules())) if one]
    assert not wrong, "\n".join(wrong)
