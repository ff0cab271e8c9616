from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hubproof.lab import bootstrap, lifecycle
from hubproof.lab.facts import Record


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    monkeypatch.setattr(lifecycle, "boot_id", lambda: "this boot")
    monkeypatch.setattr(lifecycle, "_api_of", lambda _record: SimpleNamespace(ready=lambda: True))
    monkeypatch.setattr(bootstrap, "nodes_ready", lambda _api: {"n1": True, "n2": True})
    return Record(str(tmp_path), "build", "this boot", 1.0, complete=True)


def test_a_whole_and_healthy_lab_of_the_same_build_is_adopted(running: Record) -> None:
    assert lifecycle._can_adopt(running, "build")


@pytest.mark.parametrize("other", [{"complete": False}, {"boot": "an earlier boot"}, {"build": "another"}])
def test_another_build_an_earlier_boot_or_half_a_boot_is_not(running: Record, other: dict[str, Any]) -> None:
    assert not lifecycle._can_adopt(replace(running, **other), "build")


def test_a_lab_with_a_seeded_defect_in_it_is_not_adopted(running: Record) -> None:
    running.layout.seeded_defect.touch()
    assert not lifecycle._can_adopt(running, "build")


def test_a_lab_that_lost_a_node_is_not_adopted(running: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "nodes_ready", lambda _api: {"n1": True, "n2": False})
    assert not lifecycle._can_adopt(running, "build")


def test_a_lab_whose_certificates_are_gone_is_not_adopted(running: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(lifecycle, "boot_id", lambda: "this boot")
    assert lifecycle._api_of(running) is None
    assert not lifecycle._can_adopt(running, "build")
