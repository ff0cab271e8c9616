"""What the cluster says of an object, as text for evidence.

Secrets are not in it: their data is never shown, nor are values of environment variables that are named like one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

from hubproof.cluster.client import Cluster, Object
from hubproof.errors import CouldNotRunError, TargetError
from hubproof.evidence import Evidence
from hubproof.redaction import MARK

_SECRET_NAME = re.compile(r"(?i)(token|passw|secret|key|credential|cookie|dsn|database_url)")
_NOISE = ("managedFields", "selfLink")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def describe(cluster: Cluster, kind: str, name: str, namespace: str | None = None) -> str:
    """Return an object as YAML, without bookkeeping and without secrets."""
    body = cluster.get(kind, name, namespace)
    return as_yaml(body) if body else f"there is no {kind} {name}" + (f" in namespace {namespace}" if namespace else "")


def as_yaml(body: Object) -> str:
    """Return an object in hand as `describe` would."""
    import yaml  # noqa: PLC0415 - see hubproof.cluster

    return yaml.safe_dump(without_secrets(body), sort_keys=False, allow_unicode=True, width=120)


def without_secrets(body: Object) -> Object:
    """Return a copy of an object without bookkeeping, Secret data and environment values named like secrets."""
    kept: Object = _masked(body)
    metadata = kept.get("metadata", {})
    for name in _NOISE:
        metadata.pop(name, None)
    metadata.get("annotations", {}).pop(_LAST_APPLIED, None)
    if kept.get("kind") == "Secret":
        for name in ("data", "stringData"):
            if name in kept:
                kept[name] = dict.fromkeys(kept[name], MARK)
    return kept


def _masked(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_masked(one) for one in value]
    if not isinstance(value, dict):
        return value
    hidden = isinstance(value.get("name"), str) and isinstance(value.get("value"), str)
    if hidden and _SECRET_NAME.search(value["name"]):
        return {**value, "value": MARK}
    return {name: _masked(one) for name, one in value.items()}


def events_of(cluster: Cluster, kind: str, name: str, namespace: str) -> str:
    """Return the events about an object, oldest first, a line each."""
    fields = f"involvedObject.kind={kind},involvedObject.name={name}"
    found = cluster.list("Event", namespace, fields=fields)
    found.sort(key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""))
    lines = [
        f"{one.get('lastTimestamp') or one.get('eventTime')} {one.get('type')} {one.get('reason')}"
        f"{' (x' + str(one['count']) + ')' if (one.get('count') or 1) > 1 else ''}: {one.get('message', '').strip()}"
        for one in found
    ]
    return "\n".join(lines) or f"no events about {kind} {name}"


def log_tail(cluster: Cluster, namespace: str, pod: str, *, lines: int = 200) -> str:
    """Return the end of the log of each container of a pod, and of its instance before, where it has restarted."""
    body = cluster.get("Pod", pod, namespace)
    if body is None:
        return f"there is no pod {pod} in namespace {namespace}"
    restarts = {
        one["name"]: one["restartCount"]
        for part in ("initContainerStatuses", "containerStatuses")
        for one in body.get("status", {}).get(part, [])
    }
    parts = []
    for container in [*body["spec"].get("initContainers", []), *body["spec"]["containers"]]:
        name = container["name"]
        if restarts.get(name):
            before = cluster.logs(namespace, pod, container=name, lines=lines, tail_bytes=65536, previous=True)
            parts.append(f"--- {name}, before its last restart ---\n{before}")
        parts.append(f"--- {name} ---\n{cluster.logs(namespace, pod, container=name, lines=lines, tail_bytes=65536)}")
    return "\n".join(parts)


def keep_policies(cluster: Cluster, evidence: Evidence, namespace: str) -> None:
    """Put what all NetworkPolicies of a namespace say into the evidence, as YAML."""
    policies = cluster.list("NetworkPolicy", namespace)
    said = {one["metadata"]["name"]: one["spec"] for one in policies}
    text = yaml.safe_dump(said, sort_keys=False) if said else f"there is no NetworkPolicy in namespace {namespace}"
    command = f"kubectl -n {namespace} get networkpolicy -o yaml"
    evidence.text("network policies", text, source="Kubernetes API", command=command)


def capture_pod(cluster: Cluster, evidence: Evidence, namespace: str, pod: str) -> None:
    """Put description, events and log of a pod into the evidence. What cannot be read is noted as such."""
    kubectl = f"kubectl -n {namespace}"
    looks: tuple[tuple[str, Callable[[], str], str], ...] = (
        (f"pod {pod}", lambda: describe(cluster, "Pod", pod, namespace), f"{kubectl} get pod {pod} -o yaml"),
        (f"events of {pod}", lambda: events_of(cluster, "Pod", pod, namespace), f"{kubectl} describe pod {pod}"),
        (f"log of {pod}", lambda: log_tail(cluster, namespace, pod), f"{kubectl} logs {pod} --all-containers"),
    )
    for name, look, command in looks:
        try:
            evidence.text(name, look(), source="Kubernetes API", command=command)
        except (CouldNotRunError, TargetError) as error:
            evidence.note(f"could not read {name}", str(error), source="Kubernetes API", command=command)
