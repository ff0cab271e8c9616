"""User pods hold no key to the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubproof.checking import check, expect
from hubproof.cluster.rights import rights_of
from hubproof.errors import CouldNotRunError

if TYPE_CHECKING:
    from hubproof.evidence import Evidence
    from hubproof.hub.server import UserServer
    from hubproof.target import Target

LOOK = """
import glob
at = "run/secrets/kubernetes.io/serviceaccount/*"
print(sorted(glob.glob("/var/" + at) + glob.glob("/" + at)))
"""


@check(
    "rbac.users",
    must="User pods MUST have no account token and no rights.",
    severity="critical",
    reach="act",
    criterion="least privilege",
    promise="rbac",
    remedy="Set the spawner's automount_service_account_token to False, give user pods an account without "
    "bindings, and "
    "look for a bound token among the pod's projected volumes.",
)
def test_user_pods_have_no_token_and_no_rights(target: Target, standing_server: UserServer, evidence: Evidence) -> None:
    with standing_server.kernel() as kernel:
        seen = kernel.execute(LOOK)
    files, kernel_of = seen.quoted(seen.stdout), f"the kernel of {standing_server.user}"
    evidence.note("token files seen from the kernel", files, source=kernel_of, command=LOOK)
    expect(
        seen.stdout.strip() == "[]",
        promised="no account token in a user's pod",
        observed=f"{seen.quoted(seen.stdout.strip())}, the cell's status {seen.status}",
        where=f"pod of {standing_server.user}",
        repeat="in a notebook: ls /var/run/secrets/kubernetes.io/serviceaccount",
    )
    pods = target.cluster_pods(standing_server.user)
    if not pods:
        raise CouldNotRunError(f"the pod of {standing_server.user} was not found", where=target.namespace)
    account = pods[0]["spec"].get("serviceAccountName", "default")
    rights = rights_of(target.cluster, target.namespace, account)
    look = f"kubectl auth can-i --list --as system:serviceaccount:{target.namespace}:{account} -n {target.namespace}"
    held = [str(one) for one in rights]
    evidence.note(f"rights of the account {account}", held, source="Kubernetes API: roles and bindings", command=look)
    expect(
        not rights,
        promised=f"the account {account} of user pods has no rights",
        observed="; ".join(map(str, rights[:8])),
        where=f"service account {target.namespace}/{account}",
        repeat=look,
    )
