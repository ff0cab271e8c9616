"""The lab's NetworkPolicy agent against a truth table, in the running lab: `hubproof lab up`, `pytest tests/lab`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.lab.policy_cases import CASES, Case

from hubproof.lab import bootstrap, images, lifecycle
from hubproof.lab.kube_api import ApiAnswerError, KubeApi, read_kubeconfig
from hubproof.lab.layout import Layout
from hubproof.waiting import pause, wait_for

SERVER = Path(__file__).with_name("policy_server.py").read_text(encoding="utf-8")
PROBE = Path(__file__).with_name("policy_probe.py").read_text(encoding="utf-8")
PODS = {
    "xa": ("np-x", "n1", {"role": "a"}),
    "xb": ("np-x", "n2", {"role": "b"}),
    "ya": ("np-y", "n2", {"role": "a"}),
    "yb": ("np-y", "n1", {"role": "b"}),
}
NAMESPACES = {"x": "np-x", "y": "np-y"}
FIXED = {
    "ext10": "198.18.0.10", "ext11": "198.18.0.11", "api": "198.19.0.1", "n1": "198.18.0.2", "n2": "198.18.0.3",
}  # fmt: skip


class Ground:
    """Four pods in two namespaces on two nodes, their Services, and a server on the outside host."""

    def __init__(self, api: KubeApi, layout: Layout) -> None:
        self.api = api
        self.layout = layout
        self.address = dict(FIXED)

    def make(self) -> None:
        """Make it all and wait until every pod is ready."""
        for team, namespace in NAMESPACES.items():
            # One that an earlier run left may still be ending, and takes nothing new.
            wait_for(partial(self._is_gone_or_whole, namespace), within=60, what=f"namespace {namespace} to be gone")
            self._create("/api/v1/namespaces", {"metadata": {"name": namespace, "labels": {"team": team}}})
            account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
            wait_for(partial(self.api.find, account), within=20, what=account)
        for name in PODS:
            self._make_pod(name)
        for name, (namespace, *_) in PODS.items():
            path = f"/api/v1/namespaces/{namespace}/pods/{name}"
            wait_for(partial(self._ready, path), within=60, what=f"pod {name}")
            self.address[name] = self.api.get(path)["status"]["podIP"]
            service = self.api.get(f"/api/v1/namespaces/{namespace}/services/{name}")
            self.address[f"{name}.svc"] = service["spec"]["clusterIP"]

    def _is_gone_or_whole(self, namespace: str) -> bool:
        found = self.api.find(f"/api/v1/namespaces/{namespace}")
        return found is None or "deletionTimestamp" not in found["metadata"]

    def _ready(self, path: str) -> bool:
        conditions = self.api.get(path)["status"].get("conditions", [])
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def _create(self, path: str, body: dict[str, Any]) -> None:
        with suppress(ApiAnswerError):
            self.api.call("POST", path, body)

    def _make_pod(self, name: str) -> None:
        namespace, node, labels = PODS[name]
        container = {
            "name": "server",
            "image": images.references()["base"],
            "command": ["python3", "-uc", SERVER],
            "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
            "ports": [
                {"name": "http", "containerPort": 8080},
                {"name": "alt", "containerPort": 8081 if namespace == "np-x" else 8085},
                {"name": "udp", "containerPort": 9090, "protocol": "UDP"},
            ],
        }
        self._create(f"/api/v1/namespaces/{namespace}/pods", {
            "metadata": {"name": name, "labels": {**labels, "pod": name}},
            "spec": {"terminationGracePeriodSeconds": 0, "nodeName": node, "containers": [container]},
        })  # fmt: skip
        ports = [
            {"name": "http", "port": 80, "targetPort": "http"},
            {"name": "udp", "port": 90, "protocol": "UDP", "targetPort": "udp"},
        ]
        path = f"/api/v1/namespaces/{namespace}/services"
        self._create(path, {"metadata": {"name": name}, "spec": {"selector": {"pod": name}, "ports": ports}})

    def stands(self) -> bool:
        """Say whether everybody reaches what nothing closes. A ready pod can be ahead of its Service on a node."""
        whole = CASES[0]
        assert not whole.policies
        probes = {source: [one for one in told if not one.startswith("!")] for source, told in whole.table.items()}
        with ThreadPoolExecutor(4) as pool:
            return all(all(answers) for answers in pool.map(self.probe, probes, probes.values()))

    def probe(self, source: str, probes: list[str]) -> list[bool]:
        """Return for each probe whether its answer came back."""
        targets = []
        for probe in probes:
            protocol, destination, port = probe.lstrip("!").split(":")
            own = self.address[source] if source.startswith("ext") else ""
            targets.append([protocol, self.address[destination], int(port), own])
        command = ["python3", "-c", PROBE, json.dumps(targets)]
        if source in PODS:
            answer = bootstrap.kubectl(self.layout, "-n", PODS[source][0], "exec", source, "--", *command)
        else:
            namespace = "lab-ext" if source.startswith("ext") else f"lab-{source}"
            inside = ["ip", "netns", "exec", namespace, sys.executable, *command[1:]]
            answer = subprocess.run(inside, capture_output=True, text=True, check=True).stdout
        reached: list[bool] = json.loads(answer)
        return reached


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    facts = lifecycle.facts()
    with lifecycle.hold("tests/lab"):
        ground = Ground(read_kubeconfig(facts.kubeconfig_admin), Layout(facts.state_dir))
        ground.make()
        second = ["ip", "-netns", "lab-ext", "addr"]
        subprocess.run([*second, "replace", "198.18.0.11/24", "dev", "eth0"], check=True)
        server = subprocess.Popen(["ip", "netns", "exec", "lab-ext", sys.executable, "-uc", SERVER])
        try:
            wait_for(
                ground.stands, within=60, what="each node's service proxy to know the new Services, and all servers"
            )
            yield ground
        finally:
            server.kill()
            server.wait()
            subprocess.run([*second, "del", "198.18.0.11/24", "dev", "eth0"], check=True)
            for namespace in NAMESPACES.values():
                ground.api.call("DELETE", f"/api/v1/namespaces/{namespace}")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title.replace(" ", "-"))
def test_only_what_policies_allow_gets_through(ground: Ground, case: Case) -> None:
    paths = []
    for number, (team, spec) in enumerate(case.policies):
        path = f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACES[team]}/networkpolicies"
        ground.api.call("POST", path, {"metadata": {"name": f"policy-{number}"}, "spec": spec})
        paths.append(f"{path}/policy-{number}")
    pause(0.6, reason="the agents take up to 0.24 s, and nothing says when they have loaded a policy")
    try:
        with ThreadPoolExecutor(4) as pool:
            answers = pool.map(ground.probe, case.table, case.table.values())
            seen = dict(zip(case.table, answers, strict=True))
    finally:
        for path in paths:
            ground.api.call("DELETE", path)
        pause(0.3, reason="the same, for the next case")
    wrong = [
        f"{source} → {probe.lstrip('!')} is {'open' if open_ else 'closed'}"
        for source, probes in case.table.items()
        for probe, open_ in zip(probes, seen[source], strict=True)
        if open_ == probe.startswith("!")
    ]
    assert not wrong


def test_policies_can_be_ignored_and_enforced_again(ground: Ground) -> None:
    path = "/apis/networking.k8s.io/v1/namespaces/np-x/networkpolicies"
    deny = {"metadata": {"name": "deny"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
    ground.api.call("POST", path, deny)

    def reached() -> bool:
        return ground.probe("yb", ["t:xa:8080"])[0]

    try:
        wait_for(lambda: not reached(), within=5, what="the policy to hold")
        lifecycle.ignore_policies(on=True)
        wait_for(reached, within=5, what="the policy to be ignored")
        lifecycle.ignore_policies(on=False)
        wait_for(lambda: not reached(), within=5, what="the policy to hold again")
    finally:
        lifecycle.ignore_policies(on=False)
        ground.api.call("DELETE", f"{path}/deny")
