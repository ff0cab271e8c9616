"""Reads what a namespace holds, and what of the cluster around it says something about a JupyterHub."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from hubproof.cluster.client import Cluster, Object, Objects
from hubproof.errors import CouldNotRunError, TargetError

INSIDE = (
    "Ingress", "Service", "Deployment", "StatefulSet", "DaemonSet", "Pod", "PersistentVolumeClaim", "ResourceQuota",
    "LimitRange", "NetworkPolicy", "ServiceAccount", "ConfigMap", "Role", "RoleBinding", "PodDisruptionBudget",
    "CronJob", "ServiceMonitor",
)  # fmt: skip
"""Kinds that are listed in the namespace; Secrets are not among them."""
AROUND = ("Service", "Namespace", "StorageClass")
"""Kinds that are listed in the whole cluster: services for users, what policies select, what claims name."""
_HUB_PORT = 8081


@dataclass
class Found:
    """What was read.

    Attributes:
        namespace: of the hub.
        inside: kind to its objects in the namespace.
        around: kind to its objects in the whole cluster.
        pods_of: pods of other namespaces that a Service selects, by `namespace/service`.
        hub_version: what the hub's API said; empty when it could not be asked.
        unseen: what could not be read, in words.

    """

    namespace: str
    inside: dict[str, Objects] = field(default_factory=dict)
    around: dict[str, Objects] = field(default_factory=dict)
    pods_of: dict[str, Objects] = field(default_factory=dict)
    hub_version: str = ""
    unseen: list[str] = field(default_factory=list)

    def named(self, kind: str) -> dict[str, Object]:
        """Return the namespace's objects of a kind by name."""
        return {one["metadata"]["name"]: one for one in self.inside.get(kind, [])}


def gather(cluster: Cluster, namespace: str) -> Found:
    """Read a namespace and its surroundings, with whatever rights there are.

    Raises:
        CouldNotRunError: the cluster is out of reach, or not even the namespace's pods may be listed.
        TargetError: the namespace holds nothing.

    """
    found = Found(namespace)
    found.inside["Pod"] = cluster.list("Pod", namespace)
    for kind in INSIDE:
        if kind not in found.inside:
            found.inside[kind] = _listed(cluster, kind, namespace, found)
    for kind in AROUND:
        found.around[kind] = _listed(cluster, kind, None, found)
    if not any(found.inside[kind] for kind in ("Pod", "Deployment", "StatefulSet")):
        raise TargetError(
            f"nothing runs in namespace {namespace}",
            wanted="a namespace with a JupyterHub in it",
            next_step="name it with --namespace; kubectl get deployments -A shows where there is one called hub",
        )
    for service in found.around["Service"]:
        place = service["metadata"]["namespace"]
        selector = service.get("spec", {}).get("selector") or {}
        if place != namespace and selector:
            labels = ",".join(f"{name}={value}" for name, value in selector.items())
            key = f"{place}/{service['metadata']['name']}"
            try:
                found.pods_of[key] = cluster.list("Pod", place, labels=labels)
            except (CouldNotRunError, TargetError):
                found.pods_of[key] = []
    found.hub_version = _hub_version(cluster, found)
    return found


def _listed(cluster: Cluster, kind: str, namespace: str | None, found: Found) -> Objects:
    where = f"in namespace {namespace}" if namespace else "in the whole cluster"
    try:
        return cluster.list(kind, namespace)
    except CouldNotRunError as error:
        found.unseen.append(f"{kind} {where}: {error.happened}")
    except TargetError as error:  # a kind that this cluster does not have, such as ServiceMonitor
        if namespace is None or kind != "ServiceMonitor":
            found.unseen.append(f"{kind} {where}: {error.happened}")
    return []


def _hub_version(cluster: Cluster, found: Found) -> str:
    if "hub" not in found.named("Service"):
        return ""
    path = f"/api/v1/namespaces/{found.namespace}/services/hub:{_HUB_PORT}/proxy/hub/api/"
    try:
        return str(json.loads(cluster.raw(path, read=5.0)).get("version", ""))
    except (CouldNotRunError, TargetError, ValueError) as error:
        found.unseen.append(f"the hub's version, through the Kubernetes API: {error}")
        return ""
