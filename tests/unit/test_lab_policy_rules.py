from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from hubproof.lab.policy_rules import Known, Policy, PolicyPod, chain_body, matches, networks_of, render, render_open

A = PolicyPod("x", {"role": "a"}, "n1", "198.18.64.2", (("http", "tcp", 8080), ("udp", "udp", 9090)))
B = PolicyPod("x", {"role": "b"}, "n2", "198.18.80.2", (("http", "tcp", 8081),))
C = PolicyPod("y", {"role": "b"}, "n1", "198.18.64.3", (("http", "tcp", 8085),))
NAMESPACES = {"x": {"team": "x"}, "y": {"team": "y"}}


def known(*specs: dict[str, Any]) -> Known:
    return Known([A, B, C], NAMESPACES, [Policy("x", spec) for spec in specs])


def test_a_pod_that_no_policy_selects_has_no_chain() -> None:
    assert chain_body(A, "ingress", known()) is None
    assert chain_body(C, "ingress", known({"podSelector": {}})) is None


def test_default_deny_drops_all_and_leaves_the_other_direction_alone() -> None:
    deny = known({"podSelector": {}, "policyTypes": ["Ingress"]})
    assert chain_body(A, "ingress", deny) == ["counter drop"]
    assert chain_body(A, "egress", deny) is None


def test_egress_rules_isolate_egress_without_being_named_as_a_type() -> None:
    assert chain_body(A, "egress", known({"podSelector": {}, "egress": []})) == ["counter drop"]


def test_an_empty_rule_allows_everything() -> None:
    assert chain_body(A, "ingress", known({"podSelector": {}, "ingress": [{}]})) == ["return"]


def test_named_port_of_ingress_is_the_selected_pods_own() -> None:
    spec = {
        "podSelector": {"matchLabels": {"role": "a"}},
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"role": "b"}}}], "ports": [{"port": "http"}]}],
    }
    assert chain_body(A, "ingress", known(spec)) == [
        "ip saddr { 198.18.80.2/32 } tcp dport 8080 return",
        "counter drop",
    ]


def test_named_port_of_egress_is_each_peers_own() -> None:
    spec = {"podSelector": {}, "egress": [{"to": [{"namespaceSelector": {}}], "ports": [{"port": "http"}]}]}
    body = chain_body(A, "egress", known(spec))
    assert body is not None
    pairs = "198.18.64.2 . 8080, 198.18.64.3 . 8085, 198.18.80.2 . 8081"
    assert body[0] == f"ip daddr . tcp dport {{ {pairs} }} return"


def test_peers_that_do_not_exist_allow_nothing() -> None:
    spec = {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"role": "nobody"}}}]}]}
    assert chain_body(A, "ingress", known(spec)) == ["counter drop"]


def test_both_selectors_of_one_peer_must_match() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"team": "y"}}, "podSelector": {"matchLabels": {"role": "b"}}}
    body = chain_body(A, "ingress", known({"podSelector": {}, "ingress": [{"from": [peer]}]}))
    assert body == ["ip saddr { 198.18.64.3/32 } return", "counter drop"]


def test_a_port_range_and_a_protocol_without_port() -> None:
    ports = [{"port": 8080, "endPort": 8082}, {"protocol": "UDP"}]
    body = chain_body(A, "ingress", known({"podSelector": {}, "ingress": [{"ports": ports}]}))
    assert body == ["meta l4proto udp return", "tcp dport 8080-8082 return", "counter drop"]


def test_a_block_loses_its_exceptions() -> None:
    networks = networks_of({"cidr": "198.18.0.0/30", "except": ["198.18.0.1/32"]})
    assert sorted(map(str, networks)) == ["198.18.0.0/32", "198.18.0.2/31"]
    assert networks_of({"cidr": "10.0.0.0/24", "except": ["10.0.0.0/8"]}) == []
    assert networks_of({"cidr": "fd00::/8"}) == []


@pytest.mark.parametrize(
    ("operator", "values", "labels", "selected"),
    [
        ("In", ["a"], {"k": "a"}, True),
        ("In", ["a"], {}, False),
        ("NotIn", ["a"], {}, True),
        ("NotIn", ["a"], {"k": "a"}, False),
        ("Exists", None, {"k": ""}, True),
        ("DoesNotExist", None, {"k": ""}, False),
    ],
)
def test_label_expressions(operator: str, values: list[str] | None, labels: dict[str, str], *, selected: bool) -> None:
    expression = {"key": "k", "operator": operator, **({"values": values} if values else {})}
    assert matches({"matchExpressions": [expression]}, labels) is selected


def test_an_unknown_operator_is_not_silently_a_match() -> None:
    with pytest.raises(ValueError, match="unknown operator"):
        matches({"matchExpressions": [{"key": "k", "operator": "Like"}]}, {})


def test_a_table_names_own_pods_only_and_shares_equal_chains() -> None:
    two = Known([A, B, C], NAMESPACES, [Policy(name, {"podSelector": {}}) for name in ("x", "y")])
    text = render("n1", "198.18.64.0/20", two)
    assert text.count("chain ingress_") == 1
    assert f"{A.address} : jump ingress_" in text
    assert f"{C.address} : jump ingress_" in text
    assert f"{B.address} : jump" not in text
    assert "ip daddr 198.18.64.0/20 ip daddr != @known counter drop" in text


def test_a_table_defines_chains_before_it_jumps_to_them() -> None:
    text = render("n1", "198.18.64.0/20", known({"podSelector": {}}))
    assert text.index("chain ingress_") < text.index("map ingress") < text.index("chain forward")


def test_ignoring_policies_leaves_no_table() -> None:
    assert render_open() == "add table inet hubproof-policy\ndelete table inet hubproof-policy\n"


def test_cases_of_the_lab_cover_every_direction_and_selector() -> None:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.lab.policy_cases import CASES  # noqa: PLC0415

    policies = [spec for case in CASES for _, spec in case.policies]
    assert any("ipBlock" in str(spec) for spec in policies)
    assert any("namespaceSelector" in str(spec) for spec in policies)
    assert sum(len(probes) for case in CASES for probes in case.table.values()) > 200
