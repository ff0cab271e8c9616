"""The record as Prometheus text, for a textfile collector or a Pushgateway."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from hubproof.record import RunRecord

_Sample = tuple[Mapping[str, str], float]


def prometheus_metrics(record: RunRecord) -> str:
    """Return all metrics of a run. Every one carries the target's name, so that several targets can be scraped."""
    target = {"target": record.target.name}
    started = dt.datetime.fromisoformat(record.run.started).timestamp()
    checks = [
        ({**target, "check": one.id, "case": one.case, "severity": one.severity, "verdict": one.verdict}, 1.0)
        for one in record.checks
    ]
    seconds = [({**target, "check": one.id, "case": one.case}, one.seconds) for one in record.checks]
    stages = [
        (
            {**target, "check": spawn.check, "user": spawn.user, "server": spawn.server, "stage": stage.name},
            stage.seconds,
        )
        for spawn in record.anatomy
        for stage in spawn.stages
    ]
    reach = [
        ({**target, "source": one.source, "to": one.to, "promised": one.promised, "verdict": one.verdict}, 1.0)
        for one in record.reach
    ]
    info = {**target, "run": record.run.id, "mode": record.run.mode, "hubproof": record.run.hubproof}
    blocks = [
        _metric("run_info", "The run; its value is always 1.", [({**info, "verdict": record.verdict}, 1.0)]),
        _metric("run_exit_code", "0 pass, 1 fail, 2 error, 3 incomplete.", [(target, float(record.exit_code))]),
        _metric("run_started_timestamp_seconds", "When the run began.", [(target, started)]),
        _metric("run_duration_seconds", "How long the run took.", [(target, record.run.seconds)]),
        _metric("check_verdict", "What each check ended with; its value is always 1.", checks),
        _metric("check_duration_seconds", "How long each check took.", seconds),
        _metric("spawn_stage_seconds", "How long each stage of a spawn took.", stages),
        _metric("reach", "Who reaches whom, promised and seen; its value is always 1.", reach),
        *_capacity(record, target),
    ]
    return "".join(blocks)


def _capacity(record: RunRecord, target: dict[str, str]) -> list[str]:
    load = record.capacity
    if load is None:
        return []
    steps: list[_Sample] = [
        ({**target, "step": step.name, "percentile": percentile}, value)
        for step in load.steps
        for percentile, value in (("50", step.p50), ("95", step.p95), ("99", step.p99), ("100", step.max))
    ]
    failures = [({**target, "step": step.name}, float(step.failures)) for step in load.steps]
    met = [({**target, "objective": one.name}, float(one.met)) for one in load.objectives]
    return [
        _metric("capacity_users", "How many users came.", [(target, float(load.users))]),
        _metric("capacity_step_seconds", "How long a step took, by percentile of all users.", steps),
        _metric("capacity_step_failures", "How often a step failed.", failures),
        _metric("capacity_objective_met", "Whether an objective was met.", met),
    ]


def _metric(name: str, text: str, samples: Iterable[_Sample]) -> str:
    # Of two samples of one series the last is kept: a file that has both is refused whole.
    series = {_labels(labels): value for labels, value in samples}
    lines = [f"hubproof_{name}{labels} {value!r}" for labels, value in series.items()]
    return "\n".join([f"# HELP hubproof_{name} {text}", f"# TYPE hubproof_{name} gauge", *lines, ""]) if lines else ""


def _labels(labels: Mapping[str, str]) -> str:
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items() if value)
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
