"""Removes from a cluster what runs made: this run's own at its end, and what dead runs left, at the next run's start.

Deleted is only what carries the run label of a run that is over. Servers of personas that a dead run held are the
hub's to stop: `left_personas` names them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hubproof.cluster.client import Cluster, Object
from hubproof.cluster.lease_object import LeaseObject, drop, take
from hubproof.cluster.leases import PERSONA_LABEL, persona_lease_name, run_lease_name
from hubproof.errors import CouldNotRunError
from hubproof.profile import Profile
from hubproof.run import RUN_LABEL

KINDS = ("NetworkPolicy", "Pod")
"""What runs make, policies first: a deny-all that a dead run left is the one thing that still does something."""


@dataclass(frozen=True)
class LeftPersona:
    """A persona that nobody holds any more, and that its last holder did not give back."""

    name: str
    run_id: str
    lease: LeaseObject


def sweep_run(cluster: Cluster, profile: Profile, run_id: str) -> list[str]:
    """Remove the objects of one run and return what was removed. Persona leases are left: see `left_personas`."""
    return _sweep(cluster, profile, lambda other: other == run_id, labels=f"{RUN_LABEL}={run_id}")


def sweep_dead_runs(cluster: Cluster, profile: Profile, run_id: str) -> list[str]:
    """Remove the objects of every run that has no living lease, but for `run_id`; return what was removed."""
    now = cluster.now()
    leases = _leases(cluster, profile)
    alive = {lease.run_id for lease in leases if lease.name == run_lease_name(lease.run_id) and lease.alive(now)}
    removed = _sweep(cluster, profile, lambda other: other not in alive and other != run_id, labels=RUN_LABEL)
    for lease in leases:
        is_run = lease.name == run_lease_name(lease.run_id)
        dead = lease.run_id not in alive and lease.run_id != run_id
        if is_run and dead and drop(cluster, profile.probe.namespace, lease):
            removed.append(f"Lease {profile.probe.namespace}/{lease.name}")
    return removed


def left_personas(cluster: Cluster, profile: Profile, run_id: str) -> list[LeftPersona]:
    """Return the personas that were not given back: those of dead holders, and those that `run_id` itself still holds.

    Call it for one's own run only when all its processes have ended. `claim` each, stop its server, then `forget` it.
    """
    now = cluster.now()
    names = {persona_lease_name(one.name): one.name for one in profile.personas}
    return [
        LeftPersona(names[lease.name], lease.run_id, lease)
        for lease in _leases(cluster, profile, labels=PERSONA_LABEL)
        if lease.name in names and (lease.run_id == run_id or not lease.alive(now))
    ]


def claim(cluster: Cluster, profile: Profile, left: LeftPersona, run_id: str) -> LeftPersona | None:
    """Take a left persona before its server is stopped; None when another run has it, whose server it then is."""
    lease = take(
        cluster,
        profile.probe.namespace,
        left.lease.name,
        f"{run_id}/tidying",
        run_id=run_id,
        labels={PERSONA_LABEL: left.lease.body["metadata"]["labels"][PERSONA_LABEL]},
        seen=left.lease,
    )
    return LeftPersona(left.name, left.run_id, lease) if lease else None


def forget(cluster: Cluster, profile: Profile, left: LeftPersona) -> bool:
    """Make a left persona free; return False when somebody has taken it meanwhile."""
    return drop(cluster, profile.probe.namespace, left.lease)


def _leases(cluster: Cluster, profile: Profile, labels: str = RUN_LABEL) -> list[LeaseObject]:
    return [LeaseObject(body) for body in cluster.list("Lease", profile.probe.namespace, labels=labels)]


def _sweep(cluster: Cluster, profile: Profile, over: Callable[[str], bool], labels: str) -> list[str]:
    namespace = profile.probe.namespace
    removed: list[str] = []
    refused: list[str] = []
    for kind in KINDS:
        try:
            removed += [
                f"{kind} {namespace}/{one['metadata']['name']}"
                for one in cluster.list(kind, namespace, labels=labels)
                if over(_run_of(one)) and cluster.delete(kind, one["metadata"]["name"], namespace, grace=0)
            ]
        except CouldNotRunError as error:
            refused.append(error.happened)  # the other kinds can still be swept
    if refused:
        raise CouldNotRunError(
            f"not everything could be swept: {'; '.join(refused)}",
            wanted=f"removed so far: {', '.join(removed) or 'nothing'}",
            where=f"namespace {namespace}",
        )
    return removed


def _run_of(one: Object) -> str:
    # The selector has asked for the label; an object without it must not get here, and is not ours to delete.
    return str(one["metadata"]["labels"][RUN_LABEL])
