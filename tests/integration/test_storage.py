"""Does storage persist, and is a home its owner's alone?"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from hubproof.checking import check, expect
from hubproof.cluster.user_pods import claims_of, home_claim, pods_of
from hubproof.errors import CouldNotRunError, InconclusiveError

if TYPE_CHECKING:
    from hubproof.evidence import Evidence
    from hubproof.hub.server import UserServer
    from hubproof.target import Target

SIZE = 256 * 1024


@check(
    "storage.persist",
    must="A file that a user writes MUST be there, byte for byte, after their server stops and starts, on the "
    "same volume.",
    severity="critical",
    reach="act",
    criterion="storage persists",
    promise="storage",
    remedy="Look at the volumes of the user's pod: the home must be a persistentVolumeClaim. If the claim "
    "changed between "
    "the two starts, look at pvc_name_template and at what deleted the first (retention).",
)
def test_home_survives_restart(target: Target, own_server: UserServer, evidence: Evidence) -> None:
    name = f"hubproof-{target.run_id}.bin"
    written = secrets.token_bytes(SIZE)
    own_server.put_file(name, written)
    if own_server.get_file(name) != written:
        raise InconclusiveError("the control failed: the file does not read back before any restart")
    before = home_claim(target.cluster, target.namespace, own_server.user)
    own_server.stop(within=target.spawn.stopped_within)
    own_server.start(within=target.spawn.ready_within)
    after = home_claim(target.cluster, target.namespace, own_server.user)
    look = f"kubectl -n {target.namespace} get pods -l component=singleuser-server -o yaml | grep claimName"
    evidence.note("home volume before and after", [before, after], source="Kubernetes API", command=look)
    read = own_server.get_file(name)
    expect(
        read == written,
        promised=f"{SIZE} bytes with SHA-256 {hashlib.sha256(written).hexdigest()[:16]}… on volume {before}",
        observed="the file is gone"
        if read is None
        else f"{len(read)} bytes with SHA-256 {hashlib.sha256(read).hexdigest()[:16]}…",
        where=f"{name} in the home of {own_server.user}, volume now {after}",
        repeat=f"kubectl -n {target.namespace} get pvc,pv",
    )
    expect(
        before == after and before is not None,
        promised="the home is the same volume claim after the restart",
        observed=f"before {before}, after {after}",
        where=f"pod of {own_server.user}",
        repeat=f"kubectl -n {target.namespace} get pods -o yaml",
    )
    own_server.delete_file(name)


@check(
    "storage.private",
    must="Look-alike user names MUST NOT share a home, and no user may read another's files.",
    severity="critical",
    reach="act",
    criterion="isolation",
    promise="storage",
    remedy="Compare the claims of the two users' pods. If they are one, the template of the claim's name drops what "
    "tells the names apart: use KubeSpawner's own slug scheme.",
)
def test_look_alike_names_have_homes_of_their_own(
    target: Target, look_alikes: tuple[UserServer, UserServer], evidence: Evidence
) -> None:
    mine, theirs = look_alikes
    claims = {one.user: claims_of(target.cluster, target.namespace, one.user) for one in look_alikes}
    mounted = {one.user: home_claim(target.cluster, target.namespace, one.user) for one in look_alikes}
    look = f"kubectl -n {target.namespace} get pods -l component=singleuser-server -o yaml | grep claimName"
    evidence.note("claims", claims, source="Kubernetes API", command=f"kubectl -n {target.namespace} get pvc")
    evidence.note("home volume in the pod", mounted, source="Kubernetes API", command=look)
    if not all(pods_of(target.cluster, target.namespace, one.user) for one in look_alikes):
        raise CouldNotRunError("the pods of the two users were not found", where=f"namespace {target.namespace}")
    name = f"hubproof-{target.run_id}-private.txt"
    mine.put_file(name, b"for my eyes only")
    if mine.get_file(name) is None:
        raise InconclusiveError("the control failed: its owner cannot read the file")
    seen = theirs.get_file(name)
    expect(
        seen is None and mounted[mine.user] != mounted[theirs.user],
        promised=f"{mine.user} and {theirs.user} have homes of their own",
        observed=f"{theirs.user} {'sees' if seen is not None else 'does not see'} the file of {mine.user}; "
        f"home volumes are {mounted}",
        where=f"namespace {target.namespace}",
        repeat=look,
    )
    crossed = theirs.session.get(f"{mine.url}api/contents/{name}")
    expect(
        crossed.status_code in {401, 403, 404},
        promised=f"{theirs.user} is refused at the server of {mine.user}",
        observed=f"status {crossed.status_code}",
        where=mine.url,
        repeat=f"as {theirs.user}, open {mine.url}api/contents/{name}",
    )
    mine.delete_file(name)
