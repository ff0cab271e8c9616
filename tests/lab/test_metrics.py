"""Holds metrics.prom against promtool, which the lab's Prometheus image has: not against a pattern of our own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.lab.running_gates import RunningLab

from hubproof.cluster.execution import Exec
from hubproof.record import RunRecord
from hubproof.reporting.metrics import prometheus_metrics
from hubproof.resources import root

FULL = root() / "tests" / "unit" / "formats" / "report-1.json"


def promtool(lab: RunningLab, text: str) -> Exec:
    """Check metrics with the lab's promtool. Standard input of a pod cannot be closed, hence `head`."""
    (pod, *_) = lab.cluster.list("Pod", "monitoring", labels="app=prometheus")
    command = f"head -c {len(text.encode())} | promtool check metrics"
    return lab.cluster.exec("monitoring", pod["metadata"]["name"], ["sh", "-c", command], stdin=text)


@pytest.mark.parametrize("report", [FULL, root() / "reports" / "example" / "report.json"], ids=["full", "example"])
def test_promtool_finds_nothing_to_say(lab: RunningLab, report: Path, tmp_path: Path) -> None:
    data = json.loads(report.read_text(encoding="utf-8"))
    data["anatomy"] *= 2  # a user whose server was started twice
    (tmp_path / "report.json").write_text(json.dumps(data), encoding="utf-8")
    done = promtool(lab, prometheus_metrics(RunRecord.load(tmp_path)))
    assert (done.code, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize(
    "broken", ["hubproof_x{a=1} 1\n", "hubproof_x 1\nhubproof_x 1\n", '# TYPE x gauge\nx{quantile="0.5"} 1\n']
)
def test_promtool_would_have_said_something(lab: RunningLab, broken: str) -> None:
    assert promtool(lab, broken).code != 0
