"""Tests hubproof itself, as CI does: lint, types, units, reports in a browser, lab, gate, seeded defects, small load.

Each part is a command that a person could type; its output is shown as it comes. The lab is held for all of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from hubproof.checking import CheckInfo, discover
from hubproof.defects import Defect, load_defects
from hubproof.progress import Progress
from hubproof.resources import home, root

_TURNS = 4
"""In so many runs the rotating part has proven every defect once."""
_PROVED = "proved.json"


@dataclass(frozen=True)
class Part:
    """One part of the test: its name and its command."""

    name: str
    command: list[str]


def selftest(*, full: bool, progress: Progress) -> int:
    """Run all parts and return 0 when each ended well.

    Args:
        full: prove every seeded defect.
        progress: where to tell.

    """
    from hubproof.lab import lifecycle  # noqa: PLC0415 - a checkout without Linux can still lint
    from hubproof.lab.machine import install_packages  # noqa: PLC0415 - the same

    python = sys.executable
    hubproof = [python, "-m", "hubproof"]
    quick = [
        Part("lint", [python, "-m", "ruff", "check", "."]),
        Part("format", [python, "-m", "ruff", "format", "--check", "."]),
        Part("types", [python, "-m", "mypy"]),
        Part("unit tests", [python, "-m", "pytest", "-q", "-p", "no:locust", "-n", "2", "tests/unit"]),
    ]
    failed: list[str] = []
    passed = 0
    for part in quick:
        good = _run(part, progress)
        passed, failed = passed + good, failed + ([] if good else [part.name])
    with lifecycle.hold("hubproof test"):
        due, key = _due(full=full)
        progress.say(f"{len(due)} of {len(load_defects())} seeded defects are due: {', '.join(due)}")
        install_packages(progress, {"chromium": "/usr/bin/chromium"})
        lab = [
            Part("reports in a browser", [python, "-m", "pytest", "-q", "-p", "no:locust", "tests/browser"]),
            Part("lab", [*hubproof, "lab", "up"]),
            Part("lab tests", [python, "-m", "pytest", "-q", "-p", "no:locust", "tests/lab"]),
            Part("gate", [*hubproof, "gate", "--lab"]),
            Part("proof", [*hubproof, "prove", *due]),
            Part("capacity", [*hubproof, "capacity", "--lab", "--users", "20"]),
        ]
        for part in lab:
            if "lab" in failed:
                failed.append(part.name)
                continue
            good = _run(part, progress)
            passed, failed = passed + good, failed + ([] if good else [part.name])
            if good and part.name == "proof":
                _remember(due, key)
    progress.say(f"failed: {', '.join(failed)}" if failed else "everything passed")
    print(f"{passed} passed, {len(failed)} failed", flush=True)  # noqa: T201 - the line that CI reads
    return 1 if failed else 0


def _run(part: Part, progress: Progress) -> bool:
    progress.say(f"— {part.name}: {' '.join(part.command[2:])}")
    started = time.monotonic()
    done = subprocess.run(part.command, cwd=root(), check=False, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    word = "passed" if done.returncode == 0 else f"FAILED with exit code {done.returncode}"
    progress.say(f"— {part.name} {word} after {time.monotonic() - started:.0f} s")
    return done.returncode == 0


def _due(*, full: bool) -> tuple[list[str], dict[str, str]]:
    """Return the defects to prove now, and the digest of each: those that changed, and a rotating part of the rest.

    Changed is a defect whose own file, or a file of one of its checks, is another than when it was last proven on
    this machine; where nothing was proven yet, that is every one of them.
    """
    catalogue, defects = discover(), load_defects()
    digests = {one.id: _digest(one, catalogue) for one in defects.values()}
    known = _known()
    turn = int(known.get("turn", "0"))
    same = [one for one in defects if known.get(one) == digests[one]]
    rotating = {one for index, one in enumerate(same) if index % _TURNS == turn % _TURNS}
    due = [one for one in defects if full or one not in same or one in rotating]
    return due, {**digests, "turn": str(turn + 1)}


def _digest(defect: Defect, catalogue: dict[str, CheckInfo]) -> str:
    digest = hashlib.sha256(defect.model_dump_json().encode())
    for check_id in defect.checks:
        if check_id in catalogue:
            digest.update((root() / catalogue[check_id].source.partition("::")[0]).read_bytes())
    return digest.hexdigest()


def _known() -> dict[str, str]:
    try:
        known: dict[str, str] = json.loads((home() / _PROVED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known


def _remember(proven: list[str], key: dict[str, str]) -> None:
    known = {**_known(), **{one: key[one] for one in proven}, "turn": key["turn"]}
    temporary = Path(home() / f".{_PROVED}.{os.getpid()}")
    temporary.write_text(json.dumps(known, indent=1), encoding="utf-8")
    temporary.replace(home() / _PROVED)
