"""Who reaches whom, measured: from a standing probe pod, from inside a user's kernel, and between a throw-away pair.

Every measurement is a new connection, since network plugins differ in what they do with those already open.
"""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from hubproof.cluster.client import Cluster, Object
from hubproof.cluster.connection import KubernetesError
from hubproof.cluster.probe_pod import PORT, object_name, pod_body, require_ready
from hubproof.errors import CouldNotRunError
from hubproof.profile import Profile
from hubproof.run import RUN_LABEL
from hubproof.waiting import Deadline, pause

PROBE_CODE = Path(__file__).with_name("reach_probe.py").read_text(encoding="utf-8")
"""Python for a pod or a kernel; it defines `probe_all(json, timeout) -> json`. See `reach_probe.py`."""

Target = tuple[str, int, str]
"""Host name or address, port, `tcp` or `udp`."""

_CONFLICT = 409
_DATAGRAM = '--udp-data "$(printf "hp\\001\\001\\001\\001\\001\\001\\001\\001\\001\\001")"'
"""As long as the head of a DNS query, without its zeros, which no command line holds; DNS servers call it malformed."""
_AGREEING = 3  # new connections that must agree before they count: one lost packet looks like a policy


@dataclass(frozen=True)
class Observation:
    """How one attempt to reach something ended.

    Attributes:
        kind: open, timeout, refused, no-route, dns, no-tool (the image has nothing to measure with) or other.
        ms: milliseconds until it ended so.
        detail: the address tried and the system's own words.

    """

    kind: str
    ms: float = 0.0
    detail: str = ""


class ProbePod:
    """A standing pod of the run in the profile's probe namespace, shared by all its processes.

    It answers on port 8080 over TCP and UDP, and measures from where it stands. It is removed by the sweep at the end
    of the run.

    Args:
        cluster: where it runs.
        profile: says which image, and in which namespace.
        run_id: of the run that it belongs to.
        name: tells several pods of one run apart.
        avoid: name of another probe pod; this one is put on another node than that, where there is one.

    """

    def __init__(
        self, cluster: Cluster, profile: Profile, run_id: str, name: str = "probe", *, avoid: str = ""
    ) -> None:
        self._cluster = cluster
        self.namespace = profile.probe.namespace
        self.name = object_name(run_id, name)
        self._body = pod_body(profile, run_id, self.name, avoid=avoid)
        self._pod: Object = {}

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def address(self) -> str:
        """The pod's own address, once it is started."""
        return str(self._pod["status"]["podIP"])

    @property
    def node(self) -> str:
        """The node that it runs on."""
        return str(self._pod["spec"]["nodeName"])

    def start(self, within: float = 60.0) -> Self:
        """Make the pod, or find the one that another process of the run has made, and wait until it is ready.

        Raises:
            CouldNotRunError: it cannot be made or does not become ready; with the reason.

        """
        try:
            self._cluster.create(self._body)
        except KubernetesError as error:
            if error.status != _CONFLICT:
                raise
        self._pod = require_ready(self._cluster, self.namespace, self.name, within)
        return self

    def reach(self, targets: Sequence[Target], *, timeout: float = 2.0) -> list[Observation]:
        """Try all targets at once from inside this pod and return what was seen, in their order."""
        if not targets:
            return []
        command = ["python3", "-c", f"{PROBE_CODE}\nimport sys\nprint(probe_all(sys.argv[1], {timeout}))"]
        done = self._cluster.exec(
            self.namespace, self.name, [*command, json.dumps(list(targets))], within=30.0 + 3 * timeout
        )
        if done.missing:
            return self._reach_with_agnhost(targets, timeout)
        if done.code:
            return [Observation("other", 0.0, f"the probe failed: {done.stderr[-300:]}") for _ in targets]
        return [Observation(**one) for one in json.loads(done.stdout)]

    def close(self) -> None:
        """Remove the pod."""
        self._cluster.delete("Pod", self.name, self.namespace, grace=0)

    def _reach_with_agnhost(self, targets: Sequence[Target], timeout: float) -> list[Observation]:
        """Measure with the Kubernetes project's own probe image, which has no Python: one process a target."""
        mark = secrets.token_hex(3)
        lines = [
            f"(/agnhost connect {shlex.quote(f'{host}:{port}')} --protocol {protocol} --timeout {timeout * 1000:.0f}ms"
            f" {_DATAGRAM if protocol == 'udp' else ''} >/tmp/{mark}-{n} 2>&1; echo $? >>/tmp/{mark}-{n}) &"
            for n, (host, port, protocol) in enumerate(targets)
        ]
        script = "\n".join(["command -v /agnhost >/dev/null || exit 127", *lines, "wait"])
        script += (
            f"\nfor n in $(seq 0 {len(targets) - 1}); do tr '\\n' ' ' </tmp/{mark}-$n; echo; done; rm /tmp/{mark}-*"
        )
        done = self._cluster.exec(self.namespace, self.name, ["sh", "-c", script], within=30.0 + 3 * timeout)
        if done.missing:
            return [Observation("no-tool", 0.0, "the probe image has neither python3 nor /agnhost") for _ in targets]
        return [_of_agnhost(line) for line in done.stdout.splitlines()]


def _of_agnhost(line: str) -> Observation:
    """Read what `agnhost connect` printed, with its exit code behind it."""
    *words, code = line.split()
    if code == "0":
        return Observation("open")
    text = " ".join(words)
    word = text.partition(":")[0].strip()
    known = {"TIMEOUT": "timeout", "REFUSED": "refused", "DNS": "dns"}
    if word == "OTHER" and ("no route to host" in text or "unreachable" in text):
        return Observation("no-route", 0.0, text)
    return Observation(known.get(word, "other"), 0.0, text)


class Throwaway:
    """Two pods of their own, one that answers and one that asks, and a policy that comes and goes between them.

    Args:
        cluster: where they run; on two nodes, where there are two.
        profile: says which image, and in which namespace.
        run_id: of the run that they belong to.

    """

    def __init__(self, cluster: Cluster, profile: Profile, run_id: str) -> None:
        self._cluster = cluster
        mark = secrets.token_hex(2)
        self._server = ProbePod(cluster, profile, run_id, f"answers-{mark}")
        self._client = ProbePod(cluster, profile, run_id, f"asks-{mark}", avoid=self._server.name)
        self._run_id = run_id
        self._policy = object_name(run_id, f"deny-{mark}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def where(self) -> str:
        """Both pods, with their nodes."""
        server, client = self._server, self._client
        return f"from {client.name} on {client.node} to {server.name} on {server.node}, namespace {server.namespace}"

    @property
    def repeat(self) -> str:
        """One command that tries the same by hand."""
        namespace, client, address = self._client.namespace, self._client.name, self._server.address
        code = f"import socket; socket.create_connection(('{address}', {PORT}), 2)"
        return f'kubectl -n {namespace} exec {client} -- python3 -c "{code}"'

    def start(self, within: float = 60.0) -> Self:
        """Start both pods and wait until they are ready."""
        self._server.start(within)
        self._client.start(within)
        return self

    def wait_until(self, *kinds: str, within: float) -> Observation:
        """Try new connections until several at once end in one of these ways, and return the last seen.

        It returns what it saw last also when the time is over: what that means is for the check to say.
        """
        deadline = Deadline(within)
        target = (self._server.address, PORT, "tcp")
        while True:
            seen = self._client.reach([target] * _AGREEING, timeout=1.0)
            if all(one.kind in kinds for one in seen):
                return seen[0]
            if deadline.over:
                return next(one for one in seen if one.kind not in kinds)
            if seen[0].kind == "no-tool":
                raise CouldNotRunError(seen[0].detail, where=self.where)
            pause(0.1, reason="the next attempt, while the network plugin applies the policy")

    def deny_all(self) -> None:
        """Make a policy that selects the answering pod and allows nothing."""
        spec: dict[str, Any] = {
            "podSelector": {"matchLabels": {"hubproof.dev/probe": self._server.name}},
            "policyTypes": ["Ingress", "Egress"],
        }
        metadata = {"name": self._policy, "namespace": self._server.namespace, "labels": {RUN_LABEL: self._run_id}}
        body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
        self._cluster.create(body)

    def allow_again(self) -> None:
        """Remove the policy."""
        self._cluster.delete("NetworkPolicy", self._policy, self._server.namespace)

    def close(self) -> None:
        """Remove all of it."""
        self.allow_again()
        self._client.close()
        self._server.close()
