"""Starts real gates against the running lab, and looks at what they leave in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hubproof.cluster.client import Cluster
from hubproof.cluster.leases import PERSONA_LABEL
from hubproof.lab import lifecycle
from hubproof.profile import Kube, Profile
from hubproof.profile_file import load_profile
from hubproof.run import RUN_LABEL

KINDS = ("Pod", "NetworkPolicy", "Lease")
"""Every kind of object that a run makes."""


class RunningLab:
    """The lab that is up, seen with the administrator's rights."""

    def __init__(self) -> None:
        facts = lifecycle.facts()
        self.profile: Profile = load_profile(facts.profile)
        self.cluster = Cluster(self.profile.model_copy(update={"kube": Kube(kubeconfig=facts.kubeconfig_admin)}))

    def start_gate(self, reports: Path, *words: str) -> subprocess.Popen[str]:
        """Start a gate as a process group of its own."""
        command = [sys.executable, "-m", "hubproof", "gate", "--profile", str(self.profile.path)]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return subprocess.Popen(
            [*command, "--reports", str(reports), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )

    def persona_leases(self) -> dict[str, str]:
        """Return who holds each persona now: name of the lease to run id."""
        held = self.cluster.list("Lease", self.profile.probe.namespace, labels=PERSONA_LABEL)
        return {one["metadata"]["name"]: one["metadata"]["labels"][RUN_LABEL] for one in held}

    def left(self) -> list[str]:
        """Return what runs left: labelled objects of every kind that runs make, and servers of personas."""
        made = [(kind, one["metadata"]) for kind in KINDS for one in self.cluster.list(kind, labels=RUN_LABEL)]
        found = [f"{kind} {one['namespace']}/{one['name']}" for kind, one in made]
        names = {persona.name for persona in self.profile.personas}
        servers = self.cluster.list("Pod", self.profile.namespace, labels="component=singleuser-server")
        metadata = [pod["metadata"] for pod in servers]
        users = {one["name"]: one.get("annotations", {}).get("hub.jupyter.org/username") for one in metadata}
        return found + [f"server pod {pod}" for pod, user in users.items() if user in names]


def record_of(reports: Path) -> dict[str, Any]:
    """Read the record of the latest run in a folder."""
    record: dict[str, Any] = json.loads((reports / "latest" / "report.json").read_text(encoding="utf-8"))
    return record


def bad_checks(record: dict[str, Any]) -> dict[str, str]:
    """Return the checks of a run that are not green, with what they say."""
    green = {"pass", "not-applicable", "known"}
    return {one["id"]: f"{one['verdict']}: {one['message']}" for one in record["checks"] if one["verdict"] not in green}
