from __future__ import annotations

import datetime as dt
from pathlib import Path

from hubproof.run import RunSettings, new_run_id, point_latest


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
