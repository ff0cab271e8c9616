"""Measures `hubproof report RUN` for a run of 1,000 checks with 200 MB of evidence, beside a command that does nothing.

Run it as `python bench/views.py`. Prints seconds and the largest memory of one run of each, and ratios to the bounds
that hubproof promises. The run is made here; its texts are files, as a check leaves them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hubproof.evidence import Evidence
from hubproof.record import CheckRecord, EvidenceRecord, RunFacts, RunRecord, TargetFacts, judge

CHECKS, MEGABYTES = 1_000, 200
WITHIN_SECONDS, WITHIN_MEBIBYTES = 3.0, 300.0
_VERDICTS = ("pass", "pass", "pass", "fail", "could-not-run", "pass", "inconclusive", "pass", "known", "pass")
_CRITERIA = ("reachable over HTTPS", "notebooks spawn", "storage persists", "quotas enforced")


def run_of(folder: Path) -> RunRecord:
    """Write the evidence and the record of a large run, and return the record."""
    line = '2026-11-24T05:23:52.000Z [W] hub: GET /hub/api/users/ada (hub@10.0.0.1) 12.34ms — <looks> & "smells"\n'
    log = line * (MEGABYTES * 1_000_000 // CHECKS // len(line.encode()) + 1)
    checks = []
    for number in range(CHECKS):
        verdict, identity = _VERDICTS[number % len(_VERDICTS)], f"family{number % 12}.check-{number:04d}"
        evidence = Evidence(folder, identity)
        evidence.text("the pod's log", log, source="kubectl logs", command="kubectl logs -n jupyter hub-0")
        evidence.note("seen", {"status": 200, "took": 1.5}, source="the hub", command="curl")
        checks.append(
            CheckRecord.model_validate({
                "id": identity, "family": f"family{number % 12}", "must": "It MUST hold what was promised.",
                "severity": "major", "reach": "act", "criterion": _CRITERIA[number % len(_CRITERIA)],
                "remedy": "Look at the log.", "verdict": verdict, "seconds": number % 40,
                "promised": "an answer", "observed": "none", "where": "a pod", "repeat": "kubectl get pods",
                "evidence": [EvidenceRecord.model_validate(one) for one in evidence.as_dicts()],
            })
        )  # fmt: skip
    facts = RunFacts(
        id="bench", mode="gate", started="2026-11-24T05:00:00+00:00", seconds=900, hubproof="bench", profile_sha256="0"
    )
    record = judge(RunRecord(run=facts, target=TargetFacts(name="bench", url="https://hub.test"), checks=checks))
    record.save(folder)
    return record


def measured(*words: str) -> tuple[float, float, int]:
    """Run a command and return its seconds, its largest memory in MiB, and its exit code."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "hubproof", *words], stderr=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    return time.monotonic() - begun, used.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def main() -> int:
    """Make the run, write its views, print the figures; return 1 when a bound was missed."""
    with tempfile.TemporaryDirectory(prefix="hubproof-bench-") as temporary:
        folder = Path(temporary)
        record = run_of(folder)
        size = sum(path.stat().st_size for path in (folder / "evidence").rglob("*") if path.is_file()) / 1e6
        measured("--version")  # byte code
        bare, _, _ = measured("--version")
        seconds, memory, code = measured("report", str(folder))
        if code != record.exit_code:
            raise SystemExit(f"hubproof report ended with {code}, not with the run's {record.exit_code}")
        views = {path.name: path.stat().st_size / 1e6 for path in sorted(folder.iterdir()) if path.is_file()}
    print(f"{len(record.checks)} checks, {size:.0f} MB of evidence; one run of each command")
    print(f"hubproof --version: {bare:.2f} s")
    print(f"hubproof report: {seconds:.2f} s = {seconds / WITHIN_SECONDS:.2f} of {WITHIN_SECONDS:g} s")
    print(f"largest memory: {memory:.0f} MiB = {memory / WITHIN_MEBIBYTES:.2f} of {WITHIN_MEBIBYTES:g} MiB")
    print(f"views beyond the bare command: {(seconds - bare) / bare:.1f} times as long as it")
    print("written: " + ", ".join(f"{name} {megabytes:.1f} MB" for name, megabytes in views.items()))
    return int(seconds > WITHIN_SECONDS or memory > WITHIN_MEBIBYTES)


if __name__ == "__main__":
    raise SystemExit(main())
