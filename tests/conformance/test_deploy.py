"""Is what was delivered there, all of it, and nothing else?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubproof.checking import check, expect
from hubproof.errors import CouldNotRunError
from hubproof.run import RUN_LABEL

if TYPE_CHECKING:
    from hubproof.evidence import Evidence
    from hubproof.target import Target

USER_PODS = "singleuser-server"


@check(
    "deploy.inventory",
    must="Every resource that the release promises MUST exist, and nothing unpromised may run in the namespace.",
    severity="major",
    reach="observe",
    criterion="delivery",
    promise="deploy.inventory",
    remedy="What is missing: look at the last delivery (helm status, Argo CD). What is too much: find out who "
    "made it, then "
    "remove it or add it to the release.",
)
def test_everything_promised_and_nothing_else(target: Target, evidence: Evidence) -> None:
    promised = target.promises.deploy
    if promised is None:
        raise CouldNotRunError("the profile promises no inventory")
    missing = [
        f"{kind} {name}"
        for kind, names in promised.inventory.items()
        for name in names
        if target.cluster.get(kind, name, target.namespace) is None
    ]
    look = f"kubectl -n {target.namespace} get {','.join(promised.inventory)}"
    evidence.note("missing", missing, source="Kubernetes API", command=look)
    expect(
        not missing,
        promised=f"{sum(map(len, promised.inventory.values()))} resources of the release",
        observed=f"missing: {', '.join(missing)}",
        where=f"namespace {target.namespace}",
        repeat=look,
    )
    if not promised.nothing_else:
        return
    strangers = _strangers(target, promised.inventory)
    look = f"kubectl -n {target.namespace} get pods -L component"
    evidence.note("running and not promised", strangers, source="Kubernetes API", command=look)
    expect(
        not strangers,
        promised="nothing runs but the release, users' servers and hubproof's own pods",
        observed=", ".join(strangers),
        where=f"namespace {target.namespace}",
        repeat=look,
    )


def _strangers(target: Target, inventory: dict[str, list[str]]) -> list[str]:
    """Return what runs in the namespace and belongs to nothing that is promised."""
    sets = {one["metadata"]["name"]: _owners(one) for one in target.cluster.list("ReplicaSet", target.namespace)}
    found = []
    for pod in target.cluster.list("Pod", target.namespace):
        labels = pod["metadata"].get("labels", {})
        if labels.get("component") == USER_PODS or RUN_LABEL in labels:
            continue
        owners = _owners(pod)
        owners |= {owner for kind, name in owners if kind == "ReplicaSet" for owner in sets.get(name, set())}
        if not any(name in inventory.get(kind, []) for kind, name in owners):
            by = ", ".join(f"{kind} {name}" for kind, name in sorted(owners)) or "nobody"
            found.append(f"Pod {pod['metadata']['name']} (made by {by})")
    return found


def _owners(thing: dict[str, object]) -> set[tuple[str, str]]:
    metadata = thing["metadata"]
    references = metadata.get("ownerReferences", []) if isinstance(metadata, dict) else []
    return {(one["kind"], one["name"]) for one in references}
