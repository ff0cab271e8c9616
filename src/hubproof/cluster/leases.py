"""Who is at work on a target: one lease for a run, one for each persona in use, renewed while their holder lives.

A holder that dies stops renewing. Thirty seconds later others may take what it held, and sweep what it left.
"""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Callable, Iterable
from typing import Self

from hubproof.cluster.client import Cluster
from hubproof.cluster.lease_object import RENEW_EVERY, LeaseObject, drop, find, take
from hubproof.errors import CouldNotRunError, HubproofError, TargetError
from hubproof.profile import Persona, Profile, Role
from hubproof.waiting import Deadline, pause

PERSONA_LABEL = "hubproof.dev/persona"
"""On a persona's lease; its value is the lease's own slug, the name stands in the annotation of the same key."""


def run_lease_name(run_id: str) -> str:
    """Return the name of a run's lease."""
    return f"hubproof-run-{run_id}"


def persona_lease_name(persona: str) -> str:
    """Return the name of a persona's lease: readable, and distinct for names that look alike when made harmless."""
    slug = re.sub(r"[^a-z0-9]+", "-", persona.lower()).strip("-")[:40]
    return f"hubproof-persona-{slug}-{zlib.crc32(persona.encode()):08x}"


class _Held:
    """One lease, taken and kept by a thread until it is let go.

    Attributes:
        lost: whether somebody else has it now, or it could not be renewed in time: whatever it stood for is over.

    """

    def __init__(self, cluster: Cluster, namespace: str, lease: LeaseObject, *, labels: dict[str, str]) -> None:
        self._cluster, self._namespace, self._lease, self._labels = cluster, namespace, lease, labels
        self._end = threading.Event()
        self._lock = threading.Lock()
        self.lost = False
        self._thread = threading.Thread(target=self._keep, name=f"renew {lease.name}", daemon=True)
        self._thread.start()

    def let_go(self) -> None:
        """Stop renewing and delete the lease, if it is still ours."""
        self._end.set()
        self._thread.join(RENEW_EVERY)
        with self._lock:
            if not self.lost:
                drop(self._cluster, self._namespace, self._lease)

    def _keep(self) -> None:
        while not self._end.wait(RENEW_EVERY):
            try:
                renewed = self._renew()
            except HubproofError:
                # Out of reach for now. Until the lease ends nobody else may take it, and the next turn may succeed.
                if not self._lease.alive(self._cluster.now()):
                    self.lost = True
                    return
                continue
            if renewed is None:
                self.lost = True
                return

    def _renew(self) -> LeaseObject | None:
        with self._lock:
            old = self._lease
            renewed = take(
                self._cluster,
                self._namespace,
                old.name,
                old.holder,
                run_id=old.run_id,
                labels=self._labels,
                seen=old,
            )
            if renewed is None:
                # A renewal whose answer got lost has changed the version too: then it is still ours.
                now = find(self._cluster, self._namespace, old.name)
                renewed = now if now is not None and now.holder == old.holder else None
            if renewed is not None:
                self._lease = renewed
            return renewed


class RunLease:
    """Says that a run is at work, so that no other sweeps what it makes.

    Args:
        cluster: the target's.
        namespace: where leases are: the profile's probe namespace.
        run_id: of the run.

    """

    def __init__(self, cluster: Cluster, namespace: str, run_id: str) -> None:
        self._cluster, self._namespace, self._run_id = cluster, namespace, run_id
        self._held: _Held | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def lost(self) -> bool:
        """Whether the lease is held no longer although the run goes on: others may sweep what it makes."""
        return self._held is not None and self._held.lost

    def start(self) -> None:
        """Take the lease.

        Raises:
            CouldNotRunError: a right is missing, or the namespace is.
            TargetError: somebody has a lease for this very run id.

        """
        name = run_lease_name(self._run_id)
        try:
            lease = take(self._cluster, self._namespace, name, self._run_id, run_id=self._run_id, labels={}, seen=None)
        except TargetError as error:
            raise CouldNotRunError(
                f"no lease could be made in namespace {self._namespace}: {error.happened}",
                next_step="make the namespace and the runner's rights: fixtures/rbac/observe.yaml and act.yaml",
            ) from error
        if lease is None:
            raise TargetError(f"another process already runs as run {self._run_id}", where=f"Lease {name}")
        self._held = _Held(self._cluster, self._namespace, lease, labels={})

    def stop(self) -> None:
        """Let go of it."""
        if self._held is not None:
            self._held.let_go()
            self._held = None


class HeldPersona:
    """A persona that is ours until it is released. Also a context manager.

    Attributes:
        persona: the identity.
        left_by: the dead run that held it last, whose server may still run; empty when it was free.

    """

    def __init__(self, persona: Persona, held: _Held, left_by: str) -> None:
        self.persona = persona
        self.left_by = left_by
        self._held = held

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def lost(self) -> bool:
        """Whether another run may have taken it meanwhile."""
        return self._held.lost

    def release(self) -> None:
        """Give it back. Call it when nothing of it runs any more."""
        self._held.let_go()


def acquire_persona(
    cluster: Cluster,
    profile: Profile,
    run_id: str,
    role: Role,
    *,
    holder: str = "",
    within: float = 120.0,
    only: Iterable[str] = (),
    on_wait: Callable[[str], None] | None = None,
) -> HeldPersona:
    """Take the first free persona of a role, or one whose holder is dead; wait while all are in use.

    Args:
        cluster: the target's.
        profile: lends the personas.
        run_id: of the run that borrows.
        role: of the persona.
        holder: worker or check, for whoever reads the lease.
        within: seconds to wait for one to become free.
        only: names to choose from; none means all of the role.
        on_wait: told once, in words, when it has to wait.

    Raises:
        CouldNotRunError: the profile has none of this role, or none became free in time.

    """
    names = set(only)
    candidates = [one for one in profile.users(role) if not names or one.name in names]
    if not candidates:
        wanted = f" named {', '.join(sorted(names))}" if names else ""
        raise CouldNotRunError(
            f"the profile lends no persona with role {role}{wanted}", next_step="add one to `personas`"
        )
    namespace, deadline = profile.probe.namespace, Deadline(within)
    while True:
        busy = []
        for persona in candidates:
            taken, by = _try(cluster, namespace, persona, run_id, f"{run_id}/{holder}")
            if taken:
                return taken
            busy.append(f"{persona.name} by {by}")
        if deadline.over:
            raise CouldNotRunError(
                f"no persona with role {role} became free within {within:g} s; held are {', '.join(busy)}",
                where=f"leases in namespace {namespace}",
                next_step="wait for the other run, or lend more personas in the profile",
            )
        if on_wait:
            on_wait(", ".join(busy))
            on_wait = None
        pause(min(0.5, deadline.left), reason="a persona to become free; nothing tells of it earlier than asking")


def _try(
    cluster: Cluster, namespace: str, persona: Persona, run_id: str, holder: str
) -> tuple[HeldPersona | None, str]:
    """Return the persona if it could be had, else who holds it."""
    name = persona_lease_name(persona.name)
    seen = find(cluster, namespace, name)
    if seen is not None and seen.alive(cluster.now()):
        return None, seen.holder
    labels = {PERSONA_LABEL: name.removeprefix("hubproof-persona-")}
    lease = take(cluster, namespace, name, holder, run_id=run_id, labels=labels, seen=seen)
    if lease is None:
        return None, "somebody who was quicker"
    left_by = seen.run_id if seen is not None else ""
    return HeldPersona(persona, _Held(cluster, namespace, lease, labels=labels), left_by), ""
