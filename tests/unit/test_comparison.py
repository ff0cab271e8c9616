"""Two runs side by side: what a person wants to know first, and no noise called news."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from installation import Installation

from hubproof.record import AnatomyRecord, CheckRecord, RunFacts, RunRecord, StageRecord, TargetFacts
from hubproof.reporting.comparison import compare
from hubproof.run import PROFILE_COPY


def _check(name: str, verdict: str, seconds: float = 1.0, message: str = "") -> CheckRecord:
    said = {"family": "made", "must": "It MUST.", "severity": "major", "reach": "act", "criterion": "isolation"}
    given = {"id": f"made.{name}", "verdict": verdict, "seconds": seconds, "message": message, "remedy": "Mend."}
    return CheckRecord.model_validate({**said, **given})


def _run(name: str, *checks: CheckRecord, sha: str = "a", hub: str = "5.2", spawn: float = 1.0) -> RunRecord:
    facts = {"id": name, "mode": "gate", "started": "2026-11-23T19:55:01+00:00", "seconds": 9, "hubproof": "0.1.0"}
    stages = [StageRecord(name="image there", at=spawn, seconds=spawn)]
    return RunRecord(
        run=RunFacts.model_validate({**facts, "profile_sha256": sha}),
        target=TargetFacts(name="t", url="https://hub.test", versions={"jupyterhub": hub}),
        checks=list(checks),
        anatomy=[AnatomyRecord(user="u", seconds=spawn, stages=stages)] * 3,
    )


@pytest.mark.parametrize(
    ("before", "after", "kind", "code"),
    [
        ("pass", "fail", "newly broken", 1),
        ("could-not-run", "fail", "newly broken", 1),
        ("pass", "error", "newly broken", 1),
        ("fail", "fail", "still broken", 0),
        ("fail", "pass", "mended", 0),
        ("inconclusive", "pass", "mended", 0),
        ("pass", "could-not-run", "no longer proven", 3),
        ("fail", "inconclusive", "no longer proven", 3),
        ("pass", "known", "otherwise", 0),
    ],
)
def test_a_change_of_verdict_has_its_word(tmp_path: Path, before: str, after: str, kind: str, code: int) -> None:
    found = compare(_run("a", _check("x", before)), _run("b", _check("x", after)), (tmp_path, tmp_path))
    assert ([one.kind for one in found.changes], found.exit_code) == ([kind], code)


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        (1.0, 1.9, []),
        (1.0, 3.5, []),  # much longer, and still noise in seconds
        (10.0, 14.0, []),  # many seconds, and no other order
        (4.0, 9.0, ["slower"]),
        (9.0, 4.0, ["faster"]),
    ],
)
def test_slower_is_more_than_noise(tmp_path: Path, before: float, after: float, kinds: list[str]) -> None:
    old, new = _run("a", _check("x", "pass", before)), _run("b", _check("x", "pass", after))
    assert [one.kind for one in compare(old, new, (tmp_path, tmp_path)).changes] == kinds


def test_a_slower_stage_of_spawns_is_named(tmp_path: Path) -> None:
    found = compare(_run("a", spawn=1.0), _run("b", spawn=9.0), (tmp_path, tmp_path))
    assert [(one.kind, one.name) for one in found.changes] == [("slower", "spawn stage: image there (median)")]


def test_what_changed_around_the_checks(tmp_path: Path) -> None:
    folders = (tmp_path / "a", tmp_path / "b")
    for folder, quota in zip(folders, ("512Mi", "256Mi"), strict=True):
        folder.mkdir()
        (folder / PROFILE_COPY).write_text(f"schema: hubproof/1\nquota: {quota}\n")
    found = compare(_run("a"), _run("b", sha="b", hub="5.3"), folders)
    assert found.versions == {"jupyterhub": ("5.2", "5.3")}
    assert [line for line in found.profile if line[1:].startswith("quota")] == ["-quota: 512Mi", "+quota: 256Mi"]
    assert compare(_run("a"), _run("b"), folders).profile == []


def test_new_and_gone_are_told_and_the_worst_comes_first(tmp_path: Path) -> None:
    old = _run("a", _check("gone", "pass"), _check("mended", "fail"))
    new = _run("b", _check("mended", "pass"), _check("new", "pass"), _check("bad", "fail", message="promised: two"))
    found = compare(old, new, (tmp_path, tmp_path))
    assert [one.kind for one in found.changes] == ["newly broken", "mended", "new", "gone"]


def test_the_command_compares(tmp_path: Path) -> None:
    turns = '@made("turns")\ndef test_turns():\n'
    turns += '    expect(not Path("FOLDER/bad").exists(), promised="a", observed="b", where="", repeat="")\n'
    installation = Installation(tmp_path, turns.replace("FOLDER", str(tmp_path)))
    assert installation.gate()[0] == 0
    first = str((installation.runs / "latest").resolve())
    (tmp_path / "bad").touch()
    assert installation.gate()[0] == 1
    second = str((installation.runs / "latest").resolve())
    ended, output = installation.hubproof("report", first, second)
    assert (ended, "1 newly broken" in output, "promised: a" in output) == (1, True, True), output
    ended, output = installation.hubproof("report", second, first, "--json")
    assert (ended, json.loads(output)["changes"][0]["kind"]) == (0, "mended"), output
    assert installation.hubproof("report", first, "nowhere")[0] == 64
