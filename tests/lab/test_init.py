"""A profile that `hubproof init` drafts of the lab's hub, its questions answered, gates the hub green."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from tests.lab.running_gates import RunningLab, record_of

from hubproof.profile_file import ASK_TAG


def hubproof(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hubproof", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def answered(draft: str, answers: dict[str, Any]) -> dict[str, Any]:
    """Put an answer in the place of every question, by the key that it stands at."""

    class Loader(yaml.SafeLoader):
        pass

    lines = draft.splitlines()
    Loader.add_constructor(ASK_TAG, lambda _loader, node: answers[lines[node.start_mark.line].split(":")[0].strip()])
    data: dict[str, Any] = yaml.load(draft, Loader)  # noqa: S506 - a SafeLoader with one tag more
    return data


def test_a_draft_with_its_questions_answered_gates_green(lab: RunningLab, tmp_path: Path) -> None:
    path = tmp_path / "drafted.yaml"
    drafted = hubproof("init", "--lab", "-o", path)
    assert drafted.returncode == 0, drafted.stderr
    refused = hubproof("gate", "--profile", path, "--reports", tmp_path / "refused")
    assert refused.returncode == 64
    assert refused.stderr.count("answer this question") == path.read_text(encoding="utf-8").count(f": {ASK_TAG} ")

    known = yaml.safe_load(lab.profile.path.read_text(encoding="utf-8"))
    promises = known["promises"]
    answers = {
        "tls": known["tls"],
        "image": known["probe"]["image"],
        "api_token": known["hub"]["api_token"],
        "driver": known["login"]["driver"],
        "personas": known["personas"],
        "storage": promises["storage"],
        "memory": promises["quota"]["memory"],
        "cpu": promises["quota"]["cpu"],
    }
    profile = answered(path.read_text(encoding="utf-8"), answers) | {"resolve": known["resolve"]}
    path.write_text(yaml.safe_dump(profile, sort_keys=False), encoding="utf-8")
    gated = hubproof("gate", "--profile", path, "--reports", tmp_path / "runs")
    assert gated.returncode == 0, gated.stdout + gated.stderr
    verdicts = {one["id"]: one["verdict"] for one in record_of(tmp_path / "runs")["checks"]}
    assert len(verdicts) >= 20
    assert set(verdicts.values()) == {"pass"}


def test_a_namespace_without_a_hub_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "drafted.yaml"
    done = hubproof("init", "--lab", "--namespace", "kube-node-lease", "-o", path)
    assert done.returncode == 64
    assert "nothing runs in namespace kube-node-lease" in done.stderr
    assert not path.exists()
