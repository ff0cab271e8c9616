"""Which versions the target runs, as far as it tells: for the record, never for a verdict."""

from __future__ import annotations

from contextlib import suppress

from hubproof.errors import HubproofError
from hubproof.profile import Profile
from hubproof.run import Blocked


def versions_of(profile: Profile, blocked: Blocked) -> dict[str, str]:
    """Return the versions of JupyterHub and Kubernetes; what does not answer is left out."""
    found = {}
    if not blocked.edge:
        from hubproof.hub.transport import http_client  # noqa: PLC0415 - `hubproof --help` needs no HTTP client

        with suppress(HubproofError, OSError), http_client(profile) as client:
            found["jupyterhub"] = client.get(f"{profile.url}/hub/api/").headers.get("x-jupyterhub-version", "")
    if not blocked.cluster:
        from hubproof.cluster.client import Cluster  # noqa: PLC0415

        with suppress(HubproofError):
            found["kubernetes"] = Cluster(profile).server_version()
    return {name: version for name, version in found.items() if version}
