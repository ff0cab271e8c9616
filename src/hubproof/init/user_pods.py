"""What users' pods and claims say: which are theirs, where homes are mounted, what limits hold."""

from __future__ import annotations

from typing import Any

from hubproof.cluster.client import Object, Objects
from hubproof.init.draft import Ask, Said
from hubproof.init.gathering import Found
from hubproof.units import short

COMPONENT = "singleuser-server"
"""The `component` label that KubeSpawner gives to users' pods."""
_USER = "hub.jupyter.org/username"


def is_user_pod(pod: Object) -> bool:
    """Whether KubeSpawner made a pod for a user."""
    return bool(pod["metadata"].get("labels", {}).get("component") == COMPONENT)


def user_pods(found: Found) -> Objects:
    """Return the users' pods that are there now."""
    return [one for one in found.inside["Pod"] if is_user_pod(one)]


def user_claims(found: Found) -> Objects:
    """Return the users' claims: those that KubeSpawner has marked with a user, or called claim-…"""
    return [
        one
        for one in found.inside.get("PersistentVolumeClaim", [])
        if _USER in one["metadata"].get("annotations", {}) or one["metadata"]["name"].startswith("claim-")
    ]


def home_of(found: Found) -> str:
    """Return where a running user's pod mounts its own claim; empty when none runs."""
    claims = {one["metadata"]["name"] for one in user_claims(found)}
    for pod in user_pods(found):
        volumes = {
            one["name"]
            for one in pod["spec"].get("volumes") or []
            if one.get("persistentVolumeClaim", {}).get("claimName") in claims
        }
        for mount in pod["spec"]["containers"][0].get("volumeMounts") or []:
            if mount["name"] in volumes:
                return str(mount["mountPath"])
    return ""


def quota_of(found: Found) -> object:
    """Return limits of a user's pod and the namespace's quota, or questions where neither pod nor LimitRange tells."""
    quota: dict[str, Any] = {}
    pods = user_pods(found)
    if pods:
        resources = pods[0]["spec"]["containers"][0].get("resources", {})
        for name in ("memory", "cpu"):
            if limit := resources.get("limits", {}).get(name):
                quota[name] = short(str(limit))
            if request := resources.get("requests", {}).get(name):
                quota[f"{name}_request"] = short(str(request))
    else:
        quota |= _defaults(found)
    if not pods and not quota:
        quota["memory"] = Ask("How much memory may each user's server take? No server runs that would tell, e.g. 1Gi")
        quota["cpu"] = Ask("How much CPU may each user's server take, in cores? 1, or null when that is not limited")
    hard = [one["spec"].get("hard") or {} for one in found.inside.get("ResourceQuota", [])]
    if hard:
        quota["namespace"] = {name: value for one in hard for name, value in one.items()}
    where = f"as of {pods[0]['metadata']['name']}" if pods else "by the LimitRange" if _defaults(found) else "asked for"
    return Said(quota, f"Of each user's pod ({where}), and of the namespace as its ResourceQuota has it.")


def _defaults(found: Found) -> dict[str, Any]:
    for one in found.inside.get("LimitRange", []):
        for limit in one["spec"].get("limits") or []:
            if limit.get("type") == "Container" and limit.get("default"):
                return {name: value for name, value in limit["default"].items() if name in {"memory", "cpu"}}
    return {}
