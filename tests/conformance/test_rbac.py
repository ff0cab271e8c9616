"""Least privilege of the hub's own account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubproof.checking import check, expect
from hubproof.cluster.rights import Right, rights_of

if TYPE_CHECKING:
    from hubproof.evidence import Evidence
    from hubproof.target import Target

NEEDED = {
    ("", "pods"): {"get", "list", "watch", "create", "delete"},
    ("", "persistentvolumeclaims"): {"get", "list", "watch", "create", "delete"},
    ("", "events"): {"get", "list", "watch"},
}
"""What a KubeSpawner does in every deployment."""
USUAL = {
    ("", "pods"): {"patch", "update", "deletecollection"},
    ("", "secrets"): {"get", "list", "watch", "create", "delete", "patch", "update"},
    ("", "services"): {"get", "list", "watch", "create", "delete", "patch", "update"},
    ("", "persistentvolumeclaims"): {"patch", "update"},
}
"""What some of its features need besides (internal TLS, services for servers); more than this is too much."""


@check(
    "rbac.hub",
    must="The hub's account MUST be able to do what KubeSpawner needs and nothing more, and nothing cluster-wide.",
    severity="critical",
    reach="observe",
    criterion="least privilege",
    promise="rbac",
    remedy="The evidence names each right with the binding that gives it. Remove the binding, or narrow its role "
    "to the "
    "rules that KubeSpawner documents.",
)
def test_hub_account_has_minimal_rights(target: Target, evidence: Evidence) -> None:
    account = f"system:serviceaccount:{target.namespace}:{target.rbac.hub_account}"
    rights = rights_of(target.cluster, target.namespace, target.rbac.hub_account)
    repeat = f"kubectl auth can-i --list --as {account} -n {target.namespace}"
    given = [str(one) for one in rights]
    evidence.note(f"rights of {account}", given, source="Kubernetes API: roles and bindings", command=repeat)
    held: dict[tuple[str, str], set[str]] = {}
    for right in rights:
        if right.namespace == target.namespace:
            held.setdefault((right.group, right.resource), set()).add(right.verb)
    missing = [
        f"{verb} {resource}"
        for (group, resource), verbs in NEEDED.items()
        for verb in sorted(verbs)
        if not _covers(held, group, resource, verb)
    ]
    expect(
        not missing,
        promised="it may do what KubeSpawner needs",
        observed=f"it may not {', '.join(missing)}",
        where=account,
        repeat=repeat,
    )
    promised = {
        (group, resource): set(rule.verbs)
        for rule in target.rbac.hub_may
        for group in rule.api_groups
        for resource in rule.resources
    }
    excess = [str(one) for one in rights if not _excused(one, target.namespace, promised)]
    expect(
        not excess,
        promised=f"nothing beyond KubeSpawner's needs, and nothing outside the namespace {target.namespace}",
        observed=f"{len(excess)} rights too many: {'; '.join(excess[:8])}",
        where=account,
        repeat=repeat,
    )


def _covers(held: dict[tuple[str, str], set[str]], group: str, resource: str, verb: str) -> bool:
    keys = ((group, resource), (group, "*"), ("*", resource), ("*", "*"))
    return any({verb, "*"} & held.get(key, set()) for key in keys)


def _excused(right: Right, namespace: str, promised: dict[tuple[str, str], set[str]]) -> bool:
    key = (right.group, right.resource)
    allowed = NEEDED.get(key, set()) | USUAL.get(key, set()) | promised.get(key, set())
    return right.namespace == namespace and right.verb in allowed
