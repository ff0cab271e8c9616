from __future__ import annotations

from pathlib import Path

import pytest

from hubproof.lab import facts
from hubproof.lab.facts import Record, forget_record, read_record


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "MACHINE", tmp_path)
    monkeypatch.setattr(facts, "_RECORD", tmp_path / "lab.json")


def test_a_record_outlives_the_command_that_wrote_it() -> None:
    record = Record("/lab", "build", "boot", 1.5, {"image": "sha256:1"}, {"kernel/panic": "0"}, ["/dev/loop0"])
    record.write()
    assert read_record() == record
    forget_record()
    assert read_record() is None


def test_a_record_of_a_later_version_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    written = '{"root": "/lab", "build": "b", "boot": "c", "started": 1.0, "new": 1}'
    (tmp_path / "lab.json").write_text(written)
    assert read_record() == Record("/lab", "b", "c", 1.0)


@pytest.mark.parametrize("text", ["[]", "", "{", '{"root": "/lab"}', '{"of": "another version"}'])
def test_an_unreadable_record_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "lab.json").write_text(text)
    assert read_record() is None
