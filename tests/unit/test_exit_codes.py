"""Every verdict and every exit code, each provoked through the real command over checks made up here."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from installation import Installation

from hubproof.waiting import wait_for

GOOD = """
@made("good")
def test_good():
    expect(True, promised="a", observed="a", where="", repeat="")
"""
BAD = """
@made("bad")
def test_bad():
    expect(False, promised="two", observed="one", where="here", repeat="kubectl get pods")
"""
BROKEN_FIXTURE = """
@pytest.fixture
def broken():
    {}["oops"]

@made("breaks")
def test_breaks(broken):
    pass
"""
DIES = """
@made("dies")
def test_dies():
    with open("died", "a") as file:
        file.write("once more")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _entry(check: str, until: str) -> str:
    return f"  - {{check: made.{check}, reason: being mended, owner: platform, until: {until}}}\n"


@pytest.mark.parametrize(
    ("checks", "profile", "words", "code", "verdicts"),
    [
        pytest.param(GOOD, "", [], 0, {"good": "pass"}, id="a pass"),
        pytest.param(GOOD + BAD, "", [], 1, {"good": "pass", "bad": "fail"}, id="a fail"),
        pytest.param(
            GOOD + BAD, "", ["--fail-on", "critical"], 0, {"good": "pass", "bad": "fail"}, id="a fail below --fail-on"
        ),
        pytest.param(
            BAD + BROKEN_FIXTURE,
            "", [], 2, {"bad": "fail", "breaks": "error"}, id="a fixture that breaks wins over a fail",
        ),
        pytest.param(
            GOOD + '@made("asserts")\ndef test_asserts():\n    assert 1 == 2\n',
            "", [], 2, {"good": "pass", "asserts": "error"}, id="an assertion is the suite's own",
        ),
        pytest.param(
            GOOD + '@made("right")\ndef test_right():\n    raise CouldNotRunError("right missing: list pods")\n',
            "", [], 3, {"good": "pass", "right": "could-not-run"}, id="a missing right",
        ),
        pytest.param(
            GOOD + '@made("right")\ndef test_right(target):\n    target.cluster.get("Pod", "a", "b")\n',
            "", [], 3, {"good": "pass", "right": "could-not-run"}, id="no cluster",
        ),
        pytest.param(
            GOOD + '@made("control")\ndef test_control():\n    raise InconclusiveError("the open pair is closed")\n',
            "", [], 3, {"good": "pass", "control": "inconclusive"}, id="a failed control",
        ),
        pytest.param(
            '@made("skipped")\ndef test_skipped():\n    pytest.skip("not today")\n',
            "", [], 3, {"skipped": "could-not-run"}, id="all skipped",
        ),
        pytest.param(
            '@made("marked")\n@pytest.mark.skip(reason="not today")\ndef test_marked():\n    pass\n',
            "", [], 3, {"marked": "could-not-run"}, id="all skipped by a mark",
        ),
        pytest.param(
            GOOD, "not_applicable:\n" + _entry("good", "2999-01-01"), [], 3, {"good": "not-applicable"},
            id="all not-applicable",
        ),
        pytest.param(
            GOOD, "not_applicable:\n" + _entry("good", "2020-01-01"), [], 0, {"good": "pass"},
            id="an excuse that is over excuses nothing",
        ),
        pytest.param(
            '@made("far", reach="disrupt")\ndef test_far():\n    pass\n',
            "reach: [observe, act, disrupt]\n", [], 3, {}, id="nothing selected for want of consent",
        ),
        pytest.param(
            GOOD + '@made("far", reach="disrupt")\ndef test_far():\n    pass\n',
            "reach: [observe, act, disrupt]\n", ["--allow", "disrupt"], 0, {"good": "pass", "far": "pass"},
            id="consent on both sides",
        ),
        pytest.param(GOOD, "", ["--criterion", "delivery"], 3, {}, id="nothing selected by the options together"),
        pytest.param(
            GOOD + BAD, "known:\n" + _entry("bad", "2999-01-01"), [], 0, {"good": "pass", "bad": "known"},
            id="a known failure",
        ),
        pytest.param(
            GOOD, "known:\n" + _entry("good", "2999-01-01"), [], 1, {"good": "fail"}, id="a known failure that passes"
        ),
        pytest.param(
            GOOD + BAD, "known:\n" + _entry("bad", "2020-01-01"), [], 1, {"good": "pass", "bad": "fail"},
            id="a known failure that has expired",
        ),
        pytest.param(
            GOOD + DIES + '@made("third")\ndef test_third():\n    pass\n',
            "", [], 2, {"good": "pass", "dies": "error", "third": "pass"}, id="a worker that dies",
        ),
        pytest.param(
            GOOD + '@made("dies")\ndef test_a():\n    pass\n@made("dies")\ndef test_b():\n    os.abort()\n',
            "", [], 2, {"good": "pass", "dies": "error"}, id="a worker that dies over the second test of an id",
        ),
        pytest.param(
            GOOD + '@made("alone", alone=True)\ndef test_alone():\n    os._exit(0)\n',
            "", [], 2, {"good": "pass", "alone": "error"}, id="pytest ends in the middle with exit code 0",
        ),
        pytest.param(
            GOOD + '@made("long")\ndef test_long():\n    time.sleep(50)\n',
            "", ["--limit", "4"], 3, {"good": "pass", "long": "could-not-run"}, id="the limit",
        ),
        pytest.param(
            BAD + '@made("later", alone=True)\ndef test_later():\n    pass\n',
            "", ["--maxfail", "1"], 1, {"bad": "fail", "later": "could-not-run"}, id="--maxfail, something failed",
        ),
    ],
)  # fmt: skip
def test_each_end_has_its_exit_code(
    tmp_path: Path, checks: str, profile: str, words: list[str], code: int, verdicts: dict[str, str]
) -> None:
    installation = Installation(tmp_path, checks, profile)
    ended, output = installation.gate(*words)
    assert (ended, installation.verdicts()) == (code, verdicts), output
    assert installation.record()["exit_code"] == code
    for view in ("report.html", "junit.xml", "summary.md", "metrics.prom"):
        assert (installation.runs / "latest" / view).stat().st_size


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nothing_is_retried_when_a_worker_dies(tmp_path: Path, workers: str) -> None:
    ahead = "".join(f'@made("quick-{n}")\ndef test_quick_{n}():\n    pass\n' for n in range(5))
    installation = Installation(tmp_path, ahead + DIES)
    ended, output = installation.gate("--workers", workers)
    assert (ended, sorted(installation.verdicts().values())) == (2, ["error", *["pass"] * 5]), output
    assert (tmp_path / "died").read_text() == "once more"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    long = '@made("long")\ndef test_long():\n    Path("FOLDER/begun").touch()\n    time.sleep(50)\n'
    installation = Installation(tmp_path, GOOD + long.replace("FOLDER", str(tmp_path)))
    process = installation.start("gate", *installation.words())
    wait_for((tmp_path / "begun").exists, within=30, what="the long check to begin")
    os.kill(process.pid, number)
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, installation.verdicts()) == (3, {"good": "pass", "long": "could-not-run"}), output
    assert "stopped by" in installation.record()["run"]["stopped"]


@pytest.mark.parametrize(
    ("words", "profile", "said"),
    [
        (["--select", "made.godo"], "", "did you mean made.good?"),
        ([], "known:\n" + _entry("godo", "2999-01-01"), "known: there is no check made.godo"),
        ([], "not_applicable:\n" + _entry("godo", "2999-01-01"), "did you mean made.good?"),
        (["--criterion", "speed"], "", "no such criterion"),
        (["--resume", "nowhere"], "", "holds neither a report.json nor a run"),
    ],
)
def test_what_does_not_exist_is_usage(tmp_path: Path, words: list[str], profile: str, said: str) -> None:
    installation = Installation(tmp_path, GOOD, profile)
    ended, output = installation.gate(*words)
    assert (ended, said in output) == (64, True), output
    assert not installation.runs.exists()


def test_a_defect_of_hubproof_itself_is_not_the_targets(tmp_path: Path) -> None:
    installation = Installation(tmp_path, GOOD + "1 / 0\n")
    ended, output = installation.gate()
    assert (ended, "ZeroDivisionError" in output, "a defect of hubproof itself" in output) == (2, True, True), output


@pytest.mark.parametrize("only", ["--list", "--dry-run"])
def test_a_plan_touches_nothing(tmp_path: Path, only: str) -> None:
    acts = '@made("acts", reach="act")\ndef test_acts(own_server):\n    Path("FOLDER/touched").touch()\n'
    installation = Installation(tmp_path, GOOD + acts.replace("FOLDER", str(tmp_path)))
    before = sorted(tmp_path.rglob("*"))
    ended, output = installation.gate(only, "--select", "made")
    assert ended == 0, output
    flat = " ".join(output.split())
    assert "one user server" in flat
    assert "nothing: it only reads" in flat
    assert ("Nothing was touched" in output) == (only == "--dry-run")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_stopped_run_is_resumed_and_the_rest_is_kept(tmp_path: Path) -> None:
    waits = """
@made("waits")
def test_waits(evidence):
    evidence.text("seen", "something", source="a fixture", command="true")
    if not Path("FOLDER/right").exists():
        raise CouldNotRunError("right missing")

@made("notes")
def test_notes(evidence):
    evidence.text("seen", "in the first run", source="a fixture", command="true")
    expect(not Path("FOLDER/right").exists(), promised="runs once", observed="ran again", where="", repeat="")
"""
    installation = Installation(tmp_path, waits.replace("FOLDER", str(tmp_path)))
    assert installation.gate()[0] == 3
    first = installation.record()["run"]["id"]
    (tmp_path / "right").touch()
    ended, output = installation.gate("--resume", str(installation.runs / "latest"))
    assert (ended, installation.verdicts()) == (0, {"waits": "pass", "notes": "pass"}), output
    record = installation.record()
    assert record["run"]["resumes"] == first
    assert {one["id"]: one["run"] for one in record["checks"]} == {"made.waits": "", "made.notes": first}
    kept = next(one for one in record["checks"] if one["id"] == "made.notes")
    assert (installation.runs / "latest" / kept["evidence"][0]["path"]).read_text() == "in the first run"
    ended, output = installation.gate("--resume", str(installation.runs / "latest"))
    assert (ended, "nothing of that run" in output) == (64, True), output
    installation.profile.write_text(installation.profile.read_text() + "reach: [observe]\n")
    ended, output = installation.gate("--resume", str(installation.runs / first))
    assert (ended, "another profile" in output) == (64, True), output


def test_a_killed_run_has_lost_nothing_and_is_resumed(tmp_path: Path) -> None:
    long = '@made("long")\ndef test_long():\n    if not Path("FOLDER/begun").exists():\n'
    long += '        Path("FOLDER/begun").touch()\n        time.sleep(50)\n'
    installation = Installation(tmp_path, (GOOD + long).replace("FOLDER", str(tmp_path)))
    process = installation.start("gate", *installation.words())
    wait_for((tmp_path / "begun").exists, within=30, what="the long check to begin")
    results = installation.runs / "latest" / "results.jsonl"
    wait_for(lambda: results.exists() and results.read_text().count("\n"), within=10, what="the first result")
    process.kill()
    process.communicate(timeout=10)
    assert not (installation.runs / "latest" / "report.json").exists()
    killed = str((installation.runs / "latest").resolve())
    ended, output = installation.hubproof("report", killed)
    assert (ended, installation.verdicts()) == (3, {"good": "pass", "long": "could-not-run"}), output
    (Path(killed) / "report.json").unlink()
    ended, output = installation.gate("--resume", killed)
    assert (ended, installation.verdicts()) == (0, {"good": "pass", "long": "pass"}), output


def test_a_target_that_is_down_is_said_once_and_at_once(tmp_path: Path) -> None:
    many = "".join(
        f'@made("needs-{n}", reach="act")\ndef test_{n}(target):\n    target.require_edge()\n    time.sleep(9)\n'
        for n in range(9)
    )
    installation = Installation(tmp_path, many)
    begun = time.monotonic()
    ended, output = installation.gate()
    assert (ended, set(installation.verdicts().values())) == (3, {"could-not-run"}), output
    assert output.count("! the public URL") == 1
    assert time.monotonic() - begun < 15
