"""Are quotas enforced: on each pod, on each kernel, on the namespace?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubproof.checking import check, expect
from hubproof.cluster.quotas import dry_run_pod, used_and_hard
from hubproof.cluster.user_pods import pods_of
from hubproof.errors import InconclusiveError
from hubproof.hub.kernel import KernelDiedError
from hubproof.units import quantity
from hubproof.waiting import wait_for

if TYPE_CHECKING:
    from hubproof.evidence import Evidence
    from hubproof.hub.server import UserServer
    from hubproof.target import Target

TAKE = """
import mmap
pages = mmap.mmap(-1, {size})
for start in range(0, {size}, 1 << 20):
    pages[start:start + 1] = b"x"
    pages[start:start + (1 << 20)] = b"x" * (1 << 20)
print("took", {size})
"""


@check(
    "quota.limits",
    must="User pods MUST carry the promised requests and limits.",
    severity="major",
    reach="act",
    criterion="quotas enforced",
    promise="quota",
    remedy="Compare the container's resources in the evidence with the spawner's mem_limit, cpu_limit and "
    "guarantees, and "
    "with a LimitRange of the namespace.",
)
def test_user_pods_are_limited_as_promised(target: Target, standing_server: UserServer, evidence: Evidence) -> None:
    quota = target.quota
    promised = {
        ("limits", "memory"): quota.memory,
        ("limits", "cpu"): quota.cpu,
        ("requests", "memory"): quota.memory_request,
        ("requests", "cpu"): quota.cpu_request,
    }
    pods = target.cluster_pods(standing_server.user)
    for pod in pods:
        resources = pod["spec"]["containers"][0].get("resources", {})
        look = f"kubectl -n {target.namespace} get pod {pod['metadata']['name']} -o yaml"
        evidence.note(f"resources of {pod['metadata']['name']}", resources, source="Kubernetes API", command=look)
        for (kind, name), wanted in promised.items():
            seen = resources.get(kind, {}).get(name)
            expect(
                wanted is None or (seen is not None and quantity(seen) == quantity(wanted)),
                promised=f"{kind}.{name} is {wanted}",
                observed=f"{kind}.{name} is {seen or 'not set'}",
                where=f"pod {pod['metadata']['name']}, first container",
                repeat=look,
            )


@check(
    "quota.memory",
    must="Taking more memory than the limit MUST end that kernel or container only, and its user MUST be told.",
    severity="critical",
    reach="act",
    criterion="quotas enforced",
    promise="quota.memory",
    remedy="If the memory was granted, the limit is not enforced: look at the pod's limits and the node's cgroups. If "
    "nobody was told, look at the kernel's websocket: a restarting status has no parent and is easily filtered out.",
)
def test_memory_limit_ends_the_kernel_only(target: Target, own_server: UserServer, evidence: Evidence) -> None:
    limit = int(quantity(target.quota.memory or "0"))
    within, beyond = limit // 4, limit + (64 << 20)
    pod_before = pods_of(target.cluster, target.namespace, own_server.user)
    neighbour = own_server.kernel()
    neighbour.start()
    neighbour.execute("kept = 'still here'")
    with own_server.kernel() as kernel:
        modest = kernel.execute(TAKE.format(size=within), timeout=30)
        if modest.status != "ok":
            raise InconclusiveError(f"the control failed: taking {within} bytes, a quarter of the limit, did not work")
        told = None
        try:
            greedy = kernel.execute(TAKE.format(size=beyond), timeout=60)
            answer = {"status": greedy.status, "stdout": greedy.quoted(greedy.stdout)}
            evidence.note("greedy cell", answer, source="the kernel", command=TAKE.format(size=beyond))
            expect(
                greedy.status != "ok",
                promised=f"{beyond} bytes are refused by a limit of {target.quota.memory}",
                observed=f"the cell ended with status ok: {greedy.quoted(greedy.stdout)}",
                where=f"pod {pod_before}",
                repeat=f"# in a notebook of {own_server.user}\n{TAKE.format(size=beyond)}",
            )
            told = f"status {greedy.status}, {greedy.error.ename if greedy.error else 'no error'}"
        except KernelDiedError as died:
            told = died.happened
    evidence.note("what the user was told", told, source="the kernel's websocket", command=TAKE.format(size=beyond))
    wait_for(own_server.ready, within=30, what="the server to answer again after its kernel was killed")
    after = pods_of(target.cluster, target.namespace, own_server.user)
    expect(
        after == pod_before,
        promised="the user's pod lives on",
        observed=f"pods before {pod_before}, after {after}",
        where=f"namespace {target.namespace}",
        repeat=f"kubectl -n {target.namespace} get pods -l component=singleuser-server",
    )
    with own_server.kernel() as fresh:
        again = fresh.execute("print('works')")
    expect(
        again.stdout == "works\n",
        promised="a new kernel starts and computes after the kill",
        observed=f"status {again.status}, output {again.quoted(again.stdout)}",
        where=own_server.url,
        repeat=f"# in a new notebook of {own_server.user}\nprint('works')",
    )


@check(
    "quota.namespace",
    must="The ResourceQuota MUST be the promised one, and a pod that would exceed it MUST be refused.",
    severity="critical",
    reach="act",
    criterion="quotas enforced",
    promise="quota.namespace",
    remedy="kubectl describe resourcequota shows promised and used; without a quota for a resource the namespace "
    "can fill "
    "the cluster.",
)
def test_namespace_quota_is_promised_and_refuses(target: Target, evidence: Evidence) -> None:
    found = used_and_hard(target.cluster, target.namespace)
    look = f"kubectl -n {target.namespace} describe resourcequota"
    evidence.note("resource quotas", found, source="Kubernetes API", command=look)
    for name, wanted in target.quota.namespace.items():
        hard = [one["hard"][name] for one in found if name in one["hard"]]
        expect(
            any(quantity(seen) == quantity(wanted) for seen in hard),
            promised=f"{name} is limited to {wanted}",
            observed=f"{name} is limited to {', '.join(hard)}" if hard else f"no ResourceQuota limits {name}",
            where=f"namespace {target.namespace}",
            repeat=look,
        )
    modest = dry_run_pod(target.cluster, target.namespace, target.run_id, memory="16Mi", cpu="10m")
    if modest:
        raise InconclusiveError(f"the control failed: even a small pod is refused: {modest}")
    refused = dry_run_pod(target.cluster, target.namespace, target.run_id, memory="900Gi", cpu="900")
    greedy = f"kubectl -n {target.namespace} create --dry-run=server -f POD  # one that asks for 900Gi and 900 CPUs"
    answer = refused or "accepted"
    evidence.note("answer to a pod of 900Gi and 900 CPUs", answer, source="Kubernetes API", command=greedy)
    expect(
        "exceeded quota" in refused,
        promised="a pod of 900Gi and 900 CPUs is refused because of the quota",
        observed=refused or "it is accepted",
        where=f"namespace {target.namespace} (server-side dry run: nothing was made)",
        repeat=f"kubectl -n {target.namespace} run big --image=x --dry-run=server --overrides=…",
    )
