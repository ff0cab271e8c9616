"""A run: its id, its folder, and what all its processes have to know of it.

The settings are one file in the run's folder, read by pytest's controller, its workers and Locust alike, so that no
fact travels by environment variables or by command lines.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULTS = "results.jsonl"
"""Where the plugin writes a line for each check the moment it ends."""
COLLECTED = "collected.txt"
"""Where the plugin notes what pytest collected, a node id a line."""
PROFILE_COPY = "profile.yaml"
"""The profile as it was in this run: it holds no secrets, only where they are."""
_BEGIN = "begin"
RUN_LABEL = "hubproof.dev/run"
"""The label that every object made in a cluster carries; its value is the run id."""


def new_run_id(now: dt.datetime | None = None) -> str:
    """Return an id that sorts by time and is a valid Kubernetes label value and name part: 20261123-195501-3fa9."""
    moment = now or dt.datetime.now(dt.UTC)
    return f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


@dataclass(frozen=True)
class Blocked:
    """What the preflight found to be out of reach; checks that need it are could-not-run because of it."""

    edge: str = ""
    cluster: str = ""


@dataclass(frozen=True)
class RunSettings:
    """Everything that a process of the run needs.

    Attributes:
        run_id: see `new_run_id`.
        folder: `reports/runs/<run id>`.
        profile: path of the profile file.
        mode: gate, canary, capacity or prove.
        selected: ids of the checks to run.
        consent: the reaches that both profile and command line allow.
        blocked: what the preflight found out of reach.
        started: when the run began, ISO 8601 with zone; time windows begin here.
        fail_on: the least severity whose fail makes exit code 1.
        not_proven: checks that were not selected, with the reason.
        resumes: id of the run that this one goes on with.
        kubeconfig: what the command line gave in the place of the profile's.

    """

    run_id: str
    folder: Path
    profile: Path
    mode: str
    selected: tuple[str, ...]
    consent: tuple[str, ...]
    started: str
    blocked: Blocked = field(default_factory=Blocked)
    fail_on: str = "minor"
    not_proven: dict[str, str] = field(default_factory=dict)
    resumes: str = ""
    kubeconfig: Path | None = None

    def save(self) -> Path:
        """Write the settings into the run's folder and return the file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "settings.json"
        data = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
        path.write_text(json.dumps(data, indent=1), encoding="utf-8")
        return path

    def let_begin(self) -> None:
        """Let the checks begin: what this says is what they go by. pytest may have started long before."""
        self.save()
        (self.folder / _BEGIN).touch()

    @staticmethod
    def may_begin(folder: Path) -> bool:
        """Whether the gate has looked at the target, and swept up, so that checks may begin."""
        return (folder / _BEGIN).exists()

    @classmethod
    def load(cls, folder: Path) -> RunSettings:
        """Read the settings of a run from its folder."""
        data = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        data["folder"], data["profile"] = Path(data["folder"]), Path(data["profile"])
        data["kubeconfig"] = Path(data["kubeconfig"]) if data.get("kubeconfig") else None
        data["selected"], data["consent"] = tuple(data["selected"]), tuple(data["consent"])
        return cls(**{**data, "blocked": Blocked(**data["blocked"])})


def point_latest(folder: Path) -> None:
    """Make `latest` beside the run's folder point to it, at once for whoever looks."""
    link = folder.parent / "latest"
    temporary = folder.parent / f".latest-{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(folder.name)
    temporary.replace(link)
