"""ResourceQuotas: what they allow, what is used, and whether they refuse."""

from __future__ import annotations

from hubproof.cluster.client import Cluster, Object, Objects
from hubproof.cluster.connection import KubernetesError
from hubproof.cluster.probe_pod import object_name
from hubproof.run import RUN_LABEL

_UNDECIDED = {409, 429}  # a conflict or throttling says nothing about the quota


def used_and_hard(cluster: Cluster, namespace: str) -> Objects:
    """Return name, `hard`, `used` and scopes of each ResourceQuota of a namespace.

    `hard` is what the object demands; a quota that the cluster has not taken up yet has nothing under `used`.
    """
    return [
        {
            "name": quota["metadata"]["name"],
            "hard": quota["spec"].get("hard", {}),
            "used": quota.get("status", {}).get("used", {}),
            "scopes": [*quota["spec"].get("scopes", []), *_selected(quota)],
        }
        for quota in cluster.list("ResourceQuota", namespace)
    ]


def dry_run_pod(
    cluster: Cluster, namespace: str, run_id: str, *, memory: str, cpu: str, labels: dict[str, str] | None = None
) -> str:
    """Ask for a pod of this size without making it; return why it is refused, or nothing when it would be accepted.

    Raises:
        CouldNotRunError: the runner has no right to ask.
        KubernetesError: the answer is no judgement of the pod.

    """
    size = {"memory": memory, "cpu": cpu}
    container: Object = {
        "name": "asked",
        "image": "hubproof.invalid/never-run:1",
        "resources": {"requests": size, "limits": size},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "containers": [container],
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    metadata = {
        "name": object_name(run_id, "asked"),
        "namespace": namespace,
        "labels": {**(labels or {}), RUN_LABEL: run_id},
    }
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    try:
        cluster.create(body, dry_run=True)
    except KubernetesError as error:
        if error.status in _UNDECIDED or error.status >= 500:  # noqa: PLR2004 - the class of server errors
            raise
        return error.message
    return ""


def _selected(quota: Object) -> list[str]:
    selector = quota["spec"].get("scopeSelector", {}).get("matchExpressions", [])
    return [f"{one['scopeName']} {one['operator']} {','.join(one.get('values', []))}".strip() for one in selector]
