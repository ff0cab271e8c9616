"""What others need to know of a running lab, and what the lab remembers of itself across commands and checkouts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from hubproof.lab.layout import MACHINE, Layout

_RECORD = MACHINE / "lab.json"


@dataclass(frozen=True)
class LabFacts:
    """Where a running lab is reached.

    Attributes:
        kubeconfig_admin: the cluster administrator's; for deploying and for seeded defects.
        kubeconfig_runner: what checks act with; has the rights of fixtures/rbac and no more.
        profile: the profile of the reference deployment as it stands in this lab.
        state_dir: the lab's folder.

    """

    kubeconfig_admin: Path
    kubeconfig_runner: Path
    profile: Path
    state_dir: Path

    @classmethod
    def of(cls, layout: Layout) -> LabFacts:
        """Return the facts of the lab with this layout."""
        return cls(layout.admin_kubeconfig, layout.runner_kubeconfig, layout.profile, layout.root)


@dataclass(frozen=True)
class LabStatus:
    """How the lab is now.

    Attributes:
        running: something of it runs on this machine.
        healthy: its API server and all its nodes are ready.
        detail: the state in words, a line each.
        holder: who holds it; empty when nobody does.

    """

    running: bool
    healthy: bool
    detail: tuple[str, ...] = ()
    holder: str = ""


@dataclass(frozen=True)
class Record:
    """What a lab that was started leaves for the next command, so that it can be adopted, judged and removed.

    Attributes:
        root: its state folder; another checkout may use another.
        build: digest of what it was made from.
        boot: the machine's boot id: after a reboot nothing of it runs.
        started: seconds since 1970.
        images: reference → digest of each image in its nodes.
        sysctls: the machine's settings that its kubelets change, as they were.
        loops: loop device nodes that existed before.
        folders: folders made on this machine for its nodes to mount over.
        complete: it has everything that a boot gives it; its nodes run on when the command that boots them is killed.

    """

    root: str
    build: str
    boot: str
    started: float
    images: dict[str, str] = field(default_factory=dict)
    sysctls: dict[str, str] = field(default_factory=dict)
    loops: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    complete: bool = False

    @property
    def layout(self) -> Layout:
        """Return where the recorded lab keeps its things."""
        return Layout(Path(self.root))

    def write(self) -> None:
        """Keep it for the next command, whole or not at all."""
        MACHINE.mkdir(parents=True, exist_ok=True)
        temporary = _RECORD.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        temporary.replace(_RECORD)


def read_record() -> Record | None:
    """Return what the last started lab left; None when none was, or when it was removed in order."""
    try:
        known = {one.name for one in fields(Record)}
        written = json.loads(_RECORD.read_text(encoding="utf-8"))
        return Record(**{name: value for name, value in written.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None  # unreadable is as good as none: removing goes by names, the record only adds to them


def forget_record() -> None:
    """Remove the record of a lab that is gone."""
    _RECORD.unlink(missing_ok=True)


def boot_id() -> str:
    """Return what tells one start of this machine from another."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
