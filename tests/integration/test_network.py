"""Who reaches whom: the enforcement of policy itself, and what a user's pod can and cannot reach.

Every denial follows one pattern: a positive control, the claim, the control again; and it names how the connection
ended, since timed out, refused, no route and an unknown name are four different observations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubproof.checking import check, expect
from hubproof.cluster.capture import keep_policies
from hubproof.errors import InconclusiveError
from hubproof.reaching import DENIED, Compared, Matrix, broken, probe_from_kernel, told, unclear

if TYPE_CHECKING:
    from hubproof.cluster.probes import Observation, Throwaway
    from hubproof.evidence import Evidence
    from hubproof.hub.server import UserServer
    from hubproof.reaching import Destination
    from hubproof.target import Target

USERS_POD = "a user's pod"


@check(
    "network.enforced",
    must="The cluster MUST enforce NetworkPolicies: a throw-away deny-all stops a connection that worked, and "
    "removing it "
    "restores it.",
    severity="critical",
    reach="act",
    criterion="isolation",
    promise="network",
    remedy="Policies are objects that a network plugin may ignore. Look at which plugin the cluster runs, and "
    "whether its "
    "agent is up on every node.",
)
def test_policy_is_enforced_at_all(throwaway: Throwaway, evidence: Evidence) -> None:
    before = throwaway.wait_until("open", within=20)
    throwaway.deny_all()
    denied = throwaway.wait_until("timeout", "refused", "no-route", within=20)
    throwaway.allow_again()
    after = throwaway.wait_until("open", within=20)
    seen = {"before": before, "with deny-all": denied, "after": after}
    said = {name: told(one) for name, one in seen.items()}
    evidence.note("new connections between two pods", said, source="a probe pod", command=throwaway.repeat)
    if before.kind != "open" or after.kind != "open":
        raise InconclusiveError(f"the control failed: without a policy the two pods must reach each other; {seen}")
    expect(
        denied.kind in DENIED,
        promised="a deny-all policy stops new connections to the pod that it selects",
        observed=f"20 s after it was made a new connection is {told(denied)}",
        where=throwaway.where,
        repeat=throwaway.repeat,
    )


@check(
    "network.users",
    must="A user's pod MUST NOT reach another user's.",
    severity="critical",
    reach="act",
    criterion="isolation",
    promise="network",
    remedy="kubectl get networkpolicy: one must select the user pods for ingress and allow only the proxy and "
    "the hub. Look "
    "for a policy that allows port 8888 to more.",
)
def test_users_cannot_reach_each_other(
    target: Target, standing_server: UserServer, second_server: UserServer, evidence: Evidence
) -> None:
    keep_policies(target.cluster, evidence, target.namespace)
    matrix = Matrix(target)
    other = matrix.server_of(second_server)
    control = matrix.endpoint("hub")
    first, claim, last = probe_from_kernel(standing_server, [control], [other], [control])
    evidence.note(
        "from a user's pod",
        {"hub, before": told(first[0]), "the other": told(claim[0]), "after": told(last[0])},
        source=f"the kernel of {standing_server.user}",
        command=_in_a_notebook(standing_server, [other]),
    )
    doubt = _doubt(control.name, first[0], last[0])
    if not second_server.ready():
        doubt = f"the control failed: the server of {second_server.user} does not answer its own user"
    evidence.reach([Compared(USERS_POD, other, "closed", claim[0], doubt).as_dict()])
    if doubt and claim[0].kind != "open":
        raise InconclusiveError(doubt)
    expect(
        claim[0].kind in DENIED,
        promised=f"a new connection to {other} is stopped",
        observed=told(claim[0]),
        where=f"from the pod of {standing_server.user} to the pod of {second_server.user}",
        repeat=_in_a_notebook(standing_server, [other]),
    )


@check(
    "network.control",
    must="A user's pod MUST NOT reach the proxy's API, the hub's database, the kube API or the metadata address.",
    severity="critical",
    reach="act",
    criterion="isolation",
    promise="network.closed",
    makes="a probe pod in the probe namespace, shared by the run",
    remedy="kubectl get networkpolicy -o yaml: look at the egress rules of the policy that selects user pods, "
    "and at a too "
    "wide ipBlock; add the address to its `except`.",
)
def test_users_cannot_reach_the_control_plane(target: Target, standing_server: UserServer, evidence: Evidence) -> None:
    keep_policies(target.cluster, evidence, target.namespace)
    matrix = Matrix(target)
    closed = matrix.closed_to_users()
    alive = matrix.alive(closed)
    look = f"kubectl get endpointslices -A; kubectl -n {target.profile.probe.namespace} run … for an address"
    evidence.note(
        "are the targets alive, seen from elsewhere", alive, source="endpoints of Services; a probe pod", command=look
    )
    control = matrix.endpoint("hub")
    first, claims, last = probe_from_kernel(standing_server, [control], closed, [control])
    doubt = _doubt(control.name, first[0], last[0])
    dead = {name: doubt or state for name, state in alive.items() if doubt or state != "alive"}
    promises = [
        Compared(USERS_POD, to, "closed", seen, dead.get(str(to), "")) for to, seen in zip(closed, claims, strict=True)
    ]
    _keep(evidence, standing_server, promises)
    reached = broken(promises)
    if doubt and not reached:
        raise InconclusiveError(doubt)
    expect(
        not reached,
        promised=f"closed to users: {', '.join(map(str, closed))}",
        observed="; ".join(reached),
        where=f"from the pod of {standing_server.user}",
        repeat=_in_a_notebook(standing_server, [one.to for one in promises if one.verdict == "broken"]),
    )
    if nothing := unclear(promises):
        raise InconclusiveError(f"not reached, but that says nothing: {'; '.join(nothing)}")


@check(
    "network.needed",
    must="A user's pod MUST reach what it needs: DNS, the hub's API, the promised services.",
    severity="critical",
    reach="act",
    criterion="platform services work",
    promise="network.open",
    remedy="Look at the egress rules of the policy that selects user pods, then at the ingress policy of the "
    "service that "
    "was not reached: both ends must allow.",
)
def test_users_reach_what_they_need(target: Target, standing_server: UserServer, evidence: Evidence) -> None:
    keep_policies(target.cluster, evidence, target.namespace)
    matrix = Matrix(target)
    needed = matrix.open_to_users()
    (seen,) = probe_from_kernel(standing_server, needed)
    promises = [Compared(USERS_POD, to, "open", one) for to, one in zip(needed, seen, strict=True)]
    _keep(evidence, standing_server, promises)
    missing = broken(promises)
    expect(
        not missing,
        promised=f"open to users: {', '.join(map(str, needed))}",
        observed="; ".join(missing),
        where=f"from the pod of {standing_server.user}",
        repeat=_in_a_notebook(standing_server, [one.to for one in promises if one.verdict == "broken"]),
    )


def _keep(evidence: Evidence, server: UserServer, promises: list[Compared]) -> None:
    """Keep what was seen from a user's pod, in words and for the report's grid."""
    evidence.note(
        "from a user's pod",
        {str(one.to): told(one.seen) for one in promises},
        source=f"the kernel of {server.user}",
        command=_in_a_notebook(server, [one.to for one in promises]),
    )
    evidence.reach(one.as_dict() for one in promises)


def _in_a_notebook(server: UserServer, destinations: list[Destination]) -> str:
    """Return lines that try each destination in a notebook: they end at once, or after two seconds with why."""
    lines = [
        f"socket.create_connection(({one.host!r}, {one.port}), 2)"
        if one.protocol == "tcp"
        else "socket.getaddrinfo('kubernetes.default', 443)  # asks DNS"
        for one in destinations
    ]
    return "\n".join([f"# in a notebook of {server.user}", "import socket", *lines]) if lines else ""


def _doubt(name: str, *seen: Observation) -> str:
    """Say why denials beside this control prove nothing; nothing when the control held."""
    if all(one.kind == "open" for one in seen):
        return ""
    return f"the control failed: {name} must be open to users, and is {' then '.join(told(one) for one in seen)}"
