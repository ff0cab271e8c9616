"""NetworkPolicies as nftables rules: a pure function from what the API server says to the text that `nft -f` loads.

A pod's policies become one chain of `return` lines that end in `drop`; equal chains are shared. Verdict maps lead from
a pod's address to its ingress and its egress chain. Egress is judged first, as both ends must allow.

Traffic is judged in the forward hook, after a Service's address became the pod's and before any masquerading, and for
egress to the node's own sockets in the input hook. What the node itself sends to its pods (probes) is never filtered.
Not covered: IPv6, SCTP, policies on pods with hostNetwork.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, collapse_addresses
from typing import Any

Labels = Mapping[str, str]


@dataclass(frozen=True)
class PolicyPod:
    """What a NetworkPolicy can see of a pod.

    Attributes:
        ports: named container ports as (name, protocol in lower case, number).

    """

    namespace: str
    labels: Labels
    node: str
    address: str
    ports: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True)
class Policy:
    """One NetworkPolicy: its namespace and its `spec` as the API gives it."""

    namespace: str
    spec: Mapping[str, Any]

    def selects(self, pod: PolicyPod) -> bool:
        """Say whether the policy is about this pod."""
        return self.namespace == pod.namespace and matches(self.spec.get("podSelector") or {}, pod.labels)

    @property
    def directions(self) -> set[str]:
        """The directions that the policy isolates: `policyTypes`, else ingress and, if it has egress rules, egress."""
        types = self.spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in self.spec else [])]
        return {str(name).lower() for name in types}


@dataclass(frozen=True)
class Known:
    """All that the rules of a node depend on."""

    pods: Sequence[PolicyPod]
    namespaces: Mapping[str, Labels]
    policies: Sequence[Policy]


def matches(selector: Mapping[str, Any], labels: Labels) -> bool:
    """Say whether a label selector (`matchLabels`, `matchExpressions`) selects these labels; an empty one does."""
    if any(labels.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(expression, labels) for expression in selector.get("matchExpressions") or [])


def _expression(expression: Mapping[str, Any], labels: Labels) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or []
    match expression["operator"]:
        case "In":
            return value is not None and value in values
        case "NotIn":
            return value is None or value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case unknown:
            msg = f"unknown operator {unknown!r} in a label selector"
            raise ValueError(msg)


def networks_of(block: Mapping[str, Any]) -> list[IPv4Network]:
    """Return an ipBlock's `cidr` less its `except` as networks; none for IPv6."""
    if ":" in block["cidr"]:
        return []
    networks = [IPv4Network(block["cidr"], strict=False)]
    for text in block.get("except") or []:
        hole = IPv4Network(text, strict=False)
        networks = [part for network in networks for part in _without(network, hole)]
    return networks


def _without(network: IPv4Network, hole: IPv4Network) -> Iterable[IPv4Network]:
    if not network.overlaps(hole):
        return [network]
    if network.subnet_of(hole):
        return []
    return network.address_exclude(hole)


def _peer_pods(peer: Mapping[str, Any], namespace: str, known: Known) -> list[PolicyPod]:
    in_namespaces, in_pods = peer.get("namespaceSelector"), peer.get("podSelector") or {}

    def chosen(pod: PolicyPod) -> bool:
        if in_namespaces is None:
            if pod.namespace != namespace:
                return False
        elif not matches(in_namespaces, known.namespaces.get(pod.namespace, {})):
            return False
        return matches(in_pods, pod.labels)

    return [pod for pod in known.pods if chosen(pod)]


def rule_lines(rule: Mapping[str, Any], direction: str, policy: Policy, pod: PolicyPod, known: Known) -> list[str]:
    """Return the nft lines that let through what one rule of `policy` allows to the selected `pod`."""
    ingress = direction == "ingress"
    peers = rule.get("from" if ingress else "to")
    chosen: list[PolicyPod] = []
    networks: list[IPv4Network] = []
    for peer in peers or []:
        if "ipBlock" in peer:
            networks += networks_of(peer["ipBlock"])
        else:
            chosen += _peer_pods(peer, policy.namespace, known)
    networks = sorted(collapse_addresses([*networks, *(IPv4Network(peer.address) for peer in chosen)]))
    if peers and not networks:
        return []  # peers are named and none exists: this rule allows nothing
    side = "ip saddr" if ingress else "ip daddr"
    where = f"{side} {{ {', '.join(map(str, networks))} }} " if networks else ""
    if not rule.get("ports"):
        return [f"{where}return"]
    named_at = [pod] if ingress else (chosen if peers else list(known.pods))
    return [line for port in rule["ports"] for line in _port_lines(port, where, named_at, ingress=ingress)]


def _port_lines(port: Mapping[str, Any], where: str, named_at: Sequence[PolicyPod], *, ingress: bool) -> list[str]:
    protocol, number = str(port.get("protocol", "TCP")).lower(), port.get("port")
    if number is None:
        return [f"{where}meta l4proto {protocol} return"]
    if isinstance(number, int):
        end = f"-{port['endPort']}" if "endPort" in port else ""
        return [f"{where}{protocol} dport {number}{end} return"]
    pairs = sorted(
        (pod.address, value) for pod in named_at for name, of, value in pod.ports if name == number and of == protocol
    )
    if ingress:  # a named port is the selected pod's own
        return [f"{where}{protocol} dport {value} return" for _, value in pairs]
    if not pairs:  # in egress it is each peer's own, so that address and port belong together
        return []
    elements = ", ".join(f"{address} . {value}" for address, value in dict.fromkeys(pairs))
    return [f"ip daddr . {protocol} dport {{ {elements} }} return"]


def chain_body(pod: PolicyPod, direction: str, known: Known) -> list[str] | None:
    """Return the lines of the pod's chain in one direction; None when no policy isolates it there."""
    selecting = [policy for policy in known.policies if policy.selects(pod) and direction in policy.directions]
    if not selecting:
        return None
    lines = {
        line
        for policy in selecting
        for rule in policy.spec.get(direction) or []
        for line in rule_lines(rule, direction, policy, pod, known)
    }
    return ["return"] if "return" in lines else [*sorted(lines), "counter drop"]


TABLE = "hubproof-policy"


def render(node: str, pod_range: str, known: Known) -> str:
    """Return the complete table for one node; loading it replaces the previous one in one transaction.

    Traffic of addresses in the node's pod range that no known pod has is dropped: a pod's address reaches the API about
    0.8 s after its container runs, and until then a deny policy would not hold for it.
    """
    mine = [pod for pod in known.pods if pod.node == node]
    chains: dict[str, list[str]] = {}
    jumps: dict[str, list[str]] = {"ingress": [], "egress": []}
    for pod in mine:
        for direction, elements in jumps.items():
            body = chain_body(pod, direction, known)
            if body is None:
                continue
            digest = hashlib.sha256("\n".join(body).encode()).hexdigest()[:12]
            name = f"{direction}_{digest}"
            chains[name] = body
            elements.append(f"{pod.address} : jump {name}")
    addresses = sorted(pod.address for pod in mine)
    lines = [
        *_set("known", "type ipv4_addr", addresses),
        *_set("self", "type ipv4_addr . ipv4_addr", [f"{address} . {address}" for address in addresses]),
    ]
    for name, body in sorted(chains.items()):
        lines += [f"chain {name} {{", *body, "}"]
    for direction, elements in jumps.items():
        lines += _set(direction, "type ipv4_addr : verdict", sorted(elements), keyword="map")
    # Replies pass; everything else is judged anew, so that a new policy also ends connections that it forbids.
    accept_replies = "ct direction reply accept; ct state related accept"
    lines += [
        "chain forward { type filter hook forward priority filter; policy accept;",
        accept_replies,
        "ip saddr . ip daddr @self accept",
        f"ip saddr {pod_range} ip saddr != @known counter drop",
        f"ip daddr {pod_range} ip daddr != @known counter drop",
        "ip saddr vmap @egress",
        "ip daddr vmap @ingress",
        "}",
        "chain input { type filter hook input priority filter; policy accept;",
        accept_replies,
        "ip saddr vmap @egress",
        "}",
    ]
    return "\n".join([*_replacing(), f"table inet {TABLE} {{", *lines, "}", ""])


def render_open() -> str:
    """Return the table of a node that ignores every policy: none."""
    return "\n".join([*_replacing(), ""])


def _replacing() -> list[str]:
    return [f"add table inet {TABLE}", f"delete table inet {TABLE}"]


def _set(name: str, of: str, elements: Sequence[str], *, keyword: str = "set") -> list[str]:
    listed = f" elements = {{ {', '.join(elements)} }};" if elements else ""
    return [f"{keyword} {name} {{ {of};{listed} }}"]
