"""The target as a check meets it: its promises, its hub and its cluster, each reached when first needed.

Thin on purpose: what a client can do is in `hubproof.hub` and `hubproof.cluster`; here they are put together.
"""

from __future__ import annotations

import datetime as dt
import time
from functools import cached_property

from hubproof.cluster.anatomy import SpawnAnatomy, assemble
from hubproof.cluster.client import Cluster, Objects
from hubproof.cluster.pod_watcher import PodWatcher
from hubproof.cluster.probe_pod import state_of
from hubproof.cluster.probes import ProbePod
from hubproof.cluster.services import service_state
from hubproof.cluster.user_pods import pod_objects
from hubproof.errors import CouldNotRunError
from hubproof.evidence import Evidence
from hubproof.hub.api import HubApi
from hubproof.hub.server import UserServer
from hubproof.hub.session import HubSession
from hubproof.hub.spawn import SpawnFailedError
from hubproof.profile import Persona, Profile, SecretKey
from hubproof.promises import Network, Promises, Quota, Rbac, Spawn
from hubproof.run import RunSettings
from hubproof.secrets import Secrets


class Target:
    """One deployed JupyterHub in one run.

    Args:
        profile: of the target.
        settings: of the run.

    """

    def __init__(self, profile: Profile, settings: RunSettings) -> None:
        self.profile = profile
        self.settings = settings
        self.run_id = settings.run_id
        self.started = dt.datetime.fromisoformat(settings.started)
        self.secrets = Secrets(profile, self._read_key)
        self._probe: ProbePod | None = None
        self._watcher: PodWatcher | None = None

    @property
    def namespace(self) -> str:
        """The hub's namespace."""
        return self.profile.namespace

    @property
    def promises(self) -> Promises:
        """What the target promises."""
        return self.profile.promises

    @property
    def spawn(self) -> Spawn:
        """The promises on servers; the usual ones where the profile has none."""
        return self.promises.spawn or Spawn()

    @property
    def quota(self) -> Quota:
        """The promises on quotas."""
        return self.promises.quota or Quota()

    @property
    def network(self) -> Network:
        """The promised reachability."""
        return self.promises.network or Network()

    @property
    def rbac(self) -> Rbac:
        """The promises on rights."""
        return self.promises.rbac or Rbac()

    @cached_property
    def cluster(self) -> Cluster:
        """The cluster, with the runner's rights.

        Raises:
            CouldNotRunError: it was out of reach when the run began.

        """
        if self.settings.blocked.cluster:
            raise CouldNotRunError(self.settings.blocked.cluster)
        return Cluster(self.profile)

    def require_edge(self) -> None:
        """Go on only if the public URL was in reach when the run began.

        Raises:
            CouldNotRunError: it was not; access.https says more.

        """
        if self.settings.blocked.edge:
            raise CouldNotRunError(self.settings.blocked.edge)

    @cached_property
    def api(self) -> HubApi:
        """The hub's API with the checks' own token.

        Raises:
            CouldNotRunError: the profile names no token, or it cannot be read.

        """
        self.require_edge()
        if self.profile.hub.api_token is None:
            raise CouldNotRunError(
                "the profile names no token for the hub's API",
                next_step="add hub.api_token: {secret: {name: …, key: …}} of a service with the scopes in "
                "docs/profile.md",
            )
        return HubApi(self.profile, self.secrets.value(self.profile.hub.api_token))

    def new_session(self, persona: Persona, *, password: str | None = None) -> HubSession:
        """Return a session of a persona, not yet signed in; with another password than its own if one is given."""
        self.require_edge()
        secret = password if password is not None else self._secret_of(persona)
        return HubSession(self.profile, persona, secret)

    def watched_spawn(self, server: UserServer, evidence: Evidence, *, within: float) -> SpawnAnatomy:
        """Start a server and return its spawn, stage by stage, as client and cluster saw it; keep that as evidence.

        Raises:
            SpawnFailedError: it did not become ready; with what the cluster says of its pod. How far it came is kept.

        """
        begun = time.monotonic()
        watcher = self._pod_watcher()
        failure: SpawnFailedError | None = None
        try:
            times = server.start(within=within)
        except SpawnFailedError as error:
            failure, times = error, error.times
        watched = watcher.stages_of(server.user, begun) if watcher else None
        anatomy = assemble(server.user, begun, times.stages, watched)
        if failure is None:
            evidence.anatomy(anatomy.as_dict())
            return anatomy
        waited = round(time.monotonic() - begun, 3)
        evidence.anatomy({**anatomy.as_dict(), "seconds": waited, "ready": False})
        pods = [f"its pod: {state_of(pod)}" for pod in self.cluster_pods(server.user)] if watcher else []
        raise SpawnFailedError("; ".join([failure.happened, *pods]), times) from failure

    def route_of(self, server: UserServer) -> dict[str, object] | None:
        """Return the proxy's route to a server, as the hub's API shows it; None when there is none."""
        path = f"{self.profile.base_path}user/{server.user}/"
        return self.api.routes().get(path)

    def cluster_pods(self, user: str) -> Objects:
        """Return the pods of a user's servers."""
        return pod_objects(self.cluster, self.namespace, user)

    def service_state(self, host: str, port: int) -> str | None:
        """Say whether something is there behind a Service's name; None when the host is no Service."""
        return service_state(self.cluster, host, port, namespace=self.namespace)

    def probe_pod(self) -> ProbePod:
        """Return a running probe pod; all workers share it, and the run's sweep removes it."""
        if self._probe is None:
            self._probe = ProbePod(self.cluster, self.profile, self.run_id).start()
        return self._probe

    def close(self) -> None:
        """Let go of the watch. The probe pod stays: another worker of the run may be using it."""
        if self._watcher is not None:
            self._watcher.stop()

    def _pod_watcher(self) -> PodWatcher | None:
        """Return a running watcher, or None where no cluster is at hand: the client's own times remain."""
        if self._watcher is not None and self._watcher.problem:
            self._watcher = None  # it sees nothing any more
        if self._watcher is None and not self.settings.blocked.cluster:
            self._watcher = PodWatcher(self.cluster, self.namespace).start()
        return self._watcher

    def _secret_of(self, persona: Persona) -> str:
        ref = persona.token if self.profile.login.driver == "hub-token" else persona.password
        if ref is None:
            raise CouldNotRunError(
                f"the profile names no {'token' if self.profile.login.driver == 'hub-token' else 'password'} of "
                f"{persona.name}",
                where=str(self.profile.path),
            )
        return self.secrets.value(ref)

    def _read_key(self, namespace: str, key: SecretKey) -> str:
        return self.cluster.secret_key(namespace, key)
