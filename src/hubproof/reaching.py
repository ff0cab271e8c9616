"""The promised reachability of a user's pod, resolved to addresses, and measured from inside its kernel."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from hubproof.cluster.probes import PROBE_CODE, Observation
from hubproof.errors import CouldNotRunError, InconclusiveError
from hubproof.hub.server import UserServer
from hubproof.promises import Endpoint, Reach
from hubproof.target import Target

_BUILT_IN = {
    "dns": Endpoint(host="kube-dns.kube-system.svc.cluster.local", port=53, protocol="udp"),
    "kube-api": Endpoint(host="kubernetes.default.svc.cluster.local", port=443),
    "metadata": Endpoint(host="169.254.169.254", port=80),
}
"""Roles that mean the same in every cluster; a profile's `endpoints` may say otherwise."""
_MARK = "hubproof-probe:"
DENIED = frozenset({"timeout", "refused", "no-route"})
"""How a connection ends that something stopped."""


@dataclass(frozen=True)
class Destination:
    """Something that may be reached: a name for people, and where it is on the network."""

    name: str
    host: str
    port: int
    protocol: str

    def __str__(self) -> str:
        return f"{self.name} ({self.host}:{self.port}/{self.protocol})"


@dataclass(frozen=True)
class Compared:
    """A promise of reachability beside what was seen of it.

    Attributes:
        source: who tried, in words.
        to: whom.
        promised: open or closed.
        seen: how the attempt ended.
        doubt: why a denial says nothing, such as that nothing was there to be reached; empty without one.

    """

    source: str
    to: Destination
    promised: Literal["open", "closed"]
    seen: Observation
    doubt: str = ""

    @property
    def verdict(self) -> Literal["kept", "broken", "unclear"]:
        """Say whether the promise was kept. A denial of what is not there says nothing."""
        if self.promised == "open":
            return "kept" if self.seen.kind == "open" else "broken"
        if self.seen.kind == "open":
            return "broken"
        return "kept" if self.seen.kind in DENIED and not self.doubt else "unclear"

    def as_dict(self) -> dict[str, object]:
        """Return it as the record holds it."""
        return {
            "source": self.source,
            "to": self.to.name,
            "address": f"{self.to.host}:{self.to.port}/{self.to.protocol}",
            "promised": self.promised,
            "observed": self.seen.kind,
            "ms": round(self.seen.ms, 1),
            "doubt": self.doubt,
            "verdict": self.verdict,
        }


def broken(promises: Iterable[Compared]) -> list[str]:
    """Return the promises that were not kept, in words: `postgresql (host:5432/tcp) is timeout after 2000 ms`."""
    return [f"{one.to} is {told(one.seen)}" for one in promises if one.verdict == "broken"]


def unclear(promises: Iterable[Compared]) -> list[str]:
    """Return what says nothing of its promise, and why."""
    return [f"{one.to}: {one.doubt or told(one.seen)}" for one in promises if one.verdict == "unclear"]


class Matrix:
    """The promised matrix of a target, seen from its users' pods.

    Args:
        target: whose promises under `network` are meant.

    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._network = target.network

    def endpoint(self, role: str) -> Destination:
        """Return where a role is.

        Raises:
            CouldNotRunError: neither the profile nor custom says where.

        """
        known = {
            **_BUILT_IN,
            "hub": Endpoint(host=f"hub.{self._target.namespace}", port=8081),
            **self._network.endpoints,
        }
        if role not in known:
            raise CouldNotRunError(
                f"the profile promises reachability of {role} and does not say where it is",
                next_step=f"add promises.network.endpoints.{role}: {{host: …, port: …}}",
            )
        place = known[role]
        return Destination(role, place.host, place.port, place.protocol)

    def open_to_users(self) -> list[Destination]:
        """Return what users must reach."""
        return [self._of(one) for one in self._network.open if one.from_ == "user"]

    def closed_to_users(self) -> list[Destination]:
        """Return what users must not reach, other users' pods apart."""
        return [self._of(one) for one in self._network.closed if one.from_ == "user" and one.to != "user"]

    def server_of(self, server: UserServer) -> Destination:
        """Return another user's pod, by address.

        Raises:
            InconclusiveError: it has no address, so that nothing could be said of reaching it.

        """
        for pod in self._target.cluster_pods(server.user):
            if address := pod.get("status", {}).get("podIP"):
                return Destination(f"pod of {server.user}", address, 8888, "tcp")
        raise InconclusiveError(f"the pod of {server.user} has no address")

    def alive(self, destinations: list[Destination]) -> dict[str, str]:
        """Say of each destination whether something is there to be reached: `alive`, or what was seen instead.

        A denial of a host that is down proves nothing. Names of Services are looked up in the cluster: their
        endpoints must be ready. Other addresses are tried from a probe pod that no policy of the target selects.
        """
        found = {}
        elsewhere = []
        for one in destinations:
            state = self._target.service_state(one.host, one.port)
            if state is None:
                elsewhere.append(one)
            else:
                found[str(one)] = state
        if elsewhere:
            seen = self._target.probe_pod().reach([(d.host, d.port, d.protocol) for d in elsewhere])
            for one, observation in zip(elsewhere, seen, strict=True):
                found[str(one)] = "alive" if observation.kind in {"open", "refused"} else told(observation)
        return found

    def _of(self, reach: Reach) -> Destination:
        place = self.endpoint(reach.to)
        return Destination(place.name, place.host, reach.port or place.port, reach.protocol or place.protocol)


def probe_from_kernel(server: UserServer, *rounds: list[Destination]) -> list[list[Observation]]:
    """Try each destination from inside the user's kernel, round after round, each with new connections.

    Raises:
        InconclusiveError: the probe itself did not run to its end.

    """
    results = []
    with server.kernel() as kernel:
        for destinations in rounds:
            targets = json.dumps([[d.host, d.port, d.protocol] for d in destinations])
            code = f"{PROBE_CODE}\nprint({_MARK!r} + probe_all({targets!r}))"
            done = kernel.execute(code, timeout=30)
            line = next((x for x in done.stdout.splitlines() if x.startswith(_MARK)), None)
            if line is None:
                error = done.error.ename if done.error else done.quoted(done.stdout[-300:])
                raise InconclusiveError(f"the probe in the kernel of {server.user} did not report: {error}")
            results.append([Observation(**one) for one in json.loads(line.removeprefix(_MARK))])
    return results


def told(observation: Observation) -> str:
    """Return an observation in words: how it ended, and after how long."""
    detail = f", {observation.detail}" if observation.detail else ""
    return f"{observation.kind} after {observation.ms:.0f} ms{detail}"
