"""What a round trip through a platform service is, and how it is made from inside a user's kernel.

A service's module yields the code of one cell. The cell prints one line of JSON after each step, so that a failure
names the step that it happened in, and it works with what the user was given: nothing of the runner's goes into it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from hubproof.errors import InconclusiveError
from hubproof.hub.server import UserServer

MARK = "hubproof-step:"


@dataclass
class RoundTrip:
    """How far a round trip came.

    Attributes:
        steps: names of all steps, in order.
        done: those that worked, with the seconds since its begin.
        error: what stopped it; empty when complete.
        seconds: for all of it.

    """

    steps: list[str]
    done: dict[str, float] = field(default_factory=dict)
    error: str = ""

    @property
    def complete(self) -> bool:
        """Whether every step worked."""
        return list(self.done) == self.steps and not self.error

    @property
    def seconds(self) -> float:
        """Seconds until the last step that worked."""
        return max(self.done.values(), default=0.0)

    @property
    def failed_step(self) -> str:
        """The first step that did not work, or nothing."""
        return next((step for step in self.steps if step not in self.done), "")

    def done_steps(self) -> str:
        """Return what worked, in words."""
        return ", ".join(f"{step} {seconds:.2f} s" for step, seconds in self.done.items()) or "nothing worked"

    def as_dict(self) -> dict[str, object]:
        """Return plain data for evidence."""
        return asdict(self)


@dataclass(frozen=True)
class Cell:
    """Code of a round trip and the names of its steps."""

    steps: list[str]
    code: str


def round_trip(server: UserServer, cell: Cell, timeout: float = 60.0) -> RoundTrip:
    """Run a cell in a fresh kernel of the user's server and return how far it came.

    Raises:
        InconclusiveError: the cell printed nothing at all, which says nothing of the service.

    """
    trip = RoundTrip(cell.steps)
    with server.kernel() as kernel:
        done = kernel.execute(cell.code, timeout=timeout)
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            step, seconds = json.loads(line.removeprefix(MARK))
            trip.done[step] = seconds
    if done.error:
        trip.error = f"{done.error.ename}: {done.error.evalue}".strip()
    elif done.status != "ok" or not trip.done:
        raise InconclusiveError(
            f"the cell ended with status {done.status} and reported no step: {done.quoted(done.stderr[-500:])}"
        )
    return trip
