"""Runs real pytest over checks made up here: each is a way in which other suites came to a wrong verdict."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hubproof.checking import CheckInfo
from hubproof.completing import complete
from hubproof.profile_file import load_profile
from hubproof.record import RunRecord, judge
from hubproof.run import RESULTS, RunSettings

PROFILE = """
schema: hubproof/1
name: t
url: https://hub.test
promises: {spawn: {ready_within: 5s}}
not_applicable: [{check: made.excused, reason: no such thing here, owner: platform}]
known:
  - {check: made.known, reason: being mended, owner: platform, until: 2999-01-01}
  - {check: made.mended, reason: being mended, owner: platform, until: 2999-01-01}
  - {check: made.expired, reason: being mended, owner: platform, until: 2020-01-01}
"""
CONFTEST = """
import pytest
from hubproof.errors import CouldNotRunError, TargetError
from hubproof.plugin import EVIDENCE

@pytest.fixture
def evidence(request):
    return request.node.stash[EVIDENCE]

@pytest.fixture
def server_that_does_not_start():
    raise TargetError("the spawn failed")

@pytest.fixture
def right_that_is_missing():
    raise CouldNotRunError("right missing: list pods in namespace jupyter")

@pytest.fixture
def server_that_does_not_stop():
    yield
    raise TargetError("the pod is still there")

@pytest.fixture
def clean_up_that_breaks():
    yield
    raise KeyError("oops")
"""
HEAD = """
import os
import pytest
from hubproof.checking import check, expect
from hubproof.errors import CouldNotRunError, InconclusiveError, TargetError

def made(name, **more):
    given = {"severity": "major", "reach": "act", "criterion": "isolation", "remedy": "Mend it.", **more}
    return check(f"made.{name}", must="It MUST work.", **given)
"""
CHECKS = (
    HEAD
    + """
@made("good")
def test_good(evidence):
    evidence.note("seen", {"password": "hunter2hunter2"}, source="x", command="y")
    expect(True, promised="a", observed="a", where="", repeat="")

@made("broken")
def test_broken(evidence):
    evidence.on_failure("the pod", lambda: evidence.text("pod", "described", source="x", command="y"))
    expect(1 == 2, promised="two", observed="one", where="here", repeat="kubectl get pods")

@made("asserts")
def test_asserts():
    assert 1 == 2

@made("raises")
def test_raises():
    raise ValueError("a bug of the suite")

@made("skips")
def test_skips():
    pytest.skip("not today")

@made("target-in-call")
def test_target_in_call():
    raise TargetError("HTTP 500")

@made("target-in-setup")
def test_target_in_setup(server_that_does_not_start):
    pass

@made("no-right")
def test_no_right(right_that_is_missing):
    pass

@made("no-control")
def test_no_control():
    raise InconclusiveError("the control failed")

@made("not-promised", promise="storage")
def test_not_promised(server_that_does_not_start):
    pass

@made("excused")
def test_excused():
    expect(False, promised="a", observed="b", where="", repeat="")

@made("known")
def test_known():
    expect(False, promised="a", observed="b", where="", repeat="")

@made("mended")
def test_mended():
    pass

@made("expired")
def test_expired():
    expect(False, promised="a", observed="b", where="", repeat="")

@made("leaves-a-pod")
def test_leaves_a_pod(server_that_does_not_stop):
    pass

@made("clean-up-breaks")
def test_clean_up_breaks(clean_up_that_breaks):
    pass

@made("broken-and-clean-up-breaks")
def test_both(clean_up_that_breaks):
    expect(False, promised="a", observed="b", where="", repeat="")

@made("cases")
@pytest.mark.parametrize("service", ["trino", "kafka"])
def test_cases(service):
    expect(service == "trino", promised="trino", observed=service, where="", repeat="")

@made("disrupts", reach="disrupt")
def test_disrupts():
    os._exit(9)

@made("alone", alone=True)
def test_alone():
    os._exit(9)

@made("not-selected")
def test_not_selected():
    os._exit(9)

def test_no_check_at_all():
    os._exit(9)
"""
)
SELECTED = (
    "good broken asserts raises skips target-in-call target-in-setup no-right no-control not-promised excused known "
    "mended expired leaves-a-pod clean-up-breaks broken-and-clean-up-breaks cases disrupts alone never-written"
)
DIES = (
    HEAD
    + """
@made("lives")
def test_lives():
    pass

@made("dies")
def test_dies():
    os._exit(9)
"""
)


def _run(folder: Path, checks: str, selected: str, workers: int) -> tuple[dict[str, dict[str, Any]], RunRecord]:
    (folder / "profile.yaml").write_text(PROFILE)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_made.py").write_text(checks)
    (folder / "pytest.ini").write_text("[pytest]\n")
    ids = tuple(f"made.{name}" for name in selected.split())
    settings = RunSettings(
        "r1", folder, folder / "profile.yaml", "gate", ids, ("observe", "act"), "2026-11-23T19:55:01+00:00"
    )
    settings.let_begin()
    command = [sys.executable, "-m", "pytest", "-c", str(folder / "pytest.ini"), "--rootdir", str(folder), "-q"]
    command += ["-p", "xdist.plugin", "-p", "hubproof.plugin", "-p", "no:cacheprovider", "-n", str(workers)]
    command += ["--hubproof-run", str(folder), "--max-worker-restart", "1", str(folder / "test_made.py")]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    results = folder / RESULTS
    assert results.exists(), done.stdout + done.stderr
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    told = {
        "must": "It MUST work.",
        "severity": "major",
        "reach": "act",
        "criterion": "isolation",
        "remedy": "Mend it.",
    }
    source = "test_made.py::test_"
    catalogue = {
        i: CheckInfo(i, tests=(source + i.removeprefix("made.").replace("-", "_"),), **told)  # type: ignore[arg-type]
        for i in ids
    }
    record = complete(
        lines,
        profile=load_profile(folder / "profile.yaml"),
        catalogue=catalogue,
        settings=settings,
        stopped="",
        notes=[],
        seconds=1.0,
        versions={},
    )
    return {line["id"] + line["case"]: line for line in lines}, judge(record)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, Any]], RunRecord]:
    return _run(tmp_path_factory.mktemp("run"), CHECKS, SELECTED, 0)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("good", "pass"),
        ("broken", "fail"),
        ("asserts", "error"),
        ("raises", "error"),
        ("skips", "could-not-run"),
        ("target-in-call", "fail"),
        ("target-in-setup", "could-not-run"),
        ("no-right", "could-not-run"),
        ("no-control", "inconclusive"),
        ("not-promised", "not-applicable"),
        ("excused", "not-applicable"),
        ("known", "known"),
        ("mended", "fail"),
        ("expired", "fail"),
        ("leaves-a-pod", "fail"),
        ("clean-up-breaks", "error"),
        ("broken-and-clean-up-breaks", "error"),
        ("casestrino", "pass"),
        ("caseskafka", "fail"),
    ],
)
def test_every_end_has_its_verdict(run: tuple[dict[str, dict[str, Any]], RunRecord], name: str, verdict: str) -> None:
    assert run[0][f"made.{name}"]["verdict"] == verdict


def test_what_was_not_asked_for_did_not_run(run: tuple[dict[str, dict[str, Any]], RunRecord]) -> None:
    assert not {"made.disrupts", "made.alone", "made.not-selected", ""} & set(run[0])


def test_what_was_selected_and_did_not_run_is_an_error(run: tuple[dict[str, dict[str, Any]], RunRecord]) -> None:
    verdicts = {one.id: one.verdict for one in run[1].checks}
    assert verdicts["made.never-written"] == verdicts["made.alone"] == "error"


def test_a_failure_keeps_its_four_facts_and_captures_before_clean_up(
    run: tuple[dict[str, dict[str, Any]], RunRecord],
) -> None:
    line = run[0]["made.broken"]
    facts = [line[name] for name in ("promised", "observed", "where", "repeat")]
    assert facts == ["two", "one", "here", "kubectl get pods"]
    assert [piece["name"] for piece in line["evidence"]] == ["pod"]


def test_a_failure_is_not_hidden_by_a_clean_up_that_breaks(run: tuple[dict[str, dict[str, Any]], RunRecord]) -> None:
    message = run[0]["made.broken-and-clean-up-breaks"]["message"]
    assert "KeyError" in message
    assert "before that: promised: a" in message


def test_secrets_do_not_reach_the_results(run: tuple[dict[str, dict[str, Any]], RunRecord]) -> None:
    assert "hunter2" not in json.dumps(run[0]["made.good"])


def test_the_suite_broke_wins_over_the_rest(run: tuple[dict[str, dict[str, Any]], RunRecord]) -> None:
    assert (run[1].verdict, run[1].exit_code) == ("error", 2)


def test_a_worker_that_dies_takes_no_result_with_it(tmp_path: Path) -> None:
    _, record = _run(tmp_path, DIES, "lives dies", 1)
    verdicts = {one.id: (one.verdict, one.message) for one in record.checks}
    assert verdicts["made.lives"][0] == "pass"
    assert verdicts["made.dies"][0] == "error"
    assert "crashed" in verdicts["made.dies"][1]
    assert record.exit_code == 2
