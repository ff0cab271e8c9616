"""Proves the checks: with each seeded defect in, its checks must turn red, for the right reason, and nothing else.

Every defect gets two runs against the lab: with it in (its checks and a fixed set of sentinels), and with it out again.
A look-alike, healthy but unusual, must stay green in both.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from hubproof.checking import CheckInfo
from hubproof.defects import Defect, Seeder
from hubproof.errors import HubproofError
from hubproof.gate import GateOptions, run_gate
from hubproof.profile import Profile
from hubproof.progress import Progress
from hubproof.record import CheckRecord, RunRecord
from hubproof.selection import Selection

SENTINELS = ("access.https", "rbac.hub", "quota.namespace", "deploy.inventory")
"""Run with every defect, and must stay as they were: cheap ones of different families."""
_RED = {"fail"}


@dataclass
class Proof:
    """What became of one defect.

    Attributes:
        defect: the defect.
        problems: why it counts as missed, in words; none means caught (or, of a look-alike, left alone).
        observed: the failing checks' messages with the defect in.

    """

    defect: Defect
    problems: list[str] = field(default_factory=list)
    observed: dict[str, str] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """Whether the checks did what they must."""
        return not self.problems


def prove(
    defects: list[Defect],
    profile: Profile,
    catalogue: dict[str, CheckInfo],
    seeder: Seeder,
    reports: Path,
    progress: Progress,
) -> list[Proof]:
    """Put each defect in and out, one after the other, and return what became of each.

    Args:
        defects: in the order in which they are tried.
        profile: of the reference deployment in the lab.
        catalogue: all checks.
        seeder: puts them in.
        reports: folder for the runs; each is `<defect>-in` or `<defect>-out`.
        progress: where to tell.

    """
    proofs = []
    for defect in defects:
        proof = Proof(defect)
        try:
            with progress.step(f"{defect.id}: {'look-alike' if defect.look_alike else 'defect'} for {_names(defect)}"):
                with seeder.seeded(defect):
                    _judge_in(proof, _run(defect, "in", profile, catalogue, reports))
                _judge_out(proof, _run(defect, "out", profile, catalogue, reports))
        except HubproofError as error:
            proof.problems.append(f"could not be put in, or taken out: {error}")
        for problem in proof.problems:
            progress.say(f"  MISSED {defect.id}: {problem}")
        if proof.held and not defect.look_alike:
            first = next(iter(proof.observed.values()), "").replace("\n", " · ")
            progress.say(f"  caught: {first[:160]}")
        proofs.append(proof)
        if seeder.left_in:
            progress.say(f"STOPPED: {seeder.left_in} could not be taken out; the next `lab up` replaces the lab")
            rest = defects[defects.index(defect) + 1 :]
            return proofs + [Proof(one, ["not tried: the lab was left with a defect in"]) for one in rest]
    return proofs


def _names(defect: Defect) -> str:
    return ", ".join(defect.checks)


def _run(defect: Defect, when: str, profile: Profile, catalogue: dict[str, CheckInfo], reports: Path) -> RunRecord:
    selected = {*defect.checks, *(SENTINELS if when == "in" else ())}
    quiet = Progress(Console(file=io.StringIO(), width=160))
    options = GateOptions(reports=reports / f"{defect.id}-{when}", workers=2, mode="prove")
    return run_gate(
        profile,
        catalogue,
        Selection({i: "proof" for i in catalogue if i in selected}, ("observe", "act", "disrupt")),
        options,
        quiet,
    )


def _judge_in(proof: Proof, record: RunRecord) -> None:
    defect = proof.defect
    for check_id in defect.checks:
        results = [one for one in record.checks if one.id == check_id]
        red = [one for one in results if one.verdict in _RED]
        if defect.look_alike:
            bad = [one for one in results if one.verdict != "pass"]
            proof.problems += [f"false alarm: {_told(one)}" for one in bad]
            continue
        proof.observed |= {one.id: one.message for one in red}
        if not red:
            proof.problems.append(f"{check_id} did not turn red: {'; '.join(map(_told, results)) or 'no result'}")
        elif not any(all(word.lower() in _all_words(one) for word in defect.seen) for one in red):
            proof.problems.append(f"{check_id} is red for another reason than {defect.seen}: {_told(red[0])}")
    named = {*defect.checks, *defect.consequences}
    proof.problems += [
        f"false alarm of a sentinel: {_told(one)}" for one in record.checks if one.id not in named and not _quiet(one)
    ]
    proof.problems += [f"the suite broke: {_told(one)}" for one in record.checks if one.verdict == "error"]


def _judge_out(proof: Proof, record: RunRecord) -> None:
    proof.problems += [
        f"not green after it was taken out: {_told(one)}"
        for one in record.checks
        if one.verdict not in {"pass", "not-applicable"}
    ]


def _quiet(result: CheckRecord) -> bool:
    return result.verdict in {"pass", "not-applicable", "known"}


def _all_words(result: CheckRecord) -> str:
    return f"{result.message} {result.promised} {result.observed} {result.where}".lower()


def _told(result: CheckRecord) -> str:
    return f"{result.id} is {result.verdict}: {result.message[:400]}"


def rotating(defects: list[Defect], share: int, turn: int) -> list[Defect]:
    """Return a part of the defects such that `share` turns in a row cover all of them."""
    return [one for index, one in enumerate(defects) if index % share == turn % share]


def tell(proofs: list[Proof], folder: Path, progress: Progress) -> int:
    """Write `proofs.json` into the folder, say the result in one line, and return the exit code: 0 when all held."""
    data = [
        {"id": one.defect.id, "look_alike": one.defect.look_alike, "checks": one.defect.checks, "held": one.held,
         "problems": one.problems, "observed": one.observed}
        for one in proofs
    ]  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "proofs.json").write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")
    seeded = [one for one in proofs if not one.defect.look_alike]
    alike = [one for one in proofs if one.defect.look_alike]
    caught, alone = sum(one.held for one in seeded), sum(one.held for one in alike)
    progress.say(
        f"{caught} of {len(seeded)} seeded defects caught, {alone} of {len(alike)} look-alikes left alone "
        f"({folder / 'proofs.json'})"
    )
    return 0 if all(one.held for one in proofs) and proofs else 1
