"""Starts, adopts and ends the lab of this machine: the order in which its parts come and go.

One lab per machine, whoever starts it. `hold` is the lock; `up` adopts a running lab of the same build and replaces any
other; `down` removes every trace of it but what was built.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from hubproof.errors import HubproofError
from hubproof.lab import bootstrap, deploy, images, node_process
from hubproof.lab.commands import full_disk_told
from hubproof.lab.facts import LabFacts, LabStatus, Record, boot_id, forget_record, read_record
from hubproof.lab.holding import hold, holder
from hubproof.lab.host_state import (
    leftovers,
    loop_nodes,
    make_folders,
    read_sysctls,
    remove_folders,
    remove_loops,
    restore_sysctls,
)
from hubproof.lab.image_store import Archive, add_to_node, digests, read_archive, reference_of, update_template
from hubproof.lab.kube_api import KubeApi, read_kubeconfig
from hubproof.lab.layout import MACHINE, NODES, Layout
from hubproof.lab.machine import install_packages, require_machine
from hubproof.lab.network import HOSTS, make_network, remove_network
from hubproof.lab.node_config import CONTAINERD_SOCKET
from hubproof.lab.pki import make_cluster_pki
from hubproof.lab.programs import ProgramBuild
from hubproof.progress import Progress
from hubproof.resources import resource
from hubproof.waiting import wait_for

__all__ = ["down", "facts", "hold", "holder", "ignore_policies", "leftovers", "status", "up"]

_BOOT_WITHIN = 90.0
_OWN_CODE = ("network", "node_process", "pki", "bootstrap")
"""Modules besides those that run in nodes whose change makes another lab."""


def up(progress: Progress, who: str = "lab up") -> LabFacts:
    """Build what is missing, boot the lab or adopt the running one, and deploy the reference into it.

    Args:
        progress: is told each step.
        who: for whom the lab is held meanwhile.

    Raises:
        HubproofError: this machine cannot run a lab, something could not be built, or the lab did not become healthy.

    """
    require_machine()
    with hold(who, progress), full_disk_told():
        install_packages(progress)
        layout = Layout.default()
        programs_digest, archives = _build(progress)
        build = _build_digest(programs_digest, archives)
        running = read_record()
        if running and _can_adopt(running, build):
            layout = running.layout
            progress.say(f"using the lab that has run for {(time.time() - running.started) / 60:.0f} min")
            _bring_images(running, archives, progress)
        else:
            if running or leftovers():
                with progress.step("removing the lab that another build or a crash left"):
                    _remove()
            _boot(layout, build, archives, progress)
        given = LabFacts.of(layout)
        deploy.deploy(progress, given)
        bootstrap.give_runner_rights(layout, read_kubeconfig(layout.admin_kubeconfig))
        return given


def down(progress: Progress, who: str = "lab down") -> None:
    """End the lab and remove every trace of it; what was built stays in the cache.

    Raises:
        HubproofError: something could not be removed.

    """
    require_machine()
    with hold(who, progress):
        if not leftovers():
            progress.say("no lab runs")
            return
        with progress.step("stopping the lab"):
            _remove()
        left = leftovers()
        if left:
            raise HubproofError("the lab left traces", where="\n".join(left), next_step="run hubproof lab down again")


def status() -> LabStatus:
    """Return how the lab is now; changes nothing."""
    record = read_record()
    if not record:
        left = leftovers()
        lines = ("no lab runs", *(f"left over: {trace}" for trace in left))
        return LabStatus(running=False, healthy=False, detail=lines, holder=holder())
    minutes = (time.time() - record.started) / 60
    lines = (f"lab in {record.root}, started {minutes:.0f} min ago, build {record.build[:12]}",)
    if record.boot != boot_id():
        return LabStatus(running=False, healthy=False, detail=(*lines, "the machine has restarted since"))
    api = _api_of(record)
    if api is None or not api.ready():
        return LabStatus(
            running=True, healthy=False, detail=(*lines, "its API server does not answer"), holder=holder()
        )
    ready = bootstrap.nodes_ready(api)
    lines += tuple(f"node {name}: {'ready' if ready.get(name) else 'NOT ready'}" for name in NODES)
    return LabStatus(running=True, healthy=_all_ready(ready), detail=lines, holder=holder())


def facts() -> LabFacts:
    """Return where the running lab is reached.

    Raises:
        HubproofError: none runs.

    """
    record = read_record()
    if not record:
        raise HubproofError("no lab runs on this machine", next_step="hubproof lab up")
    return LabFacts.of(record.layout)


def ignore_policies(*, on: bool) -> None:
    """Make the nodes ignore every NetworkPolicy, or enforce them again: the seeded defect of a CNI that does not."""
    switch = Layout(facts().state_dir).ignore_policies
    if on:
        switch.touch()
    else:
        switch.unlink(missing_ok=True)


def _build(progress: Progress) -> tuple[str, list[Archive]]:
    """Build programs and images at the same time: the one computes, the other mostly waits for the network."""
    programs = ProgramBuild(progress)
    with ThreadPoolExecutor(max_workers=2) as pool:
        built = pool.submit(programs.run)
        made = pool.submit(images.build_images, progress, programs.wait_for)
        digest = built.result()
        return digest, [read_archive(Path(path)) for path in made.result()]


def _build_digest(programs_digest: str, archives: Sequence[Archive]) -> str:
    """Return what tells labs apart that cannot be adopted for each other; images that pods use are added instead."""
    own = [Path(__file__).with_name(f"{name}.py").read_bytes() for name in _OWN_CODE]
    manifests = [path.read_bytes() for path in sorted(resource("fixtures", "lab", "manifests").glob("*.yaml"))]
    base = [reference_of(archives, name).encode() for name in ("pause", "coredns")]
    parts = [programs_digest.encode(), node_process.staged_digest().encode(), *base, *own, *manifests]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _can_adopt(running: Record, build: str) -> bool:
    if running.build != build or running.boot != boot_id():
        return False
    if not running.complete or running.layout.seeded_defect.exists():
        return False
    api = _api_of(running)
    return api is not None and api.ready() and _all_ready(bootstrap.nodes_ready(api))


def _api_of(record: Record) -> KubeApi | None:
    """Return the recorded lab's API; None when its certificates are gone, or were never made."""
    try:
        return read_kubeconfig(record.layout.admin_kubeconfig)
    except (OSError, ValueError, KeyError):
        return None


def _all_ready(ready: dict[str, bool]) -> bool:
    return all(ready.get(name, False) for name in NODES)


def _bring_images(running: Record, archives: Sequence[Archive], progress: Progress) -> None:
    """Give a running lab the images that have been built since it was started."""
    missing = [archive for archive in archives if running.images.get(archive.reference) != archive.digest]
    if not missing:
        return
    with progress.step(f"bringing {len(missing)} new images to the nodes"), ThreadPoolExecutor() as pool:
        firsts = [node_process.first_process(node) for node in NODES]
        list(pool.map(lambda pid: add_to_node(pid, missing, CONTAINERD_SOCKET), firsts))
    running.images.update(digests(archives))
    running.write()


def _boot(layout: Layout, build: str, archives: Sequence[Archive], progress: Progress) -> None:
    update_template(layout, archives, progress)
    with progress.step("booting two nodes"):
        record = Record(
            str(layout.root), build, boot_id(), time.time(), digests(archives), read_sysctls(), loop_nodes()
        )
        record.write()
        try:
            record.folders.extend(make_folders())
            record.write()
            make_cluster_pki(layout)
            make_network()
            for mark in (layout.ignore_policies, layout.seeded_defect):
                mark.unlink(missing_ok=True)
            node_process.start_outside(layout)
            pause, coredns = (reference_of(archives, name) for name in ("pause", "coredns"))
            for node in NODES:
                node_process.start_node(layout, node, pause)
            api = read_kubeconfig(layout.admin_kubeconfig)
            _await_nodes(layout, api, coredns)
            replace(record, complete=True).write()
        except BaseException:
            _remove()
            raise


def _await_nodes(layout: Layout, api: KubeApi, coredns: str) -> None:
    def explain() -> str:
        return "\n".join(node_process.ends_of(layout, node) for node in NODES)

    wait_for(api.ready, within=_BOOT_WITHIN, what="the lab's API server", every=0.05, last=explain)
    bootstrap.apply_manifests(layout, coredns)
    wait_for(lambda: _all_ready(bootstrap.nodes_ready(api)), within=_BOOT_WITHIN, what="both nodes", last=explain)


def _remove() -> None:
    """End everything that a lab has on this machine, in whatever state it is."""
    record = read_record()
    layout = record.layout if record else Layout.default()
    with ThreadPoolExecutor() as pool:
        list(pool.map(node_process.end, HOSTS))
        parts = [pool.submit(remove_network), pool.submit(_remove_files, layout)]
        if record:
            parts.append(pool.submit(remove_loops, record.loops))
        for part in parts:
            part.result()
    if record:
        if record.boot == boot_id():
            restore_sysctls(record.sysctls)
        remove_folders(record.folders)
    forget_record()


def _remove_files(layout: Layout) -> None:
    """Remove what nodes had on disk; their logs stay for whoever looks for a reason."""
    for node in NODES:
        for name in ("containerd", "kubelet", "ipam", "etcd", "volumes", "pod-logs"):
            shutil.rmtree(layout.node(node) / name, ignore_errors=True)
    for stale in MACHINE.glob("import-*"):
        shutil.rmtree(stale, ignore_errors=True)
