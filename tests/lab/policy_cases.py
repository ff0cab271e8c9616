"""What NetworkPolicies must and must not let through in the lab: policies, and for each source what it reaches.

Pods: xa (namespace x, node n1, role a), xb (x, n2, b), ya (y, n2, a), yb (y, n1, b). A probe is
`protocol:destination:port`, with `!` before it when it must not get through. `.svc` is the destination's Service;
ext10 and ext11 are two addresses of the outside host; api is the API server's Service; n1 and n2 the nodes themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Spec = dict[str, Any]
_PORTS = ("t:%s:8080", "t:%s:8081", "t:%s:8085", "u:%s:9090")


@dataclass(frozen=True)
class Case:
    """One set of policies as (namespace, spec), and per source the probes with what must come of them."""

    title: str
    policies: list[tuple[str, Spec]]
    table: dict[str, list[str]] = field(default_factory=dict)


def _all(destination: str) -> list[str]:
    return [port % destination for port in _PORTS]


def _none(destination: str) -> list[str]:
    return [f"!{probe}" for probe in _all(destination)]


def _labels(**labels: str) -> Spec:
    return {"matchLabels": labels}


def _operator(key: str, operator: str, *values: str) -> Spec:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


_DENY_IN: Spec = {"podSelector": {}, "policyTypes": ["Ingress"]}
_DENY_OUT: Spec = {"podSelector": {}, "policyTypes": ["Egress"]}

CASES = [
    Case("no policy", [], {
        "xa": [
            *_all("xb"), *_all("ya"), *_all("yb"), *_all("ext10"), "t:xa:8080", "t:xa.svc:80", "t:xb.svc:80",
            "u:ya.svc:90", "t:api:443", "u:xb.svc:90",
        ],
        "ext10": [*_all("xa"), *_all("xb")],
        "n1": [*_all("xa"), *_all("xb")],
    }),
    Case("default deny of ingress", [("x", _DENY_IN)], {
        "xb": [*_none("xa"), "!t:xa.svc:80", "t:xb:8080", "t:xb.svc:80", "t:ya:8080", "t:api:443"],
        "yb": [*_none("xa"), "!u:xa.svc:90"],
        "ya": _none("xb"),
        "xa": [*_all("ya"), "t:xa:8080", "t:xa.svc:80", "t:ext10:8080"],
        "n1": ["t:xa:8080", "!t:xb:8080"],
        "n2": ["t:xb:8080", "!t:xa:8080"],
        "ext10": ["!t:xa:8080"],
    }),
    Case("default deny of egress", [("x", _DENY_OUT)], {
        "xa": [
            *_none("xb"), *_none("yb"), "!t:api:443", "!t:n1:6443", "!u:ya.svc:90", "t:xa:8080", "t:xa.svc:80",
            "!t:ext10:8080",
        ],
        "xb": ["!t:api:443", "!t:n1:6443", "!t:ya:8080", "t:xb.svc:80"],
        "ya": [*_all("xa"), *_all("xb")],
        "n1": ["t:xa:8080", "t:xb:8080"],
    }),
    Case("pod selector and named ports", [("x", {
        "podSelector": _labels(role="a"),
        "ingress": [{
            "from": [{"podSelector": _labels(role="b")}],
            "ports": [{"port": "http"}, {"port": "udp", "protocol": "UDP"}],
        }],
    })], {
        "xb": ["t:xa:8080", "!t:xa:8081", "u:xa:9090", "t:xa.svc:80"],
        "yb": ["!t:xa:8080", "!u:xa:9090"],
        "ya": _all("xb"),
        "xa": _all("xb"),
    }),
    Case("namespace and pod selector, range of ports", [("x", {
        "podSelector": {},
        "ingress": [{
            "from": [{"namespaceSelector": _labels(team="y"), "podSelector": _labels(role="b")}],
            "ports": [{"port": 8080, "endPort": 8082}],
        }],
    })], {
        "yb": ["t:xa:8080", "t:xa:8081", "!t:xa:8085", "!u:xa:9090", "t:xb:8081"],
        "ya": ["!t:xa:8080", "!t:xb:8080"],
        "xb": ["!t:xa:8080"],
    }),
    Case("namespace or pod selector", [("x", {
        "podSelector": _labels(role="a"),
        "ingress": [{"from": [{"namespaceSelector": _labels(team="y")}, {"podSelector": _labels(role="b")}]}],
    })], {"yb": _all("xa"), "ya": _all("xa"), "xb": _all("xa"), "ext10": ["!t:xa:8080"]}),
    Case("label expressions", [("x", {
        "podSelector": {"matchExpressions": [_operator("role", "In", "a", "z"), _operator("no", "DoesNotExist")]},
        "ingress": [{"from": [{
            "namespaceSelector": {"matchExpressions": [_operator("kubernetes.io/metadata.name", "NotIn", "np-x")]},
            "podSelector": {"matchExpressions": [_operator("role", "Exists")]},
        }]}],
    })], {"ya": ["t:xa:8080"], "xb": ["!t:xa:8080"], "yb": ["t:xa:8080", "t:xb:8080"]}),
    Case("block with exception, ingress", [("x", {
        "podSelector": {},
        "ingress": [{"from": [{"ipBlock": {"cidr": "198.18.0.0/24", "except": ["198.18.0.11/32"]}}]}],
    })], {
        "ext10": ["t:xa:8080", "t:xb:8080", "u:xa:9090"],
        "ext11": ["!t:xa:8080", "!t:xb:8080"],
        "n2": ["t:xa:8080"],
        "yb": ["!t:xa:8080"],
    }),
    Case("block with exceptions, egress", [("x", {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["198.18.0.11/32", "198.18.64.0/18"]}}]}],
    })], {
        "xa": [*_all("ext10"), *_none("ext11"), "!t:yb:8080", "!t:xb:8080", "t:api:443"],
        "xb": ["t:api:443", "!t:ext11:8080"],
    }),
    Case("a block never matches a Service's address", [("x", {
        "podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": "198.19.0.0/20"}}]}],
    })], {"xa": ["!t:yb.svc:80", "!t:api:443"]}),
    Case("one protocol only", [("x", {"podSelector": {}, "ingress": [{"ports": [{"protocol": "UDP"}]}]})], {
        "yb": ["u:xa:9090", "!t:xa:8080", "u:xb.svc:90"],
    }),
    Case("egress to a named port that differs by peer", [("x", {
        "podSelector": _labels(role="a"),
        "policyTypes": ["Egress"],
        "egress": [{"to": [{"namespaceSelector": {}}], "ports": [{"port": "alt"}]}],
    })], {"xa": ["t:xb:8081", "!t:xb:8085", "t:yb:8085", "!t:yb:8081", "!t:yb:8080", "!t:ext10:8081"]}),
    Case("egress to DNS and the API server only", [("x", {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [
            {"to": [{"namespaceSelector": {}}], "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53}]},
            {"to": [{"ipBlock": {"cidr": "198.18.0.2/32"}}], "ports": [{"port": 6443}]},
        ],
    })], {"xa": ["t:api:443", "!t:yb:8080"], "xb": ["t:api:443", "!t:yb:8080", "!t:n2:10250"]}),
    Case("two policies allow what either allows", [
        ("x", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
        ("x", {
            "podSelector": _labels(role="a"), "ingress": [{}], "egress": [{}], "policyTypes": ["Ingress", "Egress"],
        }),
    ], {"yb": [*_all("xa"), "!t:xb:8080"], "xa": [*_all("yb"), "!t:xb:8080"], "xb": ["!t:yb:8080"]}),
    Case("both ends must allow", [
        ("x", {
            "podSelector": _labels(role="a"),
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"namespaceSelector": _labels(team="y")}]}],
        }),
        ("y", {"podSelector": _labels(role="b"), "ingress": [{"ports": [{"port": 8080}]}]}),
    ], {
        "xa": ["t:yb:8080", "!t:yb:8081", "t:ya:8081", "!t:xb:8080"],
        "xb": ["t:yb:8080", "!t:yb:8081", "t:xa:8080"],
    }),
    Case("peers that do not exist", [("x", {
        "podSelector": {}, "ingress": [{"from": [{"podSelector": _labels(role="nobody")}]}],
    })], {"xb": ["!t:xa:8080"], "yb": ["!t:xb:8080"]}),
    Case("no policy again", [], {"xb": _all("xa"), "yb": _all("xb"), "ext11": _all("xa")}),
]  # fmt: skip
