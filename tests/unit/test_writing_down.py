from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import pytest

from hubproof.errors import DeadlineExceededError, HubproofError, TargetError
from hubproof.evidence import BOUND, Evidence
from hubproof.redaction import MARK, Redactor, redact_data
from hubproof.run import RunSettings, new_run_id, point_latest
from hubproof.waiting import Deadline, pause, wait_for


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: token hunter2hunter2",
        '"Cookie": "session=hunter2hunter2"',
        "Set-Cookie: _xsrf=hunter2hunter2; Path=/hub/",
        "GET /hub/oauth_callback?code=hunter2hunter2&state=hunter2hunter2",
        "postgresql://jupyterhub:hunter2hunter2@hub-db:5432/hub",
        "password=hunter2hunter2",
        "api_token: hunter2hunter2",
        "Bearer hunter2hunter2",
        "eyJhunter2hunter2.hunter2hunter2.hunter2",
    ],
)
def test_what_looks_like_a_secret_is_not_written(text: str) -> None:
    assert "hunter2" not in Redactor()(text)


@pytest.mark.parametrize("unit", ["x", "\n", " ", "a:", "eyJ", "://", "token ", "?code="])
def test_a_long_text_is_redacted_in_time(unit: str) -> None:
    text = unit * (400_000 // len(unit))
    begun = time.monotonic()
    Redactor()(text)
    assert time.monotonic() - begun < 2


def test_a_known_value_is_not_written_in_any_place() -> None:
    redactor = Redactor()
    redactor.add("pa ss/word")
    assert redactor("as it is: pa ss/word; quoted: pa%20ss%2Fword") == f"as it is: {MARK}; quoted: {MARK}"


def test_plain_words_stay() -> None:
    text = "the token of the user was refused; password field missing; state of pod jupyter-ada"
    assert Redactor()(text) == text


def test_data_is_redacted_by_key_and_by_value() -> None:
    assert redact_data({"password": "x", "a": ["Bearer abcdefgh1"], "n": 1}) == {
        "password": MARK,
        "a": [f"Bearer {MARK}"],
        "n": 1,
    }


def test_evidence_is_bounded_and_its_end_kept(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path, "a.b[case/1]")
    evidence.text("log", "x" * BOUND + "the end")
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
    evidence.on_failure("the other", lambda: evidence.note("other", 1))
    evidence.capture()
    assert [piece["name"] for piece in evidence.as_dicts()] == ["could not capture the pod", "other"]


def test_waiting_tells_what_it_saw_last() -> None:
    seen = iter([0, 0, 3])
    assert wait_for(lambda: next(seen), within=1, what="three", every=0.001) == 3
    with pytest.raises(DeadlineExceededError, match=r"waited 0.01 s for a pod; last seen: Pending"):
        wait_for(lambda: "", within=0.01, what="a pod", every=0.001, last=lambda: "Pending")
    assert wait_for(lambda: 0, within=0, what="nothing", until=lambda value: value == 0) == 0


def test_a_pause_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="takes a reason"):
        pause(0, reason="")
    assert Deadline(0).over


def test_an_error_for_people_has_its_four_parts() -> None:
    error = HubproofError("it broke", wanted="to work", where="here", next_step="mend it")
    assert str(error) == "it broke\n  wanted: to work\n  where: here\n  next: mend it"


def test_run_ids_sort_by_time_and_fit_a_label() -> None:
    early = new_run_id(dt.datetime(2026, 11, 23, 19, 55, 1, tzinfo=dt.UTC))
    late = new_run_id(dt.datetime(2026, 11, 23, 19, 55, 2, tzinfo=dt.UTC))
    assert early.startswith("20261123-195501-")
    assert early < late
    assert len(early) <= 63


def test_settings_come_back_as_they_were_saved(tmp_path: Path) -> None:
    settings = RunSettings("r", tmp_path / "r", tmp_path / "p.yaml", "gate", ("a.b",), ("observe",), "2026")
    settings.save()
    assert RunSettings.load(tmp_path / "r") == settings
    point_latest(tmp_path / "r")
    point_latest(tmp_path / "r")
    assert (tmp_path / "latest").resolve() == tmp_path / "r"
