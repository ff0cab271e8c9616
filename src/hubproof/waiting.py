"""Waiting by watching: the only place in hubproof that sleeps, always under a deadline and with a reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from hubproof.errors import DeadlineExceededError

T = TypeVar("T")


class Deadline:
    """A point in time that several steps share.

    Args:
        seconds: from now; 0 is already over.

    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that remain, never below zero."""
        return max(0.0, self._end - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether no time remains."""
        return self.left <= 0


def wait_for(
    poll: Callable[[], T],
    *,
    within: float,
    what: str,
    every: float = 0.1,
    last: Callable[[], str] | None = None,
    until: Callable[[T], bool] = bool,
) -> T:
    """Poll until `until(poll())` holds and return what the poll returned.

    Args:
        poll: called at once, then every `every` seconds; what it raises is passed on.
        within: seconds before `DeadlineExceededError`; the poll is always called at least once.
        what: what is waited for, to complete the sentence "waited 5 s for …".
        every: seconds between two polls.
        last: describes the last poll for the error, where its result alone says too little.
        until: when the result is good; by default, when it is true.

    """
    deadline = Deadline(within)
    while True:
        seen = poll()
        if until(seen):
            return seen
        if deadline.over:
            described = last() if last else repr(seen)
            raise DeadlineExceededError(f"waited {within:g} s for {what}; last seen: {described[:500]}", wanted=what)
        time.sleep(min(every, deadline.left))


def pause(seconds: float, *, reason: str) -> None:
    """Let time pass where nothing can be watched. The reason is an argument so that none goes without."""
    if not reason:
        msg = "a pause takes a reason"
        raise ValueError(msg)
    time.sleep(seconds)
