"""The lab's lock: one command at a time uses the lab of a machine, and whoever waits is told for whom."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hubproof.errors import DeadlineExceededError, HubproofError
from hubproof.lab.layout import MACHINE
from hubproof.progress import Progress
from hubproof.waiting import wait_for

WAIT = 600.0
"""Seconds that a second command waits for the first."""
_INHERITED = "HUBPROOF_LAB_HELD_BY"
"""Environment variable by which a command that holds the lab lets the commands that it starts use it."""


@contextmanager
def hold(who: str, progress: Progress | None = None, *, within: float = WAIT, folder: Path = MACHINE) -> Iterator[None]:
    """Hold the lab; a command that already does, or whose parent does, goes straight through.

    Args:
        who: what the holder is doing, for others to read: "gate of run 20250101-1200".
        progress: told once when there is somebody to wait for.
        within: seconds to wait before giving up.
        folder: where the lock is kept.

    Raises:
        HubproofError: somebody else held it all the time.

    """
    folder.mkdir(parents=True, exist_ok=True)
    if _held_already(folder):
        yield
        return
    with (folder / "lock").open("a") as lock:
        if not _try(lock):
            _wait(lock, progress or Progress(), within, folder)
        note = folder / "holder.json"
        note.write_text(json.dumps({"who": who, "pid": os.getpid(), "since": time.time()}), encoding="utf-8")
        os.environ[_INHERITED] = str(os.getpid())
        try:
            yield
        finally:
            os.environ.pop(_INHERITED, None)
            note.unlink(missing_ok=True)


def holder(folder: Path = MACHINE) -> str:
    """Return who holds the lab, in words; empty when nobody does."""
    if not _is_locked(folder):
        return ""
    note = _note(folder)
    minutes = (time.time() - float(str(note.get("since", time.time())))) / 60
    return f"{note.get('who', 'a command')} (process {note.get('pid', '?')}, for {minutes:.0f} min)"


def _wait(lock: IO[str], progress: Progress, within: float, folder: Path) -> None:
    progress.say(f"waiting for the lab, up to {within / 60:g} min: it is held by {holder(folder)}")
    try:
        wait_for(lambda: _try(lock), within=within, what="the lab to be free", every=0.2)
    except DeadlineExceededError as error:
        raise HubproofError(
            f"the lab was not free within {within:g} s",
            where=f"held by {holder(folder)}",
            next_step="wait for that command to end, or end it; its lab is adopted or cleaned up by the next one",
        ) from error


def _try(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_locked(folder: Path) -> bool:
    try:
        with (folder / "lock").open() as lock:
            return not _try(lock)
    except OSError:
        return False


def _held_already(folder: Path) -> bool:
    """Say whether this process, or the one that started it and told it so, holds the lab now."""
    told = os.environ.get(_INHERITED, "")
    return bool(told) and str(_note(folder).get("pid")) == told and _is_locked(folder)


def _note(folder: Path) -> dict[str, object]:
    try:
        note = json.loads((folder / "holder.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
