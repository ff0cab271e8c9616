"""The command as its users meet it: as a process, with bad input, and against a target that is not there."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROFILE = "schema: hubproof/1\nname: nowhere\nurl: https://127.0.0.1:{port}\n"


def _hubproof(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "HUBPROOF_PROFILE"}
    return subprocess.run(
        [sys.executable, "-m", "hubproof", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**clean, **(env or {})},
    )


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Lend a port of this machine on which nothing listens: bound, so that nobody else takes it."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield one.getsockname()[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gate"], "no target is named"),
        (["gate", "--profile", "none.yaml"], "cannot read the profile"),
        (["gate", "--lab", "--select", "spawn.redy"], "did you mean spawn.ready?"),
        (["gate", "--lab", "--profile", "x.yaml"], "name two targets"),
        (["gate", "--fail-on", "huge"], "critical"),
        (["gaet"], "Did you mean gate?"),
        (["prove", "no-such-defect"], "no seeded defect"),
        (["report", "nowhere"], "report.json"),
        (["checks", "auth.logn"], "did you mean auth.login?"),
    ],
)
def test_bad_input_is_usage_and_says_what_to_do(words: list[str], said: str) -> None:
    done = _hubproof(*words)
    assert (done.returncode, said in done.stderr) == (64, True), done.stderr


def test_an_unset_secret_is_usage_before_anything_is_touched(tmp_path: Path) -> None:
    profile = tmp_path / "p.yaml"
    profile.write_text(PROFILE.format(port=1) + "hub: {api_token: {env: HUBPROOF_SURELY_UNSET}}\n")
    done = _hubproof("gate", "--profile", str(profile), "--reports", str(tmp_path / "runs"))
    assert done.returncode == 64
    assert "p.yaml:4: hub.api_token: environment variable HUBPROOF_SURELY_UNSET is not set" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_an_unreachable_target_is_said_once_and_in_seconds(tmp_path: Path, closed_port: int) -> None:
    profile = tmp_path / "p.yaml"
    profile.write_text(PROFILE.format(port=closed_port))
    begun = time.monotonic()
    done = _hubproof("gate", "--profile", str(profile), "--reports", str(tmp_path / "runs"))
    record = json.loads((tmp_path / "runs" / "latest" / "report.json").read_text())
    verdicts = {one["id"]: one["verdict"] for one in record["checks"]}
    messages = {one["id"]: one["message"] for one in record["checks"]}
    assert done.returncode == 1, done.stderr
    assert verdicts.pop("access.https") == "fail"
    assert "refused" in messages["access.https"]
    assert set(verdicts.values()) == {"could-not-run", "not-applicable"}, verdicts
    assert "access.https" in messages["auth.login"]
    assert time.monotonic() - begun < 30


def test_a_profile_without_a_cluster_alone_could_not_run(tmp_path: Path, closed_port: int) -> None:
    profile = tmp_path / "p.yaml"
    profile.write_text(PROFILE.format(port=closed_port) + "promises: {rbac: {hub_account: hub}}\n")
    words = ["gate", "--profile", str(profile), "--reports", str(tmp_path / "runs"), "--select", "rbac.hub"]
    done = _hubproof(*words)
    record = json.loads((tmp_path / "runs" / "latest" / "report.json").read_text())
    assert done.returncode == 3, done.stderr
    assert "names no cluster" in record["checks"][0]["message"]
