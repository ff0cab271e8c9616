"""Runs at the same target leave each other alone, and a run that was killed is swept up by the next."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

from tests.lab.running_gates import RunningLab, bad_checks, record_of

from hubproof.cluster.lease_object import DURATION
from hubproof.waiting import pause, wait_for

KILLS = 20
ACTING = "auth.login,spawn.ready,storage.persist,network.enforced,network.control,quota.limits"


def test_two_runs_at_once_do_not_meet(lab: RunningLab, tmp_path: Path) -> None:
    gates = [lab.start_gate(tmp_path / name, "--workers", "2") for name in ("one", "two")]
    holders: dict[str, list[str]] = {}
    while any(gate.poll() is None for gate in gates):
        for lease, run in lab.persona_leases().items():
            seen = holders.setdefault(lease, [])
            if not seen or seen[-1] != run:
                seen.append(run)
        pause(0.2, reason="the next look at who holds which persona")
    outputs = [gate.communicate()[0] for gate in gates]
    records = [record_of(tmp_path / name) for name in ("one", "two")]
    assert [bad_checks(record) for record in records] == [{}, {}], outputs
    assert [gate.returncode for gate in gates] == [0, 0]
    runs = {record["run"]["id"] for record in records}
    assert {run for seen in holders.values() for run in seen} == runs
    removed = [note for record in records for note in record["swept"] if "earlier run" in note]
    assert removed == [], "a run removed what a living run had made"
    assert lab.left() == []


def test_a_run_killed_at_any_moment_is_swept_up_by_the_next(lab: RunningLab, tmp_path: Path) -> None:
    seed = random.randrange(10_000)  # noqa: S311 - no secret, but a moment
    dice = random.Random(seed)  # noqa: S311
    seen_left = 0
    for number in range(KILLS):
        gate = lab.start_gate(tmp_path / str(number), "--select", ACTING)
        moment = dice.uniform(0.2, 14.0)
        pause(moment, reason="the moment at which the run is killed is what is tried")
        gate.send_signal(signal.SIGKILL)
        gate.communicate(timeout=20)
        # Its pytest ends with it: nothing of the run goes on acting.
        seen_left += bool(lab.left())
    assert seen_left > KILLS // 2, f"the kills (seed {seed}) came too early to leave anything"
    _wait_until_leases_are_over(lab)
    last = lab.start_gate(tmp_path / "last")
    output, _ = last.communicate(timeout=300)
    record = record_of(tmp_path / "last")
    assert (last.returncode, bad_checks(record)) == (0, {}), f"seed {seed}\n{output}"
    assert any("earlier run" in note for note in record["swept"]), record["swept"]
    assert lab.left() == [], f"seed {seed}"


def _wait_until_leases_are_over(lab: RunningLab) -> None:
    """Wait until no dead run's lease holds: before, the next run could not know that it is dead."""
    begun = time.monotonic()

    def over() -> bool:
        return time.monotonic() - begun > DURATION

    wait_for(over, within=DURATION + 5, what="the leases of killed runs to end", last=lambda: str(lab.left()))


def test_a_gate_that_was_killed_has_no_process_left(lab: RunningLab, tmp_path: Path) -> None:
    gate = lab.start_gate(tmp_path, "--select", "auth.login")
    folder = tmp_path / "latest"
    wait_for((folder / "begin").exists, within=20, what="the run to begin")
    gate.send_signal(signal.SIGKILL)
    gate.communicate(timeout=20)
    run = str(folder.resolve())

    def living() -> list[str]:
        found = subprocess.run(["pgrep", "-f", run], capture_output=True, text=True, check=False)
        return found.stdout.split()

    wait_for(living, within=10, what="its processes to end", until=lambda pids: not pids)
