"""Enforces NetworkPolicies on one node: watches the API, renders `policy_rules`, loads them in one transaction.

Runs in the node. The CNI plugin (`policy_cni`) tells it of each new pod's address before the pod's containers start,
and waits until the rules know it. Two agents on one node would overwrite each other.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import socket
import subprocess
import threading
import time
from pathlib import Path

from hubproof.lab.kube_api import ApiAnswerError, KubeApi, Mirror, Object, read_kubeconfig, say
from hubproof.lab.policy_rules import Known, Policy, PolicyPod, render, render_open

SOCKET = "/run/hubproof-policy.sock"
_ANNOTATION = "lab.hubproof.dev/pod-address"
_GATHER = 0.01
"""Seconds in which changes are gathered before rules are made: pods come in bursts."""
_TELL_WITHIN = 4.0


def pod_of(item: Object) -> PolicyPod | None:
    """Return what rules need of a pod; None when they are not about it: no address, ended, or on the host's network."""
    meta, spec, status = item["metadata"], item["spec"], item.get("status", {})
    # The annotation comes from the CNI plugin, 0.8 s before the kubelet writes the address into the status.
    address = meta.get("annotations", {}).get(_ANNOTATION) or status.get("podIP")
    if spec.get("hostNetwork") or status.get("phase") in {"Succeeded", "Failed"} or not address:
        return None
    ports = tuple(
        (port["name"], port.get("protocol", "TCP").lower(), port["containerPort"])
        for container in [*spec.get("initContainers", []), *spec["containers"]]
        for port in container.get("ports", [])
        if port.get("name")
    )
    return PolicyPod(meta["namespace"], meta.get("labels", {}), spec.get("nodeName", ""), address, ports)


class PolicyAgent:
    """One node's agent.

    Args:
        node: the node's name.
        pod_range: the node's pods, as a network.
        api: the API server.
        ignore: while this file exists, all policies are ignored.

    """

    def __init__(self, node: str, pod_range: str, api: KubeApi, ignore: Path) -> None:
        self._node = node
        self._pod_range = pod_range
        self._api = api
        self._ignore = ignore
        self._dirty = threading.Event()
        self._loaded: frozenset[str] = frozenset()
        wake = self._dirty.set
        self._pods = Mirror(api, "/api/v1/pods", pod_of, wake)
        self._namespaces = Mirror(api, "/api/v1/namespaces", lambda item: item["metadata"].get("labels", {}), wake)
        self._policies = Mirror(
            api,
            "/apis/networking.k8s.io/v1/networkpolicies",
            lambda item: Policy(item["metadata"]["namespace"], item.get("spec", {})),
            wake,
        )

    def run(self) -> None:
        """Keep the node's rules equal to what the API says, for ever."""
        mirrors = (self._pods, self._namespaces, self._policies)
        for mirror in mirrors:
            mirror.start()
        for mirror in mirrors:
            mirror.synced.wait()
        threading.Thread(target=self._answer_cni, daemon=True, name="cni").start()
        threading.Thread(target=self._watch_switch, daemon=True, name="switch").start()
        last = ""
        while True:
            self._dirty.wait()
            time.sleep(_GATHER)
            self._dirty.clear()
            last = self._load(last)

    def _load(self, last: str) -> str:
        known = Known(
            list(self._pods.items.values()),
            {name: labels for (_, name), labels in self._namespaces.items.items()},
            list(self._policies.items.values()),
        )
        text = render_open() if self._ignore.exists() else render(self._node, self._pod_range, known)
        if text != last:
            started = time.monotonic()
            done = subprocess.run(["nft", "-f", "-"], input=text, text=True, capture_output=True, check=False)
            if done.returncode:
                say(f"nft refused the rules: {done.stderr[:2000]}\n{text}")
                time.sleep(0.5)
                self._dirty.set()
                return last
            say(f"loaded {len(text)} bytes in {(time.monotonic() - started) * 1000:.0f} ms")
        self._loaded = frozenset(pod.address for pod in known.pods)
        return text

    def _watch_switch(self) -> None:
        ignored = self._ignore.exists()
        while True:
            time.sleep(0.1)  # a stat ten times a second: inotify would need a library
            if self._ignore.exists() != ignored:
                ignored = not ignored
                say("ignoring every policy" if ignored else "enforcing policies again")
                self._dirty.set()

    def _answer_cni(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(SOCKET)  # noqa: PTH108 - a socket's address is a string
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(SOCKET)
            server.listen(64)
            while True:
                connection, _ = server.accept()
                threading.Thread(target=self._welcome, args=(connection,), daemon=True).start()

    def _welcome(self, connection: socket.socket) -> None:
        """Publish a new pod's address, and say ok once the loaded rules know it."""
        with connection:
            connection.settimeout(_TELL_WITHIN)
            namespace, name, address = connection.recv(1000).decode().split()
            try:
                path = f"/api/v1/namespaces/{namespace}/pods/{name}"
                self._api.merge(path, {"metadata": {"annotations": {_ANNOTATION: address}}})
            except (OSError, http.client.HTTPException, ApiAnswerError) as error:
                say(f"could not publish {address} of {namespace}/{name}: {error!r:.200}")
                return
            end = time.monotonic() + _TELL_WITHIN
            while address not in self._loaded and time.monotonic() < end:
                time.sleep(0.005)
            connection.send(b"ok" if address in self._loaded else b"no")


def main() -> None:
    """Run the agent of the node that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("node")
    parser.add_argument("pod_range")
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("ignore", type=Path, help="while this file exists, every policy is ignored")
    given = parser.parse_args()
    PolicyAgent(given.node, given.pod_range, read_kubeconfig(given.kubeconfig), given.ignore).run()


if __name__ == "__main__":
    main()
