"""What a check touches in the target, read off the fixtures that it is arranged with.

Derived, so that it cannot be forgotten: who borrows a persona says so by its parameters. Only what a check makes in
its own steps is said in `@check(makes=…)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

_SERVER = "one user server (a pod and, the first time, a claim)"
MADE_BY_FIXTURE: dict[str, tuple[str, ...]] = {
    "persona": ("a session of a borrowed persona",),
    "stranger": ("a sign-in of the stranger, whose user at the hub is removed",),
    "session": ("a session of a borrowed persona",),
    "idle_server": ("a session of a borrowed persona", _SERVER),
    "own_server": ("a session of a borrowed persona", _SERVER),
    "standing_server": ("a shared user server, which it only looks at",),
    "second_server": ("a shared user server of another persona, which it only looks at",),
    "look_alikes": ("sessions of two borrowed personas", "two user servers (pods and claims)"),
    "throwaway": ("two pods and a NetworkPolicy of its own",),
}
"""What each fixture of conftest.py makes, in words for a reader; fixtures that only read are not in it."""


def makes(test: Callable[..., object], also: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return what a check makes in the target, in words; nothing for one that only reads.

    Args:
        test: the check's test function.
        also: what it makes in its own steps.

    """
    found = [words for name in inspect.signature(test).parameters for words in MADE_BY_FIXTURE.get(name, ())]
    return tuple(dict.fromkeys([*found, *also]))
