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

START_WITHIN = 2.0
CPU_OF_25_CHECKS = 25.0
CPU_OF_A_FURTHER_CHECK = 0.3


def _profile() -> str:
    if len(sys.argv) > 1:
        return sys.argv[1]
    from hubproof.lab import lifecycle  # noqa: PLC0415 - a profile elsewhere needs no lab

    return str(lifecycle.facts().profile)


def main() -> int:
    """Run one gate and print its figures; return its exit code."""
    profile = _profile()
    with tempfile.TemporaryDirectory(prefix="hubproof-bench-") as folder:
        before, begun = os.times(), time.time()
        command = [sys.executable, "-m", "hubproof", "gate", "--profile", profile, "--reports", folder]
        # As in every user's shell: byte code is kept between commands.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        seconds, after = time.time() - begun, os.times()
        record = json.loads((Path(folder) / "latest" / "report.json").read_text(encoding="utf-8"))
    checks = record["checks"]
    first = min(dt.datetime.fromisoformat(one["started"]).timestamp() for one in checks if one["started"]) - begun
    user = after.children_user - before.children_user
    system = after.children_system - before.children_system
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    bound = CPU_OF_25_CHECKS + CPU_OF_A_FURTHER_CHECK * max(0, len(checks) - 25)
    print(f"gate of {len(checks)} checks: {record['verdict']}, exit code {done.returncode}, {seconds:.1f} s")
    print(f"command to first check: {first:.2f} s = {first / START_WITHIN:.2f} of {START_WITHIN:g} s")
    used = user + system
    print(f"CPU: {used:.1f} s (user {user:.1f}, system {system:.1f}) = {used / bound:.2f} of {bound:g} s")
    print(f"largest process: {peak:.0f} MiB")
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
