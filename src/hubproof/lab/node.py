"""The first process of a node: everything the node is made of runs below it, and ends with it.

`enter` puts the process into the node's control groups and replaces it by one in namespaces of its own (network,
mounts, process ids, host name, IPC); there `main` makes the mounts, writes the configuration, starts the programs and
restarts those that end, as an init system would. Runs from the lab's own copy of these modules, never from a checkout.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hubproof.lab import cgroups, node_config, policy_cni
from hubproof.lab.kube_api import read_kubeconfig, say
from hubproof.lab.layout import DNS_SERVICE, Layout, namespace_of
from hubproof.lab.node_config import NodeSetup
from hubproof.waiting import wait_for

PRIVATE_FOLDERS = (
    "/run", "/var/lib/cni", "/var/lib/kubelet", "/usr/libexec/kubernetes", "/var/log/containers",
)  # fmt: skip
"""Where containerd, CNI and the kubelet leave things at fixed places: each node gets its own, which go with it."""
_API_WITHIN = 60.0
_SNAPSHOTS = Path("io.containerd.snapshotter.v1.overlayfs", "snapshots")
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_SHARED = 0x1, 0x20, 0x1000, 0x4000, 0x100000


def _mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), target.encode(), kind.encode(), flags, data.encode()):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {source} on {target}: {os.strerror(number)}")


def prepare_mounts() -> None:
    """Make the node's own view of the file system."""
    _mount("", "/", flags=_MS_REC | _MS_SHARED)  # shared below here only, so that Bidirectional propagation works
    _mount("proc", "/proc", "proc")
    for folder in PRIVATE_FOLDERS:
        _mount("lab", folder, "tmpfs", data="mode=755")
    for name in ("netns", "lock", "containerd", Path(node_config.CNI_PROGRAMS).name):
        Path("/run", name).mkdir()


def prepare_cni() -> None:
    """Gather the CNI programs in one folder: Debian's and the policy plugin, which is a copy of `policy_cni`."""
    programs = Path(node_config.CNI_PROGRAMS)
    for program in Path("/usr/lib/cni").iterdir():
        (programs / program.name).symlink_to(program)
    plugin = programs / node_config.POLICY_PLUGIN
    source = Path(policy_cni.__file__).read_text(encoding="utf-8")
    plugin.write_text(f"#!{sys.executable} -ISS\n{source}", encoding="utf-8")
    plugin.chmod(0o755)


def take_images(template: Path, root: Path) -> None:
    """Give containerd a root of its own with all images, without copying or even linking their files.

    Content is hard-linked and the databases are copied, since two containerds must never share one. The layers, which
    nobody writes, are mounted read-only from the template: some dozen mounts instead of some ten thousand links.
    """
    for path in _template_files(template):
        target = root / path.relative_to(template)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".db":
            shutil.copy2(path, target)
        else:
            os.link(path, target)
    for layer in sorted((template / _SNAPSHOTS).iterdir()):
        target = root / _SNAPSHOTS / layer.name / "fs"
        target.mkdir(parents=True)
        (target.parent / "work").mkdir()
        shutil.copystat(layer, target.parent)
        _mount(str(layer / "fs"), str(target), flags=_MS_BIND)
        _mount("", str(target), flags=_MS_BIND | _MS_REMOUNT | _MS_RDONLY)


def _template_files(template: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(template):
        if Path(folder).relative_to(template) == _SNAPSHOTS:
            folders.clear()
            continue
        for name in files:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _set_sysctls() -> None:
    for name, value in (
        ("net/ipv4/ip_forward", "1"),
        # A pod that reaches itself through a Service leaves by the interface that it came in on.
        ("net/ipv4/conf/all/send_redirects", "0"),
        ("net/ipv4/conf/default/send_redirects", "0"),
        ("net/ipv6/conf/all/disable_ipv6", "1"),
    ):
        path = Path("/proc/sys", name)
        if path.exists():
            path.write_text(value, encoding="utf-8")


def _write_config(node: NodeSetup) -> None:
    for name in ("kubelet", "etcd", "logs", "cni", "ipam", "pod-logs", "volumes"):
        (node.folder / name).mkdir(parents=True, exist_ok=True)
    (node.folder / "containerd.toml").write_text(node_config.containerd_toml(node), encoding="utf-8")
    (node.folder / "cni" / "10-lab.conflist").write_text(node_config.cni_conflist(node), encoding="utf-8")
    (node.folder / "kubelet.json").write_text(node_config.kubelet_config(node), encoding="utf-8")
    (node.folder / "resolv.conf").write_text(f"nameserver {DNS_SERVICE}\n", encoding="utf-8")


@dataclass
class _Service:
    name: str
    command: list[str]
    started: float = 0.0


class Services:
    """Starts programs, reaps whatever ends, and starts again those programs that did.

    Args:
        logs: folder of one log per program.

    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._lock = threading.Lock()
        self._running: dict[int, _Service] = {}

    def start(self, name: str, command: list[str]) -> None:
        """Start a program and keep it running."""
        self._spawn(_Service(name, command))

    def _spawn(self, service: _Service) -> None:
        with self._lock, (self._logs / f"{service.name}.log").open("ab") as log:
            process = subprocess.Popen(service.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            process.returncode = 0  # reaped below; Popen must not wait for it as well
            service.started = time.monotonic()
            self._running[process.pid] = service

    def reap(self) -> None:
        """Wait for children to end, for ever; as process 1 this includes every orphan of the node."""
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                time.sleep(0.05)  # nothing has been started yet
                continue
            with self._lock:
                service = self._running.pop(pid, None)
            if service:
                say(f"{service.name} ended with status {os.waitstatus_to_exitcode(status)}; starting it again")
                delay = max(0.1, 1.0 - (time.monotonic() - service.started))
                threading.Timer(delay, self._spawn, (service,)).start()


def start_programs(node: NodeSetup, services: Services) -> None:
    """Start everything in the order in which each is needed."""
    services.start("containerd", ["containerd", "-c", str(node.folder / "containerd.toml")])
    if node.is_first:
        services.start("etcd", node_config.control_plane_store(node))
        services.start("kube-apiserver", node_config.api_server(node))
    api = read_kubeconfig(node.layout.admin_kubeconfig)
    wait_for(api.ready, within=_API_WITHIN, what="the API server", every=0.05)
    say("the API server is ready")
    programs = node_config.node_programs(node, sys.executable)
    if node.is_first:
        programs |= node_config.controllers(node)
    for name, command in programs.items():
        services.start(name, command)


def enter(arguments: list[str], name: str) -> None:
    """Become the node: join its control groups and network, and start over in new namespaces."""
    cgroups.enter(name)
    os.execvp("nsenter", [  # noqa: S606 - the process itself becomes the node; nothing is to wait for it
        "nsenter", f"--net=/run/netns/{namespace_of(name)}",
        "unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--propagation", "private",
        sys.executable, "-P", "-m", "hubproof.lab.node", "--inside", *arguments,
    ])  # fmt: skip


def main() -> None:
    """Run the node that the command line describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", action="store_true", help="already in the node's namespaces, as process 1")
    parser.add_argument("name")
    parser.add_argument("root", type=Path)
    parser.add_argument("pause")
    given = parser.parse_args()
    if not given.inside:
        enter(sys.argv[1:], given.name)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    node = NodeSetup(given.name, Layout(given.root), given.pause, reserved_mib=memory // 2)
    prepare_mounts()
    socket.sethostname(node.name)
    _set_sysctls()
    prepare_cni()
    _write_config(node)
    take_images(node.layout.image_root, node.folder / "containerd")
    say("mounts, configuration and images are in place")
    services = Services(node.folder / "logs")
    threading.Thread(target=start_programs, args=(node, services), daemon=True, name="start").start()
    services.reap()


if __name__ == "__main__":
    main()
