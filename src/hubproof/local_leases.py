"""Lends personas where the profile names no cluster: by locks on this machine's files instead of Kubernetes leases.

They keep the processes of one machine apart, not two machines: a profile that several runners share names a cluster.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path
from typing import Self

from hubproof.errors import CouldNotRunError
from hubproof.profile import Persona, Profile, Role
from hubproof.resources import home
from hubproof.waiting import Deadline, pause


class LocalPersona:
    """A persona that is ours until it is released, or until this process ends. Also a context manager.

    Attributes:
        persona: the identity.
        left_by: the run that held it last and did not give it back, whose server may still run.

    """

    def __init__(self, persona: Persona, lock: int, left_by: str) -> None:
        self.persona = persona
        self.left_by = left_by
        self._lock = lock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def lost(self) -> bool:
        """Whether another run may have taken it meanwhile: never, the lock ends with the process."""
        return False

    def release(self) -> None:
        """Give it back. Call it when nothing of it runs any more."""
        os.ftruncate(self._lock, 0)
        os.close(self._lock)


def acquire_local_persona(
    profile: Profile, run_id: str, role: Role, *, holder: str = "", within: float = 120.0, only: tuple[str, ...] = ()
) -> LocalPersona:
    """Take the first free persona of a role on this machine; wait while all are in use.

    Args:
        profile: lends the personas; those of one URL are shared by all profiles of this machine.
        run_id: of the run that borrows.
        role: of the persona.
        holder: worker or check, for whoever reads the lock's file.
        within: seconds to wait for one to become free.
        only: names to choose from; none means all of the role.

    Raises:
        CouldNotRunError: the profile has none of this role, or none became free in time.

    """
    candidates = [one for one in profile.users(role) if not only or one.name in only]
    if not candidates:
        raise CouldNotRunError(f"the profile lends no persona with role {role}", next_step="add one to `personas`")
    folder = home() / "leases" / _digest(profile.url)
    folder.mkdir(parents=True, exist_ok=True)
    deadline = Deadline(within)
    while True:
        for persona in candidates:
            taken = _try(folder, persona, f"{run_id}/{holder}")
            if taken:
                return taken
        if deadline.over:
            names = ", ".join(one.name for one in candidates)
            raise CouldNotRunError(
                f"no persona with role {role} became free within {within:g} s; held are {names}",
                where=str(folder),
                next_step="wait for the other run on this machine, or lend more personas in the profile",
            )
        pause(min(0.2, deadline.left), reason="a persona to become free; locks tell nobody when they end")


def _try(folder: Path, persona: Persona, holder: str) -> LocalPersona | None:
    lock = os.open(folder / f"{_digest(persona.name)}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    left_by = os.read(lock, 200).decode("utf-8", "replace").partition("/")[0]
    os.ftruncate(lock, 0)
    os.pwrite(lock, holder.encode()[:200], 0)
    return LocalPersona(persona, lock, left_by)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
