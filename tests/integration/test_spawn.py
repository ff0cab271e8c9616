"""Do notebooks spawn? A server, its kernels, and what is left when it stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubproof.checking import check, expect
from hubproof.cluster.user_pods import claims_of, pods_of
from hubproof.errors import InconclusiveError
from hubproof.waiting import wait_for

if TYPE_CHECKING:
    from hubproof.evidence import Evidence
    from hubproof.hub.server import UserServer
    from hubproof.target import Target

EXACT = """
import sys
print("to stdout", 6 * 7)
print("to stderr", file=sys.stderr)
{"answer": 6 * 7}
"""
RAISING = "1 / 0"
RICH = """
from IPython.display import HTML
HTML("<b>rich</b>")
"""


@check(
    "spawn.ready",
    must="A server MUST be ready within the promised time, and where that time goes MUST be on record.",
    severity="critical",
    reach="act",
    criterion="notebooks spawn",
    promise="spawn",
    remedy="Read the anatomy: the longest stage names the part to look at. A stage that never came has its "
    "reason in the "
    "pod's events (kubectl describe pod) or in the hub's log.",
)
def test_server_is_ready_in_time(target: Target, idle_server: UserServer, evidence: Evidence) -> None:
    promised = target.spawn.ready_within
    anatomy = target.watched_spawn(idle_server, evidence, within=promised)
    expect(
        anatomy.seconds <= promised,
        promised=f"a server within {promised:g} s",
        observed=f"{anatomy.seconds:.1f} s; longest stage: {anatomy.longest()}",
        where=idle_server.url,
        repeat=f"curl -X POST -H 'Authorization: token …' {target.profile.url}/hub/api/users/{idle_server.user}/server",
    )


@check(
    "spawn.kernel",
    must="Every kernelspec MUST start, and code MUST return exactly the expected output, error and rich result.",
    severity="critical",
    reach="act",
    criterion="notebooks spawn",
    promise="spawn.kernels",
    remedy="Start the named kernel by hand in a terminal of the server: jupyter kernelspec list, then the argv of its "
    "kernel.json. A kernel that starts there and not here points at the websocket path through the proxies.",
)
def test_every_kernel_computes(target: Target, standing_server: UserServer, evidence: Evidence) -> None:
    offered = standing_server.kernelspecs()
    look = "jupyter kernelspec list  # in a terminal of the server"
    evidence.note("kernelspecs offered", sorted(offered), source=f"{standing_server.url}api/kernelspecs", command=look)
    missing = set(target.spawn.kernels) - set(offered)
    expect(
        not missing,
        promised=f"kernelspecs {', '.join(target.spawn.kernels)}",
        observed=f"offered are {', '.join(sorted(offered)) or 'none'}",
        where=standing_server.url,
        repeat=look,
    )
    for name in sorted(offered):
        with standing_server.kernel(name) as kernel:
            plain, failed, rich = (kernel.execute(code) for code in (EXACT, RAISING, RICH))
        wanted = ("ok", "to stdout 42\n", "to stderr\n", "{'answer': 42}")
        seen = (plain.status, plain.stdout, plain.stderr, plain.result.get("text/plain"))
        quoted = f"({', '.join(plain.quoted(one) for one in seen)})"
        by_hand = f"# in a notebook with kernel {name}\n{EXACT}"
        evidence.note(
            f"kernel {name}: status, stdout, stderr, result", quoted, source="the kernel's websocket", command=by_hand
        )
        expect(seen == wanted, promised=repr(wanted), observed=quoted, where=f"kernel {name}", repeat=by_hand)
        error = failed.error.ename if failed.error else None
        expect(
            (failed.status, error) == ("error", "ZeroDivisionError"),
            promised="status error, ZeroDivisionError",
            observed=f"status {failed.status}, {error}",
            where=f"kernel {name}",
            repeat=f"# in a notebook with kernel {name}\n{RAISING}",
        )
        html = rich.result.get("text/html")
        expect(
            html == "<b>rich</b>",
            promised="text/html <b>rich</b>",
            observed=rich.quoted(html),
            where=f"kernel {name}",
            repeat=f"# in a notebook with kernel {name}\n{RICH}",
        )


@check(
    "spawn.stop",
    must="Stopping a server MUST remove its pod and its route, keep its volume, and leave nothing else.",
    severity="critical",
    reach="act",
    criterion="notebooks spawn",
    promise="spawn",
    remedy="kubectl get pods,pvc -l component=singleuser-server and the hub's /hub/api/proxy show what stayed; look at "
    "delete_stopped_pods and at the hub's log for the stop.",
)
def test_stop_leaves_only_the_volume(target: Target, own_server: UserServer, evidence: Evidence) -> None:
    namespace, user = target.profile.namespace, own_server.user
    within = target.spawn.stopped_within
    route = target.route_of(own_server)
    before = {"pods": pods_of(target.cluster, namespace, user), "claims": claims_of(target.cluster, namespace, user)}
    if not before["pods"] or not route:
        raise InconclusiveError(f"the control failed: a running server must have pod and route, seen {before}, {route}")
    own_server.stop(within=within)
    wait_for(
        lambda: not pods_of(target.cluster, namespace, user) and not target.route_of(own_server),
        within=within,
        what="pod and route of the stopped server to go",
        last=lambda: f"pods {pods_of(target.cluster, namespace, user)}, route {target.route_of(own_server)}",
    )
    after = claims_of(target.cluster, namespace, user)
    look = f"kubectl -n {namespace} get pvc"
    evidence.note("claims before and after", [before["claims"], after], source="Kubernetes API", command=look)
    expect(
        after == before["claims"],
        promised=f"the claims {before['claims']} stay",
        observed=f"after the stop there are {after}",
        where=f"namespace {namespace}",
        repeat=look,
    )
