"""Measures a whole gate of the lab: how soon the first check starts, and what CPU the runner's own processes use.

Run it as `python bench/start.py [PROFILE]`; without one the running lab's is taken. Prints seconds of one run, and
ratios to the bounds that hubproof promises on two cores. CPU is of the gate and of every process below it
(RUSAGE_CHILDREN).
"""

from __future__ import annotations

import datetime as dt
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

START_WITHIN = 2.0
CPU_OF_25_CHECKS = 25.0
CPU_OF_A_FURTHER_CHECK = 0.3


def _profile() -> str:
    if len(sys.argv) > 1:
        return sys.argv[1]
    from hubproof.lab import lifecycle  # noqa: PLC0415 - a profile elsewhere needs no lab

    return str(lifecycle.facts().profile)


def _gate(profile: str, *words: str) -> tuple[dict[str, Any], int, float, float, float]:
    """Run a gate; return its record, exit code, when it began, its user and its system CPU in seconds."""
    with tempfile.TemporaryDirectory(prefix="hubproof-bench-") as folder:
        before, begun = os.times(), time.time()
        command = [sys.executable, "-m", "hubproof", "gate", *words, "--profile", profile, "--reports", folder]
        # As in every user's shell: byte code is kept between commands.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        after = os.times()
        record = json.loads((Path(folder) / "latest" / "report.json").read_text(encoding="utf-8"))
    user, system = after.children_user - before.children_user, after.children_system - before.children_system
    return record, done.returncode, begun, user, system


def main() -> int:
    """Run a gate of all checks and one of every second, and print their figures; return the former's exit code."""
    profile = _profile()
    record, code, begun, user, system = _gate(profile)
    checks, used = record["checks"], user + system
    ids = sorted({one["id"] for one in checks})
    half, _, _, *used_by_half = _gate(profile, "--select", ",".join(ids[::2]))
    first = min(dt.datetime.fromisoformat(one["started"]).timestamp() for one in checks if one["started"]) - begun
    bound = CPU_OF_25_CHECKS + CPU_OF_A_FURTHER_CHECK * max(0, len(checks) - 25)
    # Both gates pay for the same processes: what the larger uses beyond the smaller is what checks cost.
    further = (used - sum(used_by_half)) / (len(checks) - len(half["checks"]))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"gate of {len(checks)} checks: {record['verdict']}, exit code {code}, {record['run']['seconds']:.1f} s")
    print(f"command to first check: {first:.2f} s = {first / START_WITHIN:.2f} of {START_WITHIN:g} s")
    print(f"CPU: {used:.1f} s (user {user:.1f}, system {system:.1f}) = {used / bound:.2f} of {bound:g} s")
    share = further / CPU_OF_A_FURTHER_CHECK
    print(f"CPU of a further check: {further:.2f} s = {share:.2f} of {CPU_OF_A_FURTHER_CHECK:g} s,")
    print(f"  by a gate of {len(half['checks'])} of them: {sum(used_by_half):.1f} s")
    print(f"largest process: {peak:.0f} MiB")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
