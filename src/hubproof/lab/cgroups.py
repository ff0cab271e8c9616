"""The control groups of a node: `/lab-<node>` in every hierarchy, so that its processes can be counted and awaited.

Written for cgroup v1 with a unified hierarchy beside it (tried) and for cgroup v2 alone (not tried: no such machine
was at hand; see README).
"""

from __future__ import annotations

import os
from pathlib import Path

from hubproof.waiting import wait_for

_ROOT = Path("/sys/fs/cgroup")
_V2_CONTROLLERS = ("cpu", "memory", "pids", "cpuset", "io")


def is_v2() -> bool:
    """Return whether this machine has the unified hierarchy alone."""
    return (_ROOT / "cgroup.controllers").exists()


def hierarchies() -> list[Path]:
    """Return the root of each hierarchy."""
    return [_ROOT] if is_v2() else [path for path in sorted(_ROOT.iterdir()) if path.is_dir() and not path.is_symlink()]


def enter(node: str) -> None:
    """Put the calling process, and so all that it will start, into the node's `sys` group everywhere."""
    for root in hierarchies():
        group = root / f"lab-{node}"
        leaf = group / "sys"
        if is_v2():
            _pass_on(root)
        group.mkdir(exist_ok=True)
        if is_v2():
            _pass_on(group)
        leaf.mkdir(exist_ok=True)
        if root.name == "cpuset":
            # v1: a new cpuset is empty and takes no process before it has been given CPUs and memory nodes.
            for made in (group, leaf):
                for name in ("cpuset.cpus", "cpuset.mems"):
                    (made / name).write_text((root / name).read_text())
        (leaf / "cgroup.procs").write_text(str(os.getpid()))


def _pass_on(group: Path) -> None:
    """Let the groups below use the controllers that this one has; one that is missing would void the whole line."""
    there = (group / "cgroup.controllers").read_text(encoding="utf-8").split()
    wanted = " ".join(f"+{name}" for name in _V2_CONTROLLERS if name in there)
    (group / "cgroup.subtree_control").write_text(wanted, encoding="utf-8")


def groups(node: str) -> list[Path]:
    """Return the node's top group in each hierarchy where it still exists."""
    return [group for root in hierarchies() if (group := root / f"lab-{node}").is_dir()]


def members(node: str) -> set[int]:
    """Return the process ids in any group of the node. The files' size is always zero: they have to be read."""
    found: set[int] = set()
    for group in groups(node):
        for file in group.rglob("cgroup.procs"):
            try:
                found |= {int(line) for line in file.read_text().split()}
            except OSError:
                continue  # the group went away while we looked, which is what we wait for
    return found


def remove(node: str, within: float) -> None:
    """Remove the node's groups once the last of its processes has been reaped; until then the kernel says busy."""

    def gone() -> bool:
        for group in groups(node):
            folders = sorted((p for p in group.rglob("*") if p.is_dir()), key=lambda p: len(p.parts), reverse=True)
            for folder in [*folders, group]:
                try:
                    folder.rmdir()
                except OSError:
                    break
        return not groups(node)

    wait_for(gone, within=within, what=f"the processes of node {node} to end", every=0.03)
