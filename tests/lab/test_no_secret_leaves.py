"""With checks broken in turn by seeded defects, no byte of any report holds a secret of the deployment.

What is a secret is collected beside hubproof, not by it: every value of every Secret, every password and token that the
lab made, tokens in pods' environments, and every cookie, token and anti-forgery value that passed between a client and
the hub (tests/lab/ledger).
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from tests.lab.running_gates import RunningLab

from hubproof.lab import lifecycle

DEFECTS = os.environ.get(
    "HUBPROOF_LEAK_DEFECTS",
    "kernel-tells-secrets account-token-in-user-pods postgresql-credentials-revoked users-open-all-servers "
    "notebook-image-missing traceback-in-the-log",
).split()
"""One at least of each way in which a report comes to hold what a target said: kernels, pods, requests, logs."""
SHORTEST = 8
MARKER = "marker-of-a-kernel-6b1f0c"
_SECRET_NAME = re.compile(r"(?i)token|passw|secret|key")


class SecretsOfPods(threading.Thread):
    """Reads the environment of every pod while runs come and go: each server has a token of its own."""

    def __init__(self, lab: RunningLab) -> None:
        super().__init__(daemon=True)
        self._lab = lab
        self._end = threading.Event()
        self.values: set[str] = set()

    def run(self) -> None:
        """Look until it is stopped."""
        while not self._end.wait(0.5):
            for pod in self._lab.cluster.list("Pod"):
                for container in pod["spec"]["containers"]:
                    named = [one for one in container.get("env", []) if _SECRET_NAME.search(one["name"])]
                    self.values |= {one["value"] for one in named if "value" in one}

    def stop(self) -> None:
        """Look no more."""
        self._end.set()
        self.join(10)


def secrets_at_rest(lab: RunningLab) -> Iterator[str]:
    """Yield every value of every Secret, line by line, and what the lab keeps in files."""
    for secret in lab.cluster.list("Secret"):
        for value in (secret.get("data") or {}).values():
            yield from base64.b64decode(value).decode("utf-8", "replace").splitlines()
    state = lifecycle.facts().state_dir
    for path in (one for one in (state / "secrets").rglob("*") if one.is_file()):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            yield line
            yield line.rpartition(":")[2].strip(" \",'")


def spellings(value: str) -> set[bytes]:
    """Return the ways in which a value may stand in a file."""
    plain = {value, quote(value, safe=""), json.dumps(value)[1:-1], value.replace("&", "&amp;").replace("<", "&lt;")}
    encoded = {base64.b64encode(value.encode()).decode().rstrip("=")}
    return {one.encode() for one in plain | encoded if len(one) >= SHORTEST}


def test_no_secret_is_in_any_report(lab: RunningLab, tmp_path: Path) -> None:
    ledger, reports = tmp_path / "ledger", tmp_path / "reports"
    ledger.touch()
    pods = SecretsOfPods(lab)
    pods.start()
    try:
        folder = Path(__file__).parent / "ledger"
        environment = {**os.environ, "HUBPROOF_TEST_LEDGER": str(ledger)}
        environment["PYTHONPATH"] = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-m", "hubproof", "prove", *DEFECTS, "--reports", str(reports)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    finally:
        pods.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    passed = set(ledger.read_text(encoding="utf-8").splitlines())
    named = set(lab.profile.model_dump_json().split('"'))  # what the profile itself says is no secret
    values = {one for one in {MARKER, *passed, *pods.values, *secrets_at_rest(lab)} if len(one) >= SHORTEST} - named
    assert len(passed) > len(DEFECTS), "the ledger is empty: nothing was tried"
    assert pods.values, "no token was seen in a pod"
    known = {spelling: value for value in values for spelling in spellings(value)}
    pattern = re.compile(b"|".join(map(re.escape, sorted(known, key=len, reverse=True))))
    files = [one for one in reports.rglob("*") if one.is_file() and not one.is_symlink()]
    found = {
        f"{path.relative_to(reports)}: …{data[max(0, hit.start() - 60) : hit.start()].decode(errors='replace')}"
        for path in files
        for data in [path.read_bytes()]
        for hit in [pattern.search(data)]
        if hit
    }
    assert len(files) > len(DEFECTS)
    assert not found, "\n".join(sorted(found))
    assert not [one for one in values if one in done.stdout + done.stderr]
