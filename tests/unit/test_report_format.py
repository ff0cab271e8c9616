"""The promise of docs/report.md: what a reader of `report.json` may rely on from one hubproof to the next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from records import check_of, full_record, record_of

from hubproof.cli import main
from hubproof.errors import UsageError
from hubproof.record import SCHEMA, RunRecord
from hubproof.reporting import write_views
from hubproof.reporting.schema import report_schema
from hubproof.resources import root

FROZEN = Path(__file__).parent / "formats"
"""The schema and a full report as they were when format 1 was first promised. Never written again."""


def test_the_committed_schema_is_the_records_own() -> None:
    committed = root() / "docs" / "report.schema.json"
    assert committed.read_text(encoding="utf-8") == report_schema(), "write it again: hubproof.reporting.schema"


@pytest.mark.parametrize("schema", [root() / "docs" / "report.schema.json", FROZEN / "report-1.schema.json"])
def test_what_is_written_today_is_valid_today_and_for_the_first_readers(schema: Path, tmp_path: Path) -> None:
    validator = jsonschema_rs.validator_for(json.loads(schema.read_text(encoding="utf-8")))
    for record in (full_record(), record_of(check_of("pass")), RunRecord.load(root() / "reports" / "example")):
        record.save(tmp_path)
        validator.validate(json.loads((tmp_path / "report.json").read_text(encoding="utf-8")))


def test_the_schema_refuses_what_is_no_report(tmp_path: Path) -> None:
    validator = jsonschema_rs.validator_for(json.loads(report_schema()))
    full_record().save(tmp_path)
    good = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    for place, value in (("verdict", "green"), ("exit_code", "0"), ("schema", "hubproof.report/2"), ("checks", {})):
        assert not validator.is_valid({**good, place: value}), place
    for place in good:
        assert not validator.is_valid({name: value for name, value in good.items() if name != place}), place


def test_nothing_that_was_promised_is_gone() -> None:
    frozen = json.loads((FROZEN / "report-1.schema.json").read_text(encoding="utf-8"))
    assert lost(frozen, json.loads(report_schema())) == [], "a new number for the format, or take it back"


def test_what_would_break_readers_is_seen() -> None:
    frozen = json.loads((FROZEN / "report-1.schema.json").read_text(encoding="utf-8"))
    gone, other, word, optional = (json.loads(json.dumps(frozen)) for _ in range(4))
    del gone["$defs"]["CheckRecord"]["properties"]["observed"]
    other["properties"]["exit_code"]["type"] = "string"
    word["$defs"]["CheckRecord"]["properties"]["verdict"]["enum"].append("flaky")
    optional["required"].remove("swept")
    assert lost(frozen, gone) == ["$defs.CheckRecord.properties.observed is gone"]
    assert lost(frozen, other) == ["properties.exit_code.type was integer"]
    assert "verdict.enum" in lost(frozen, word)[0]
    assert lost(frozen, optional) == ["required no longer has swept"]


def lost(before: Any, after: Any, place: str = "") -> list[str]:  # noqa: ANN401 - JSON
    """Return what readers of one schema relied on and another does not promise. Further properties are no loss."""
    if isinstance(before, dict) and isinstance(after, dict):
        found = []
        for key, value in before.items():
            where = f"{place}.{key}" if place else key
            if key in {"title", "description", "default"}:
                continue
            found += lost(value, after[key], where) if key in after else [f"{where} is gone"]
        return found
    if place.rpartition(".")[2] == "required":
        return [f"{place} no longer has {one}" for one in before if one not in after]
    return [] if before == after else [f"{place} was {before}"]


def test_the_first_report_of_the_format_can_still_be_shown_and_compared(tmp_path: Path) -> None:
    text = (FROZEN / "report-1.json").read_text(encoding="utf-8")
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    record = RunRecord.load(tmp_path)
    assert len(record.checks) == len(json.loads(text)["checks"])
    assert len(write_views(record, tmp_path)) > 1


def test_fields_of_a_later_hubproof_are_passed_over(tmp_path: Path) -> None:
    full_record().save(tmp_path)
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    for one in (data, data["run"], data["target"], data["checks"][0], data["checks"][0]["evidence"][0]):
        one["weather"] = {"of": ["tomorrow"]}
    (tmp_path / "report.json").write_text(json.dumps(data), encoding="utf-8")
    assert RunRecord.load(tmp_path) == full_record()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read"),
        ("[]", "in the format of something else"),
        ('{"schema": "hubproof.report/2"}', "is in the format hubproof.report/2"),
        (json.dumps({"schema": SCHEMA, "run": {}}), "is damaged: run.id: Field required"),
    ],
)
def test_what_is_no_report_is_refused_in_words(
    text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"report\.json") as caught:
        RunRecord.load(tmp_path)
    assert words in str(caught.value)
    assert main(["report", str(tmp_path)]) == 64
    assert words in " ".join(capsys.readouterr().err.split())
