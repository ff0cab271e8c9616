"""Asks once, before any check, whether the target and its cluster can be reached at all.

A target that is plainly down is said once, in seconds, instead of by every check after its own deadline. What is found
here decides no verdict of its own: access.https looks for itself, and checks that need what is blocked say why.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hubproof.errors import CouldNotRunError
from hubproof.profile import Profile
from hubproof.run import Blocked


def preflight(profile: Profile) -> Blocked:
    """Try the public URL and the Kubernetes API, both at once, each within a few seconds."""
    with ThreadPoolExecutor(2) as pool:
        edge, cluster = pool.submit(_edge, profile), pool.submit(_cluster, profile)
        return Blocked(edge=edge.result(), cluster=cluster.result())


def _edge(profile: Profile) -> str:
    from hubproof.hub.access import probe_edge  # noqa: PLC0415 - `hubproof --help` need not load an HTTP client

    state = probe_edge(profile)
    return "" if state.kind == "ok" else f"the public URL {profile.url} is out of reach: {state.detail} (access.https)"


def _cluster(profile: Profile) -> str:
    if profile.kube is None:
        return "the profile names no cluster (`kube`)"
    from hubproof.cluster.client import Cluster  # noqa: PLC0415 - the Kubernetes client takes a second to import

    try:
        Cluster(profile).server_version()
    except CouldNotRunError as error:
        return error.happened
    return ""
