"""The fixtures that checks are arranged with. Each is thin: it borrows, hands over, and gives back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from hubproof.evidence import Evidence
from hubproof.plugin import EVIDENCE, RUN, case_of, info_of

if TYPE_CHECKING:
    from hubproof.cluster.leases import HeldPersona
    from hubproof.cluster.probes import Throwaway
    from hubproof.hub.server import UserServer
    from hubproof.hub.session import HubSession
    from hubproof.local_leases import LocalPersona
    from hubproof.profile import Persona, Profile, Role
    from hubproof.target import Target


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Iterator[Target]:
    """Lend the target of the run."""
    from hubproof.target import Target  # noqa: PLC0415 - unit tests do without both clients

    run = pytestconfig.stash[RUN]
    one = Target(run.profile, run.settings)
    yield one
    one.close()


@pytest.fixture(scope="session")
def profile(pytestconfig: pytest.Config) -> Profile:
    """Lend the profile of the target."""
    return pytestconfig.stash[RUN].profile


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """Lend the collector of the check's evidence."""
    return request.node.stash[EVIDENCE]  # type: ignore[no-any-return]


@pytest.fixture
def persona(target: Target, request: pytest.FixtureRequest) -> Iterator[Persona]:
    """Borrow a user persona for one check; nobody else has it meanwhile, in this run or in another."""
    with _borrowed(target, _name_of(request)) as held:
        yield held.persona


@pytest.fixture
def stranger(target: Target, request: pytest.FixtureRequest) -> Iterator[Persona]:
    """Borrow the persona that the provider knows and the hub must refuse; the hub does not know it before or after."""
    with _borrowed(target, _name_of(request), role="stranger") as held:
        target.api.delete_user(held.persona.name)
        yield held.persona
        target.api.delete_user(held.persona.name)


@pytest.fixture
def session(target: Target, persona: Persona) -> HubSession:
    """Sign a borrowed persona in."""
    one = target.new_session(persona)
    one.login()
    return one


@pytest.fixture
def idle_server(target: Target, session: HubSession, evidence: Evidence) -> Iterator[UserServer]:
    """Lend the default server of a borrowed persona, stopped; it is stopped again afterwards."""
    with _server(target, session, evidence) as server:
        yield server


@pytest.fixture
def own_server(target: Target, idle_server: UserServer) -> UserServer:
    """Lend a fresh running server that the check may do with as it likes."""
    idle_server.start(within=target.spawn.ready_within)
    return idle_server


@pytest.fixture(scope="session")
def standing_server(target: Target) -> Iterator[UserServer]:
    """Lend a running server that several checks look at; none may change it."""
    yield from _standing(target, "standing")


@pytest.fixture(scope="session")
def second_server(target: Target) -> Iterator[UserServer]:
    """Lend a running server of another user than `standing_server`."""
    yield from _standing(target, "second")


@pytest.fixture
def look_alikes(
    target: Target, evidence: Evidence, request: pytest.FixtureRequest
) -> Iterator[tuple[UserServer, UserServer]]:
    """Lend running servers of two personas whose names differ only in what careless volume names drop."""
    from hubproof.errors import CouldNotRunError  # noqa: PLC0415

    pair = target.profile.look_alikes()
    if pair is None:
        raise CouldNotRunError(
            "the profile lends no two user personas whose names look alike",
            next_step="add one such as ann.lee beside ann-lee",
        )
    name = _name_of(request)
    with _borrowed(target, name, pair[0]) as first, _borrowed(target, name, pair[1]) as second:
        sessions = [target.new_session(held.persona) for held in (first, second)]
        for session in sessions:
            session.login()
        with _server(target, sessions[0], evidence) as mine, _server(target, sessions[1], evidence) as theirs:
            for server in (mine, theirs):
                server.start(within=target.spawn.ready_within)
            yield mine, theirs


@pytest.fixture
def throwaway(target: Target) -> Iterator[Throwaway]:
    """Lend two pods of our own, one listening and one asking, away from everybody's."""
    from hubproof.cluster.probes import Throwaway  # noqa: PLC0415

    with Throwaway(target.cluster, target.profile, target.run_id) as pair:
        yield pair


def _standing(target: Target, name: str) -> Iterator[UserServer]:
    with _borrowed(target, name) as held:
        session = target.new_session(held.persona)
        session.login()
        with _server(target, session) as server:
            server.start(within=target.spawn.ready_within)
            yield server


def _name_of(request: pytest.FixtureRequest) -> str:
    info = info_of(request.node)
    return f"{info.id if info else request.node.name}{case_of(request.node)}"


def _borrowed(target: Target, borrower: str, *names: str, role: Role = "user") -> HeldPersona | LocalPersona:
    from hubproof.cluster.leases import acquire_persona  # noqa: PLC0415
    from hubproof.local_leases import acquire_local_persona  # noqa: PLC0415

    target.require_edge()
    # Who needs no look-alike leaves that pair to who does, as long as there are others.
    pair = target.profile.look_alikes() or ()
    others = tuple(one.name for one in target.profile.users(role) if one.name not in pair)
    names = names or others
    holder = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}/{borrower}"
    if target.profile.kube is None:
        return acquire_local_persona(target.profile, target.run_id, role, holder=holder, only=names)
    return acquire_persona(target.cluster, target.profile, target.run_id, role, holder=holder, only=names)


class _server:  # noqa: N801 - reads as the function that it is used as
    """Lends a persona's server, stopped before and after; its pod is captured when the check fails."""

    def __init__(self, target: Target, session: HubSession, evidence: Evidence | None = None) -> None:
        self._target, self._session, self._evidence = target, session, evidence

    def __enter__(self) -> UserServer:
        from hubproof.cluster.capture import capture_pod  # noqa: PLC0415

        target, evidence = self._target, self._evidence
        self._server = self._session.server()
        # A run that died may have left it running; who holds the persona may stop its server.
        self._server.stop(within=target.spawn.stopped_within)
        if evidence is not None:

            def capture() -> None:
                self._session.note_requests(evidence)
                for pod in target.cluster_pods(self._server.user):
                    capture_pod(target.cluster, evidence, target.namespace, pod["metadata"]["name"])

            evidence.on_failure("the user's pod", capture)
        return self._server

    def __exit__(self, *_: object) -> None:
        self._server.stop(within=self._target.spawn.stopped_within)
