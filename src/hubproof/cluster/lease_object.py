"""Leases of coordination.k8s.io/v1: what one says, whether it is still held, and how it is taken without a race.

Every change is made against the version that was read, so that of two who want the same lease exactly one gets it.
Times are the cluster's (see `Connection.now`), so that machines whose clocks differ agree on what has expired.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from hubproof.cluster.client import Cluster, Object
from hubproof.cluster.connection import KubernetesError
from hubproof.run import RUN_LABEL

DURATION = 30
"""Seconds for which a lease holds after its last renewal."""
RENEW_EVERY = 10.0
"""Seconds between two renewals; two may fail before others may think that the holder is gone."""
API_VERSION = "coordination.k8s.io/v1"

_CONFLICT, _NOT_FOUND = 409, 404


@dataclass(frozen=True)
class LeaseObject:
    """A lease as it was read."""

    body: Object

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.body["metadata"]["name"])

    @property
    def holder(self) -> str:
        """Who holds it: the run id, and for personas the worker behind a slash."""
        return str(self.body["spec"].get("holderIdentity") or "")

    @property
    def run_id(self) -> str:
        """The run that holds it."""
        return str(self.body["metadata"].get("labels", {}).get(RUN_LABEL, ""))

    @property
    def until(self) -> dt.datetime:
        """When it ends unless it is renewed."""
        spec: dict[str, Any] = self.body["spec"]
        renewed = spec.get("renewTime") or spec.get("acquireTime") or self.body["metadata"]["creationTimestamp"]
        return read_time(renewed) + dt.timedelta(seconds=spec.get("leaseDurationSeconds") or DURATION)

    def alive(self, now: dt.datetime) -> bool:
        """Whether somebody holds it at this time of the cluster's clock."""
        return bool(self.holder) and now < self.until


def micro_time(moment: dt.datetime) -> str:
    """Return a MicroTime as Kubernetes wants it: UTC, six digits, Z."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_time(text: str) -> dt.datetime:
    """Read a Time or MicroTime of Kubernetes."""
    return dt.datetime.fromisoformat(text)


def find(cluster: Cluster, namespace: str, name: str) -> LeaseObject | None:
    """Return a lease, or None."""
    body = cluster.get("Lease", name, namespace)
    return LeaseObject(body) if body else None


def take(
    cluster: Cluster,
    namespace: str,
    name: str,
    holder: str,
    *,
    run_id: str,
    labels: dict[str, str],
    seen: LeaseObject | None,
) -> LeaseObject | None:
    """Take a lease that was not there, or is no longer alive, or is one's own (then this renews it).

    Returns:
        None when somebody else was quicker.

    """
    now = cluster.now()
    spec = {
        "holderIdentity": holder,
        "leaseDurationSeconds": DURATION,
        "acquireTime": micro_time(now),
        "renewTime": micro_time(now),
        "leaseTransitions": 0,
    }
    metadata = {"name": name, "namespace": namespace, "labels": {**labels, RUN_LABEL: run_id}}
    body: Object = {"apiVersion": API_VERSION, "kind": "Lease", "metadata": metadata, "spec": spec}
    try:
        if seen is None:
            return LeaseObject(cluster.create(body))
        metadata["resourceVersion"] = seen.body["metadata"]["resourceVersion"]
        transitions = int(seen.body["spec"].get("leaseTransitions") or 0)
        if seen.holder == holder:
            spec["acquireTime"] = seen.body["spec"].get("acquireTime") or spec["acquireTime"]
            spec["leaseTransitions"] = transitions
        else:
            spec["leaseTransitions"] = transitions + 1
        return LeaseObject(cluster.replace(body))
    except KubernetesError as error:
        # 404 to a replacement: its holder has let go in between, and the next attempt may make it anew. 404 to a
        # creation: the namespace is missing, which is no race.
        if error.status == _CONFLICT or (error.status == _NOT_FOUND and seen is not None):
            return None
        raise


def drop(cluster: Cluster, namespace: str, lease: LeaseObject) -> bool:
    """Delete a lease if it is still as it was seen; return whether it is gone by this."""
    try:
        return cluster.delete("Lease", lease.name, namespace, precondition=lease.body)
    except KubernetesError as error:
        if error.status == _CONFLICT:
            return False
        raise
