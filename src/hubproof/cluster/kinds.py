"""Kinds of Kubernetes objects and the paths under which the API serves them.

The kinds that hubproof's own checks use stand in a table, so that a check costs no discovery; any other kind (a CRD,
or what a profile's inventory names) is looked up in the API's own discovery documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Discover = Callable[[str], dict[str, Any] | None]
"""Returns the JSON of a discovery path, or None where there is none."""


@dataclass(frozen=True)
class Kind:
    """One kind: `apps/v1`, `Deployment`, `deployments`."""

    version: str
    name: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.version.rpartition("/")[0]

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """Return the URL path of all objects, or of one, or of a part of one."""
        base = f"/apis/{self.version}" if self.group else f"/api/{self.version}"
        inner = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        parts = [base + inner, self.plural, name, subresource]
        return "/".join(part for part in parts if part)


_CORE = (
    "ConfigMap:configmaps Endpoints:endpoints Event:events LimitRange:limitranges Namespace:namespaces:cluster "
    "Node:nodes:cluster PersistentVolume:persistentvolumes:cluster PersistentVolumeClaim:persistentvolumeclaims "
    "Pod:pods ResourceQuota:resourcequotas Secret:secrets Service:services ServiceAccount:serviceaccounts"
)
_GROUPS = {
    "v1": _CORE,
    "apps/v1": "DaemonSet:daemonsets Deployment:deployments ReplicaSet:replicasets StatefulSet:statefulsets",
    "authorization.k8s.io/v1": "SelfSubjectAccessReview:selfsubjectaccessreviews:cluster",
    "batch/v1": "CronJob:cronjobs Job:jobs",
    "coordination.k8s.io/v1": "Lease:leases",
    "discovery.k8s.io/v1": "EndpointSlice:endpointslices",
    "networking.k8s.io/v1": "Ingress:ingresses NetworkPolicy:networkpolicies",
    "policy/v1": "PodDisruptionBudget:poddisruptionbudgets",
    "rbac.authorization.k8s.io/v1": (
        "ClusterRole:clusterroles:cluster ClusterRoleBinding:clusterrolebindings:cluster Role:roles "
        "RoleBinding:rolebindings"
    ),
    "storage.k8s.io/v1": "StorageClass:storageclasses:cluster",
}


def _table() -> Iterator[Kind]:
    for version, words in _GROUPS.items():
        for word in words.split():
            name, plural, *scope = word.split(":")
            yield Kind(version, name, plural, namespaced=not scope)


_KNOWN = {key: kind for kind in _table() for key in (kind.name.lower(), kind.plural)}


class Kinds:
    """Finds kinds by name (`Pod`, `pods`, `ServiceMonitor`, `servicemonitors.monitoring.coreos.com`), in any case.

    Args:
        discover: asks the API for a discovery document.

    """

    def __init__(self, discover: Discover) -> None:
        self._discover = discover
        self._found: dict[str, Kind] = {}

    def find(self, word: str, version: str = "") -> Kind | None:
        """Return the kind that a word means, or None when the cluster serves no such kind.

        Args:
            word: kind or resource name, with `.group` behind it where that must be said.
            version: `apiVersion` of the object in hand; then only that one is looked at.

        """
        name, _, group = word.lower().partition(".")
        known = _KNOWN.get(name)
        if known and version in {"", known.version} and group in {"", known.group}:
            return known
        key = f"{version}:{word.lower()}"
        if key not in self._found:
            found = next(self._served(name, group, version), None)
            if found is None:
                return None
            self._found[key] = found
        return self._found[key]

    def _served(self, name: str, group: str, version: str) -> Iterator[Kind]:
        for served in [version] if version else self._versions(group):
            document = self._discover(f"/apis/{served}" if "/" in served else f"/api/{served}")
            for one in (document or {}).get("resources", []):
                if "/" not in one["name"] and name in {one["name"], one["kind"].lower(), one.get("singularName")}:
                    yield Kind(served, one["kind"], one["name"], namespaced=one["namespaced"])

    def _versions(self, group: str) -> Iterator[str]:
        if not group:
            yield "v1"
        for one in (self._discover("/apis") or {}).get("groups", []):
            if group in {"", one["name"]}:
                yield one["preferredVersion"]["groupVersion"]
