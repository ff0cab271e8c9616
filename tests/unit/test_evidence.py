from __future__ import annotations

from pathlib import Path

from hubproof.errors import TargetError
from hubproof.evidence import BOUND, Evidence


def test_evidence_is_bounded_and_its_end_kept(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path, "a.b[case/1]")
    evidence.text("log", "x" * BOUND + "the end", source="", command="")
    (piece,) = evidence.as_dicts()
    text = (tmp_path / str(piece["path"])).read_text()
    assert text.startswith("[the last ")
    assert text.endswith("the end")
    assert str(piece["path"]).startswith("evidence/a.b[case_1]/")


def test_what_cannot_be_captured_is_said_and_hides_nothing(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path, "a.b")

    def look() -> None:
        raise TargetError("the pod is gone")

    evidence.on_failure("the pod", look)
    evidence.on_failure("the other", lambda: evidence.note("other", 1, source="", command=""))
    evidence.capture()
    assert [piece["name"] for piece in evidence.as_dicts()] == ["could not capture the pod", "other"]
