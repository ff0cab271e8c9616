"""Pods and volume claims of a hub's users, found by what KubeSpawner writes on them rather than by their names.

KubeSpawner's labels hold an escaped user name, and the escape differs by version; its annotation
`hub.jupyter.org/username` holds the name as it is. So all user servers are listed, and the annotation is compared.
"""

from __future__ import annotations

from hubproof.cluster.client import Cluster, Object, Objects

USER_POD = "component=singleuser-server"
"""The label that KubeSpawner and zero-to-jupyterhub put on user pods, and on the claims of homes."""
USERNAME = "hub.jupyter.org/username"


def pod_objects(cluster: Cluster, namespace: str, user: str) -> Objects:
    """Return the pods of a user, those that are ending included."""
    return [pod for pod in cluster.list("Pod", namespace, labels=USER_POD) if owner_of(pod) == user]


def pods_of(cluster: Cluster, namespace: str, user: str) -> list[str]:
    """Return name and short uid of each of a user's pods: a pod that was replaced under its old name shows."""
    return [
        f"{pod['metadata']['name']} ({pod['metadata']['uid'][:8]})" for pod in pod_objects(cluster, namespace, user)
    ]


def claims_of(cluster: Cluster, namespace: str, user: str) -> list[str]:
    """Return name and volume of each of a user's volume claims."""
    claims = cluster.list("PersistentVolumeClaim", namespace)
    return sorted(
        f"{claim['metadata']['name']} ({claim['spec'].get('volumeName', 'not bound')})"
        for claim in claims
        if owner_of(claim) == user
    )


def home_claim(cluster: Cluster, namespace: str, user: str, home: str = "/home/jovyan") -> str | None:
    """Return name and volume of the claim mounted as the user's home in their running pod, or None for no such claim.

    A mount above the home counts, since it holds the home; the deepest one decides.
    """
    for pod in pod_objects(cluster, namespace, user):
        if "deletionTimestamp" in pod["metadata"]:
            continue
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        container = pod["spec"]["containers"][0]
        above = [
            mount
            for mount in container.get("volumeMounts", [])
            if f"{home.rstrip('/')}/".startswith(f"{mount['mountPath'].rstrip('/')}/")
        ]
        if not above:
            continue
        mount = max(above, key=lambda one: len(one["mountPath"]))
        source = volumes.get(mount["name"], {}).get("persistentVolumeClaim")
        if source is None:
            return None
        claim = cluster.get("PersistentVolumeClaim", source["claimName"], namespace)
        volume = claim["spec"].get("volumeName", "not bound") if claim else "missing"
        part = f", folder {mount['subPath']}" if mount.get("subPath") else ""
        return f"{source['claimName']} ({volume}{part})"
    return None


def owner_of(thing: Object) -> str | None:
    """Return the user whom KubeSpawner made an object for."""
    owner = thing["metadata"].get("annotations", {}).get(USERNAME)
    return None if owner is None else str(owner)
