"""The run record: what a run saw and what follows from it. Every report is a view of one of these.

The verdict and the exit code are computed here, once, by `judge`; no view computes either.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from hubproof.errors import UsageError
from hubproof.verdict import Verdict

SCHEMA = "hubproof.report/1"
RunVerdict = Literal["pass", "fail", "error", "incomplete"]
EXIT_CODES: dict[RunVerdict, int] = {"pass": 0, "fail": 1, "error": 2, "incomplete": 3}
_SEVERITIES = ("critical", "major", "minor")
_GREEN = {"pass", "not-applicable", "known"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)


class EvidenceRecord(_Strict):
    """One piece of evidence: a value, or a file whose path is relative to the run's folder."""

    name: str
    kind: str = "value"
    value: Any = None
    path: str = ""
    source: str = ""
    command: str = ""
    time: str = ""


class CheckRecord(_Strict):
    """What one check, or one case of it, ended with; `run` is the earlier run that saw it, when it was not this one."""

    id: str
    case: str = ""
    family: str
    must: str
    severity: Literal["critical", "major", "minor"]
    reach: Literal["observe", "act", "disrupt"]
    criterion: str
    remedy: str
    verdict: Verdict
    seconds: float = 0.0
    started: str = ""
    message: str = ""
    promised: str = ""
    observed: str = ""
    where: str = ""
    repeat: str = ""
    because: str = ""
    source: str = ""
    run: str = ""
    evidence: list[EvidenceRecord] = []

    @property
    def name(self) -> str:
        """The id with its case: `services.trino[read]`."""
        return f"{self.id}[{self.case}]" if self.case else self.id


class RunFacts(_Strict):
    """Which run it was."""

    id: str
    mode: str
    started: str
    seconds: float
    hubproof: str
    profile_sha256: str
    stopped: str = ""
    fail_on: str = "minor"
    resumes: str = ""


class TargetFacts(_Strict):
    """What it was run against."""

    name: str
    url: str
    versions: dict[str, str] = {}


class StageRecord(_Strict):
    """One stage of a spawn: when it was over, in seconds from the request, how long it took, and who saw it."""

    name: str
    at: float
    seconds: float
    source: str = ""


class AnatomyRecord(_Strict):
    """A spawn, taken apart into the stages that its user waited for; one that failed is not `ready` after `seconds`."""

    user: str
    server: str = ""
    check: str = ""
    seconds: float
    ready: bool = True
    stages: list[StageRecord]
    unseen: list[str] = []


class ReachRecord(_Strict):
    """One promise of reachability beside what was seen of it: how the connection ended, and after how many ms.

    `doubt` says why a denial proves nothing, such as that nothing was there to be reached; it is `unclear` then.
    """

    check: str = ""
    source: str
    to: str
    address: str
    promised: Literal["open", "closed"]
    observed: str
    ms: float = 0.0
    doubt: str = ""
    verdict: Literal["kept", "broken", "unclear"]


class StepRecord(_Strict):
    """One step of load users: its times in seconds."""

    name: str
    count: int
    failures: int
    p50: float
    p95: float
    p99: float
    max: float


class ObjectiveRecord(_Strict):
    """One objective of a capacity run."""

    name: str
    promised: str
    observed: str
    met: bool


class FailureRecord(_Strict):
    """One cause of failures under load, with an example."""

    cause: str
    count: int
    example: str


class CapacityRecord(_Strict):
    """What a capacity run measured."""

    users: int
    started: int
    completed: int
    seconds: float
    steps: list[StepRecord]
    objectives: list[ObjectiveRecord]
    failures: list[FailureRecord] = []
    left_behind: list[str] = []


class RunRecord(_Strict):
    """The whole of a run, as `report.json` holds it."""

    schema_: Literal["hubproof.report/1"] = Field(default="hubproof.report/1", alias="schema")
    run: RunFacts
    target: TargetFacts
    verdict: RunVerdict = "incomplete"
    exit_code: int = 3
    counts: dict[str, int] = {}
    checks: list[CheckRecord] = []
    not_proven: dict[str, str] = {}
    swept: list[str] = []
    anatomy: list[AnatomyRecord] = []
    reach: list[ReachRecord] = []
    capacity: CapacityRecord | None = None

    model_config = ConfigDict(populate_by_name=True)

    def save(self, folder: Path) -> Path:
        """Write `report.json` into the folder, whole or not at all."""
        path = folder / "report.json"
        temporary = folder / ".report.json.part"
        temporary.write_text(self.model_dump_json(indent=1, by_alias=True), encoding="utf-8")
        temporary.replace(path)
        return path

    @classmethod
    def load(cls, folder: Path) -> RunRecord:
        """Read the record of a run; fields that a later hubproof added are passed over.

        Raises:
            UsageError: there is none, it is no report, or its format is of another number.

        """
        path = folder / "report.json"
        try:
            data = from_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} cannot be read: {error}", next_step="name the folder of a run") from error
        schema = data.get("schema") if isinstance(data, dict) else None
        if schema != SCHEMA:
            raise UsageError(
                f"{path} is in the format {schema or 'of something else'}",
                wanted=f"a report in the format {SCHEMA}",
                next_step="read it with the hubproof that wrote it; docs/report.md says what stays readable",
            )
        try:
            return cls.model_validate(data, extra="ignore")
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(one) for one in first["loc"])
            raise UsageError(f"{path} is damaged: {place}: {first['msg']}", wanted=f"what {SCHEMA} promises") from error


def judge(record: RunRecord, fail_on: str = "minor") -> RunRecord:
    """Return the record with its counts, verdict and exit code.

    An error wins over everything, since a suite that broke can be trusted in nothing. Then a fail at or above
    `fail_on`. A check without a clear result, a fail below `fail_on` apart, leaves the run incomplete; and so does a
    run in which nothing passed. A capacity run also has its objectives and what it left behind.
    """
    verdicts = [one.verdict for one in record.checks]
    counts = {verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)}
    weight = _SEVERITIES.index(fail_on)
    failed = any(one.verdict == "fail" and _SEVERITIES.index(one.severity) <= weight for one in record.checks)
    unclear = any(verdict not in _GREEN | {"fail", "error"} for verdict in verdicts)
    passed = "pass" in verdicts
    load = record.capacity
    if load is not None:
        failed = failed or any(not one.met for one in load.objectives) or bool(load.left_behind)
        passed = passed or load.completed > 0
        unclear = unclear or load.completed == 0
    verdict: RunVerdict
    if "error" in verdicts:
        verdict = "error"
    elif failed:
        verdict = "fail"
    elif unclear or not passed or record.run.stopped:
        verdict = "incomplete"
    else:
        verdict = "pass"
    facts = record.run.model_copy(update={"fail_on": fail_on})
    update = {"counts": counts, "verdict": verdict, "exit_code": EXIT_CODES[verdict], "run": facts}
    return record.model_copy(update=update)
