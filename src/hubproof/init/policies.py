"""Whom a user's pod may reach, by the NetworkPolicies as they are written: a promise to be measured, not a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from hubproof.lab.policy_rules import Policy, PolicyPod, matches, networks_of


@dataclass(frozen=True)
class Place:
    """Something on the network: a pod with labels, or a bare address, and a port."""

    port: int
    protocol: str = "TCP"
    pod: PolicyPod | None = None
    address: str = ""


class Policies:
    """The NetworkPolicies of a cluster, as far as they were read.

    Args:
        policies: all that may select one of the pods in question.
        namespaces: labels of each namespace.

    """

    def __init__(self, policies: Sequence[Policy], namespaces: Mapping[str, Mapping[str, str]]) -> None:
        self._policies, self._namespaces = policies, namespaces

    def allow(self, source: PolicyPod, place: Place) -> bool:
        """Whether both ends let the traffic pass."""
        here = Place(place.port, place.protocol, source)
        out = self._one_side(source, "egress", place, place)
        return out and (place.pod is None or self._one_side(place.pod, "ingress", here, place))

    def _one_side(self, pod: PolicyPod, direction: str, peer: Place, place: Place) -> bool:
        about = [one for one in self._policies if one.selects(pod) and direction in one.directions]
        if not about:
            return True
        word = "to" if direction == "egress" else "from"
        return any(
            self._peer_matches(rule.get(word), peer, policy.namespace) and _port_matches(rule.get("ports"), place)
            for policy in about
            for rule in policy.spec.get(direction) or []
        )

    def _peer_matches(self, peers: Sequence[Mapping[str, Any]] | None, peer: Place, namespace: str) -> bool:
        return not peers or any(self._matches(one, peer, namespace) for one in peers)

    def _matches(self, selector: Mapping[str, Any], peer: Place, namespace: str) -> bool:
        if "ipBlock" in selector:
            address = peer.address or (peer.pod.address if peer.pod else "")
            return bool(address) and any(IPv4Address(address) in net for net in networks_of(selector["ipBlock"]))
        if peer.pod is None:
            return False
        if "namespaceSelector" in selector:
            labels = {
                "kubernetes.io/metadata.name": peer.pod.namespace,
                **self._namespaces.get(peer.pod.namespace, {}),
            }
            if not matches(selector["namespaceSelector"] or {}, labels):
                return False
        elif peer.pod.namespace != namespace:
            return False
        return matches(selector.get("podSelector") or {}, peer.pod.labels)


def _port_matches(ports: Sequence[Mapping[str, Any]] | None, place: Place) -> bool:
    if not ports:
        return True
    for port in ports:
        if str(port.get("protocol", "TCP")) != place.protocol:
            continue
        number = port.get("port")
        if number is None:
            return True
        if isinstance(number, str):
            named = place.pod.ports if place.pod else ()
            if any((number, place.protocol.lower(), place.port) == one for one in named):
                return True
        elif int(number) <= place.port <= int(port.get("endPort", number)):
            return True
    return False
