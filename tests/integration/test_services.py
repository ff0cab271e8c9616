"""Platform services, from inside a user's kernel, with what that user was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubproof.checking import check, expect
from hubproof.errors import TargetError
from hubproof.services import round_trip
from hubproof.services.postgresql import postgresql_cell

if TYPE_CHECKING:
    from hubproof.evidence import Evidence
    from hubproof.hub.server import UserServer
    from hubproof.target import Target


@check(
    "services.postgresql",
    must="From inside a user's kernel, with what that user was given, a round trip through PostgreSQL MUST work "
    "within the "
    "promise: make a table, write, read back, remove it.",
    severity="critical",
    reach="act",
    criterion="platform services work",
    promise="services.postgresql",
    remedy="The step named in the observation is the first that did not work. Connect: name, policy, port. Sign "
    "in: the "
    "credentials in the server's environment. Make: the rights of that account.",
)
def test_postgresql_round_trip(target: Target, standing_server: UserServer, evidence: Evidence) -> None:
    service = target.promises.services.postgresql if target.promises.services else None
    if service is None:
        raise TargetError("the profile promises no PostgreSQL")
    cell = postgresql_cell(service, target.run_id)
    trip = round_trip(standing_server, cell)
    by_hand = f"# in a notebook of {standing_server.user}, with what its environment gives\n{cell}"
    evidence.note("round trip", trip.as_dict(), source=f"the kernel of {standing_server.user}", command=by_hand)
    where = f"{service.host}:{service.port} from the pod of {standing_server.user}"
    expect(
        trip.complete,
        promised="connect, sign in, make, write, read back, remove",
        observed=f"{trip.done_steps()}, then {trip.failed_step}: {trip.error}",
        where=where,
        repeat=by_hand,
    )
    expect(
        trip.seconds <= service.within,
        promised=f"the round trip takes at most {service.within:g} s",
        observed=f"{trip.seconds:.2f} s",
        where=where,
        repeat=by_hand,
    )
