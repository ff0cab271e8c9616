"""The pod that network checks put into a cluster: harmless, small, short-lived, and of the run that made it."""

from __future__ import annotations

from pathlib import Path

from hubproof.cluster.client import Cluster, Object
from hubproof.errors import CouldNotRunError
from hubproof.profile import Profile
from hubproof.run import RUN_LABEL

PORT = 8080
"""Where every probe pod answers, over TCP and UDP."""
PROBE_LABEL = "hubproof.dev/probe"
"""Holds the pod's own name, so that a policy can select one pod."""

_LONGEST_LIFE = 7200  # seconds after which the cluster itself ends a pod that nobody removed
_SERVER = Path(__file__).with_name("reach_server.py").read_text(encoding="utf-8")
_START = (
    'if command -v python3 >/dev/null 2>&1; then exec python3 -uc "$HUBPROOF_SERVER"; fi; '
    "exec /agnhost netexec --http-port=$HUBPROOF_PORT --udp-port=$HUBPROOF_PORT"
)
_HOPELESS = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CrashLoopBackOff"}


def object_name(run_id: str, what: str) -> str:
    """Return the name of an object of a run: `hubproof-195501-3fa9-probe`."""
    return f"hubproof-{run_id.partition('-')[2] or run_id}-{what}"


def pod_body(profile: Profile, run_id: str, name: str, *, avoid: str = "") -> Object:
    """Return a probe pod that passes the `restricted` Pod Security Standard.

    Args:
        profile: says which image and namespace.
        run_id: for the label.
        name: of the pod.
        avoid: name of another probe pod; the scheduler prefers another node than that one's.

    """
    spec: Object = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "activeDeadlineSeconds": _LONGEST_LIFE,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "runAsGroup": 65534,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "probe",
                "image": profile.probe.image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["sh", "-c", _START],
                "env": [
                    {"name": "HUBPROOF_SERVER", "value": _SERVER},
                    {"name": "HUBPROOF_PORT", "value": str(PORT)},
                    {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"},
                ],
                "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
                "resources": {
                    "requests": {"cpu": "10m", "memory": "32Mi"},
                    "limits": {"cpu": "500m", "memory": "128Mi"},
                },
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    }
    if profile.probe.pull_secret:
        spec["imagePullSecrets"] = [{"name": profile.probe.pull_secret}]
    if avoid:
        term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {PROBE_LABEL: avoid}}}
        preferred = [{"weight": 100, "podAffinityTerm": term}]
        spec["affinity"] = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    labels = {RUN_LABEL: run_id, PROBE_LABEL: name, "app.kubernetes.io/name": "hubproof"}
    metadata = {"name": name, "namespace": profile.probe.namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def require_ready(cluster: Cluster, namespace: str, name: str, within: float) -> Object:
    """Wait until a pod is ready and return it.

    Raises:
        CouldNotRunError: it is gone, cannot start, or is not ready in time; with what the cluster says of it.

    """
    seen: Object = {}
    with cluster.watch("Pod", namespace, fields=f"metadata.name={name}", within=within) as changes:
        for arrival in changes:
            seen = {} if arrival.type == "DELETED" else arrival.object
            if not seen or _cannot_start(seen):
                break
            if is_ready(seen):
                return seen
    raise CouldNotRunError(
        f"the probe pod {name} is not ready: {state_of(seen) if seen else 'it is gone'}",
        where=f"namespace {namespace}",
        next_step="check `probe` in the profile: image, pull_secret, namespace; and the namespace's quota and policies",
    )


def is_ready(pod: Object) -> bool:
    """Whether a pod says that it is ready."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def state_of(pod: Object) -> str:
    """Say in words why a pod is not ready: the waiting container, or the condition that is not met."""
    status = pod.get("status", {})
    for one in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        state = one.get("state", {}).get("waiting") or one.get("state", {}).get("terminated")
        if state:
            return " ".join(filter(None, [one["name"], state.get("reason"), state.get("message")]))[:500]
    for one in status.get("conditions", []):
        if one["status"] != "True" and one.get("message"):
            return f"{one['type']}: {one['message']}"[:500]
    return str(status.get("message") or status.get("phase") or "nothing is known of it")


def _cannot_start(pod: Object) -> bool:
    status = pod.get("status", {})
    waiting = [one.get("state", {}).get("waiting", {}).get("reason") for one in status.get("containerStatuses", [])]
    return status.get("phase") in {"Failed", "Succeeded"} or bool(_HOPELESS & set(waiting))
