"""Makes a run record out of the lines that pytest wrote, and sees to it that no selected check is missing from it.

A check without a result is never passed over in silence: it is could-not-run when the run was stopped, else an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from hubproof import __version__
from hubproof.checking import CheckInfo
from hubproof.profile import Profile
from hubproof.record import AnatomyRecord, CheckRecord, EvidenceRecord, ReachRecord, RunFacts, RunRecord, TargetFacts
from hubproof.run import COLLECTED, RunSettings


def complete(
    lines: Iterable[dict[str, Any]],
    *,
    profile: Profile,
    catalogue: dict[str, CheckInfo],
    settings: RunSettings,
    stopped: str,
    notes: list[str],
    seconds: float,
    versions: dict[str, str],
) -> RunRecord:
    """Return the record, not yet judged.

    Args:
        lines: what the plugin wrote, one a finished check.
        profile: the target's.
        catalogue: every check by id.
        settings: of the run.
        stopped: why the run ended early, if it did.
        notes: what was swept.
        seconds: how long the run took.
        versions: of the target's parts, as far as they are known.

    """
    lines = list(lines)
    by_node = {str(line["nodeid"]): line for line in lines}
    checks = [_record(line, catalogue) for line in lines if line["id"]]
    checks += _missing(lines, by_node, catalogue, settings, stopped)
    order = {check_id: index for index, check_id in enumerate(catalogue)}
    checks.sort(key=lambda one: (order.get(one.id, len(order)), one.case))
    return RunRecord(
        run=RunFacts(
            id=settings.run_id,
            mode=settings.mode,
            started=settings.started,
            seconds=round(seconds, 2),
            hubproof=__version__,
            profile_sha256=profile.sha256,
            stopped=stopped,
            resumes=settings.resumes,
        ),
        target=TargetFacts(name=profile.name, url=profile.url, versions=versions),
        checks=checks,
        not_proven=settings.not_proven,
        swept=notes,
        anatomy=[AnatomyRecord.model_validate(one) for one in _drawn(lines, "anatomy")],
        reach=[ReachRecord.model_validate(one) for one in _drawn(lines, "reach")],
    )


def _record(line: dict[str, Any], catalogue: dict[str, CheckInfo]) -> CheckRecord:
    told = ("verdict", "seconds", "started", "message", "promised", "observed", "where", "repeat", "because")
    return CheckRecord(
        **_said(catalogue[line["id"]]),
        case=line["case"],
        evidence=[EvidenceRecord.model_validate(one) for one in line["evidence"]],
        **{name: line[name] for name in told},
    )


def _drawn(lines: list[dict[str, Any]], kind: str) -> Iterator[dict[str, Any]]:
    """Yield what checks gave to be drawn, each with the check that gave it."""
    for line in lines:
        for one in line["drawn"].get(kind, []):
            yield {"check": line["id"], **one}


def _said(info: CheckInfo) -> dict[str, Any]:
    names = ("id", "family", "must", "severity", "reach", "criterion", "remedy", "source")
    return {name: getattr(info, name) for name in names}


def _missing(
    lines: list[dict[str, Any]],
    by_node: dict[str, dict[str, Any]],
    catalogue: dict[str, CheckInfo],
    settings: RunSettings,
    stopped: str,
) -> list[CheckRecord]:
    """Return a record for each selected check, and each collected case, that has no result."""
    collected = settings.folder / COLLECTED
    nodes = collected.read_text(encoding="utf-8").splitlines() if collected.exists() else []
    by_test = {test: info for info in catalogue.values() for test in info.tests}
    without: dict[tuple[str, str], str] = {}
    for node in nodes:
        line = by_node.get(node)
        if line is not None and line["id"]:
            continue
        test, _, case = node.partition("[")
        if info := by_test.get(test):
            crash = str(line["message"]) if line else ""
            without[info.id, case.removesuffix("]")] = crash
    present = {line["id"] for line in lines} | {check_id for check_id, _ in without}
    for check_id in settings.selected:
        if check_id not in present:
            without[check_id, ""] = ""
    records = []
    for (check_id, case), crash in without.items():
        if crash:
            verdict, message = "error", f"the worker that ran it died: {crash}"
        elif stopped:
            verdict, message = "could-not-run", f"it did not end: {stopped}"
        else:
            verdict, message = "error", "it was selected and has no result; see pytest-*.log in the run's folder"
        said = _said(catalogue[check_id])
        records.append(CheckRecord.model_validate({**said, "case": case, "verdict": verdict, "message": message}))
    return records
