"""What can go wrong, told apart by whose fault it is, because the verdict follows from that.

Nothing here decides a verdict: `hubproof.plugin` maps these types to one, in one place.
"""

from __future__ import annotations


class HubproofError(Exception):
    """Something that a person has to read: what was wanted, what happened, where, and what to do next.

    Args:
        happened: what was observed, in one sentence.
        wanted: what should have happened.
        where: the object, file, URL or command concerned.
        next_step: what the reader does now.

    """

    def __init__(self, happened: str, *, wanted: str = "", where: str = "", next_step: str = "") -> None:
        super().__init__(happened)
        self.happened = happened
        self.wanted = wanted
        self.where = where
        self.next_step = next_step

    def __str__(self) -> str:
        lines = [self.happened]
        lines += [f"  {name}: {text}" for name, text in self._details() if text]
        return "\n".join(lines)

    def _details(self) -> list[tuple[str, str]]:
        return [("wanted", self.wanted), ("where", self.where), ("next", self.next_step)]


class UsageError(HubproofError):
    """A bad command line or profile: exit code 64, and nothing was touched."""


class DeadlineExceededError(HubproofError):
    """A poll did not come true in time. Whose fault that is, the caller says."""


class TargetError(HubproofError):
    """The target answered otherwise than it must.

    Raised by client code. In a check's own steps it is a `fail`; while a check is being set up it makes the
    check `could-not-run`, because another check owns that promise.
    """


class BrokenPromiseError(HubproofError):
    """A promise compared with what was observed, and not kept: verdict `fail`.

    Args:
        promised: what the profile or the check's MUST sentence says.
        observed: what was seen instead.
        where: the object, URL or pod concerned.
        repeat: one command that shows the same by hand.

    """

    def __init__(self, *, promised: str, observed: str, where: str = "", repeat: str = "") -> None:
        super().__init__(f"promised: {promised}\nobserved: {observed}", where=where)
        self.promised = promised
        self.observed = observed
        self.repeat = repeat

    def _details(self) -> list[tuple[str, str]]:
        return [("where", self.where), ("repeat by hand", self.repeat)]


class CouldNotRunError(HubproofError):
    """A right, a tool or a fact that the check needs is missing on the runner's side: verdict `could-not-run`."""


class InconclusiveError(HubproofError):
    """The check's own control failed, so its observation says nothing: verdict `inconclusive`."""
