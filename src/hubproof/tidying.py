"""Keeps a target tidy around a run: holds the run's lease, removes what dead runs left, and what this one made.

Only objects that carry a run's label are removed, and servers of personas that a run holds or held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hubproof.errors import HubproofError
from hubproof.profile import Profile
from hubproof.run import RunSettings

if TYPE_CHECKING:
    from hubproof.cluster.client import Cluster


@contextmanager
def tidied(profile: Profile, settings: RunSettings, swept: list[str]) -> Iterator[None]:
    """Hold the run's lease while the body runs; sweep before and after it.

    Args:
        profile: the target.
        settings: the run.
        swept: receives what was removed, and what could not be, in words for the report.

    Without a reachable cluster there is nothing that a run could have made, and nothing happens.

    """
    if settings.blocked.cluster:
        yield
        return
    from hubproof.cluster.client import Cluster  # noqa: PLC0415 - a second of imports that HTTP-only runs do without
    from hubproof.cluster.leases import RunLease  # noqa: PLC0415
    from hubproof.cluster.sweeping import sweep_dead_runs, sweep_run  # noqa: PLC0415

    cluster = Cluster(profile)
    lease = RunLease(cluster, profile.probe.namespace, settings.run_id)
    try:
        lease.start()
    except HubproofError as error:
        swept.append(f"no lease could be taken, so nothing is swept: {error.happened}")
        yield
        return
    try:
        _note(swept, "left by an earlier run", lambda: sweep_dead_runs(cluster, profile, settings.run_id))
        _note(swept, "left by an earlier run", lambda: _stop_servers(profile, settings, cluster))
        yield
    finally:
        _note(swept, "made by this run", lambda: _stop_servers(profile, settings, cluster))
        _note(swept, "made by this run", lambda: sweep_run(cluster, profile, settings.run_id))
        # Once more: a run that was killed right before this one began still had a lease then.
        _note(swept, "left by an earlier run", lambda: sweep_dead_runs(cluster, profile, settings.run_id))
        lease.stop()


def _stop_servers(profile: Profile, settings: RunSettings, cluster: Cluster) -> list[str]:
    """Stop the servers of personas that were not given back, and make the personas free."""
    from hubproof.cluster.sweeping import claim, forget, left_personas  # noqa: PLC0415
    from hubproof.target import Target  # noqa: PLC0415

    stopped: list[str] = []
    left = left_personas(cluster, profile, settings.run_id)
    if not left:
        return stopped
    target = Target(profile, settings)
    for persona in left:
        mine = claim(cluster, profile, persona, settings.run_id)
        if mine is None:  # another run has borrowed it meanwhile, and its server is that run's
            continue
        if target.api.stop_server(persona.name):
            stopped.append(f"server of {persona.name}")
        forget(cluster, profile, mine)
    return stopped


def _note(swept: list[str], why: str, sweep: Callable[[], list[str]]) -> None:
    try:
        swept += [f"{one} ({why})" for one in sweep()]
    except HubproofError as error:
        swept.append(f"sweeping stopped: {error.happened}")
