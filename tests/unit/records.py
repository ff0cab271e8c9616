"""Run records for tests of what is made of them."""

from __future__ import annotations

from typing import Any

from hubproof.record import (
    AnatomyRecord,
    CapacityRecord,
    CheckRecord,
    EvidenceRecord,
    FailureRecord,
    ObjectiveRecord,
    ReachRecord,
    RunFacts,
    RunRecord,
    StepRecord,
    TargetFacts,
    judge,
)
from hubproof.verdict import Verdict

EVIL = "<script>alert(1)</script> | [red]x[/] `y` \x1b[31m\x00"
ALL: tuple[Verdict, ...] = (
    "pass", "fail", "error", "could-not-run", "inconclusive", "not-applicable", "known",
)  # fmt: skip


def check_of(verdict: Verdict, **more: Any) -> CheckRecord:  # noqa: ANN401 - fields of the record
    """Return a check that ended so."""
    given: dict[str, Any] = {
        "id": f"spawn.{verdict}",
        "family": "spawn",
        "must": "It MUST work.",
        "severity": "critical",
        "reach": "act",
        "criterion": "notebooks spawn",
        "remedy": "Mend it.",
        "verdict": verdict,
        "message": "" if verdict == "pass" else EVIL,
    }
    return CheckRecord.model_validate({**given, **more})


def record_of(*checks: CheckRecord, **more: Any) -> RunRecord:  # noqa: ANN401 - fields of the record
    """Return a judged run of these checks."""
    run = RunFacts(
        id="r1", mode="gate", started="2026-11-23T19:55:01.000+00:00", seconds=83, hubproof="1", profile_sha256="ab"
    )
    target = TargetFacts(name="254carbon", url="https://hub.test", versions={"jupyterhub": "6.1.1"})
    return judge(RunRecord(run=run, target=target, checks=list(checks), **more))


def full_record() -> RunRecord:
    """Return a record with a check of every verdict, and something in each of its parts."""
    evidence = [EvidenceRecord(name="log", kind="text", path="log.txt"), EvidenceRecord(name="seen", value={"a": EVIL})]
    stages = [{"name": "hub accepts", "at": 0.5, "seconds": 0.5}, {"name": "route added", "at": 3.0, "seconds": 2.5}]
    load = CapacityRecord(
        users=2,
        started=2,
        completed=1,
        seconds=9,
        steps=[StepRecord(name="spawn", count=2, failures=1, p50=1, p95=2, p99=2, max=2)],
        objectives=[ObjectiveRecord(name="failures", promised="0%", observed="50%", met=False)],
        failures=[FailureRecord(cause="refused", count=1, example=EVIL)],
    )
    return record_of(
        *(check_of(verdict, evidence=evidence, case="one") for verdict in ALL),
        anatomy=[AnatomyRecord.model_validate({"user": "ada", "seconds": 3.0, "stages": stages})],
        reach=[
            ReachRecord(
                source="a user's pod",
                to="hub",
                address="hub:8081/tcp",
                promised="open",
                observed="open",
                verdict="kept",
            ),
            ReachRecord(
                source="a user's pod",
                to=EVIL,
                address="10.0.0.1:1/tcp",
                promised="closed",
                observed="timeout",
                ms=2000.5,
                doubt="no endpoint is ready",
                verdict="unclear",
            ),
        ],
        not_proven={"ha.node-loss": "disrupt has no consent"},
        swept=["Pod hubproof/x"],
        capacity=load,
    )
