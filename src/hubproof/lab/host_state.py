"""What the lab changes on the machine beside processes and network, and how that is put back; and every trace of it."""

from __future__ import annotations

import fcntl
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from hubproof.errors import DeadlineExceededError
from hubproof.lab import cgroups
from hubproof.lab.commands import run
from hubproof.lab.facts import Record, read_record
from hubproof.lab.layout import MACHINE, Layout
from hubproof.lab.network import HOSTS, network_traces
from hubproof.lab.node import PRIVATE_FOLDERS
from hubproof.lab.node_config import CONTAINERD_SOCKET
from hubproof.lab.policy_rules import TABLE
from hubproof.waiting import wait_for

_SYSCTLS = (
    "vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)  # fmt: skip
"""Settings of the whole machine that a kubelet changes."""
_LOOP_CTL_REMOVE = 0x4C81
_LOOPS_WITHIN = 4.0
_OWN_PROCESS = re.compile(
    rf"-m hubproof\.lab\.(node|outside|policy_agent|volume_agent)\b|containerd-shim-.* -address {CONTAINERD_SOCKET} "
)


def read_sysctls() -> dict[str, str]:
    """Return the machine's settings that kubelets will change."""
    found = {}
    for name in _SYSCTLS:
        with suppress(OSError):
            found[name] = Path("/proc/sys", name).read_text(encoding="utf-8").strip()
    return found


def restore_sysctls(settings: dict[str, str]) -> None:
    """Set them back."""
    for name, value in settings.items():
        if name in _SYSCTLS:
            with suppress(OSError):
                Path("/proc/sys", name).write_text(value, encoding="utf-8")


def make_folders() -> list[str]:
    """Make the folders over which nodes mount their own, and return those that were missing."""
    made = []
    for name in PRIVATE_FOLDERS:
        folder = Path(name)
        for part in [*reversed(folder.parents), folder]:
            if not part.exists():
                part.mkdir()
                made.append(str(part))
    return made


def remove_folders(folders: list[str]) -> None:
    """Remove the folders that were made, where nothing has come into them."""
    for name in reversed(folders):
        with suppress(OSError):
            Path(name).rmdir()


def loop_nodes() -> list[str]:
    """Return the loop device nodes of this machine."""
    return sorted(str(path) for path in Path("/dev").glob("loop*") if re.fullmatch(r"loop\d+", path.name))


def remove_loops(before: list[str]) -> None:
    """Remove the loop devices that came into being with the lab.

    Each takes the kernel 50 ms, so they go at the same time. One is busy for a moment after its node has ended, and for
    and for good when somebody else has taken it meanwhile.
    """

    def remove_once() -> bool:
        new = [path for path in loop_nodes() if path not in before]
        if new:
            with Path("/dev/loop-control").open("rb") as control, ThreadPoolExecutor(16) as pool:
                list(pool.map(lambda path: _remove_loop(control, path), new))
        return not any(path not in before for path in loop_nodes())

    with suppress(DeadlineExceededError):
        wait_for(remove_once, within=_LOOPS_WITHIN, what="loop devices to be free", every=0.2)


def _remove_loop(control: BinaryIO, path: str) -> None:
    with suppress(OSError):
        fcntl.ioctl(control, _LOOP_CTL_REMOVE, int(path.removeprefix("/dev/loop")))


def leftovers() -> list[str]:
    """Return every trace of the lab on this machine, in words; empty when there is none."""
    record = read_record()
    found = network_traces()
    for host in HOSTS:
        found += [f"control group {group}" for group in cgroups.groups(host)]
    found += [f"process {pid}: {_command_line(pid)}" for pid in sorted(_processes())]
    roots = {str(Layout.default().root), *([record.root] if record else [])}
    found += _mounts(roots)
    found += _loops(record, roots)
    found += _tables()
    found += [f"folder {path}" for path in MACHINE.glob("import-*")]
    found += ["record of a running lab"] if record else []
    return found


def _processes() -> set[int]:
    """Return processes of a lab: those in its control groups, and those elsewhere that run its modules."""
    numbers = {int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()} - {os.getpid()}
    grouped = {pid for host in HOSTS for pid in cgroups.members(host)}
    return grouped | {pid for pid in numbers if _OWN_PROCESS.search(_command_line(pid))}


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:150]
    except OSError:
        return ""


def _mounts(roots: set[str]) -> list[str]:
    places = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    return [f"mount {place}" for place in places if any(place.startswith(f"{root}/") for root in roots)]


def _loops(record: Record | None, roots: set[str]) -> list[str]:
    listed = run(["losetup", "--list", "--json", "--output", "NAME,BACK-FILE"], check=False).stdout
    devices = json.loads(listed)["loopdevices"] if listed.strip() else []
    files = {device["name"]: device["back-file"] or "" for device in devices}
    used = [f"loop device {d} on {f}" for d, f in files.items() if any(f.startswith(f"{root}/") for root in roots)]
    before = record.loops if record else loop_nodes()
    return used + [f"loop device node {path}" for path in loop_nodes() if path not in before]


def _tables() -> list[str]:
    listed = run(["nft", "--json", "list", "tables"], check=False).stdout
    tables = [entry["table"] for entry in json.loads(listed or '{"nftables": []}')["nftables"] if "table" in entry]
    return [f"nft table {table['family']} {table['name']}" for table in tables if table["name"] == TABLE]
