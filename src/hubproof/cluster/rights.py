"""What a service account may do, read from the RBAC objects: all of it, with the binding that gives each right.

The API can say whether one right is held; "and nothing more" takes the list. Where a cluster decides by other means
than RBAC (a webhook, ABAC), those are not seen here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hubproof.cluster.client import Cluster, Object

_GIVEN_TO_ALL = {
    "system:basic-user",
    "system:discovery",
    "system:public-info-viewer",
    "system:service-account-issuer-discovery",
}
"""What Kubernetes itself gives to every account: who am I, which APIs are there, which version is this."""


@dataclass(frozen=True)
class Right:
    """One verb on one resource.

    Attributes:
        verb: get, list, …, or `*`.
        group: API group; empty for the core group, `*` for all.
        resource: plural, with `/subresource`; or a URL path; or `*`.
        namespace: where; None is everywhere.
        names: the only objects that it holds for; empty is all.
        source: binding and role that give it.

    """

    verb: str
    group: str
    resource: str
    namespace: str | None
    names: tuple[str, ...] = ()
    source: str = ""

    def __str__(self) -> str:
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        only = f" named {', '.join(self.names)}" if self.names else ""
        place = f"in namespace {self.namespace}" if self.namespace else "in the whole cluster"
        return f"{self.verb} {resource}{only} {place} (by {self.source})"


def rights_of(cluster: Cluster, namespace: str, account: str) -> list[Right]:
    """Return every right of a service account, but for what Kubernetes gives to all.

    Takes the right to list roles, cluster roles and their bindings in the whole cluster.
    """
    roles = {(r["metadata"]["namespace"], r["metadata"]["name"]): r for r in cluster.list("Role")}
    cluster_roles = {r["metadata"]["name"]: r for r in cluster.list("ClusterRole")}
    found: list[Right] = []
    for binding in [*cluster.list("ClusterRoleBinding"), *cluster.list("RoleBinding")]:
        place: str | None = binding["metadata"].get("namespace")
        if not any(_means(one, namespace, account, place) for one in binding.get("subjects") or []):
            continue
        ref = binding["roleRef"]
        if place is None and ref["name"] in _GIVEN_TO_ALL and _is_built_in(binding):
            continue
        role = cluster_roles.get(ref["name"]) if ref["kind"] == "ClusterRole" else roles.get((place or "", ref["name"]))
        source = f"{binding['kind']} {binding['metadata']['name']}, {ref['kind']} {ref['name']}"
        for rule in (role or {}).get("rules") or []:
            found += _rights(rule, place, source)
    return found


def _rights(rule: Object, namespace: str | None, source: str) -> Iterator[Right]:
    names = tuple(rule.get("resourceNames", ()))
    for verb in rule["verbs"]:
        for group in rule.get("apiGroups", []):
            for resource in rule.get("resources", []):
                yield Right(verb, group, resource, namespace, names, source)
        for path in rule.get("nonResourceURLs", []):
            yield Right(verb, "", path, None, (), source)


def _means(subject: Object, namespace: str, account: str, place: str | None) -> bool:
    """Whether a binding's subject is the account: by itself, by its user name, or by a group that it is in."""
    kind, name = subject["kind"], subject["name"]
    if kind == "ServiceAccount":
        return bool(name == account and subject.get("namespace", place) == namespace)
    if kind == "User":
        return bool(name == f"system:serviceaccount:{namespace}:{account}")
    return name in {"system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"}


def _is_built_in(binding: Object) -> bool:
    labels = binding["metadata"].get("labels") or {}
    return bool(labels.get("kubernetes.io/bootstrapping") == "rbac-defaults")
