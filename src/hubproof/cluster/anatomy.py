"""Takes a spawn apart into the stages that its user waits for.

Times are the client's: when it sent and received, and when changes of the pod arrived by watch. The times inside
Kubernetes objects have whole seconds and other machines' clocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

STAGES = (
    "hub accepts",
    "pod created",
    "scheduled",
    "volume attached",
    "image there",
    "container started",
    "server answers",
    "route added",
    "kernel ready",
    "first output",
)
"""In the order in which they happen. Each ends when it is seen to have happened, or when a later one is.

The hub reports `server answers` and `route added` together, as ready: who cannot see them apart gives the second only.
"""


@dataclass(frozen=True)
class StageTime:
    """One stage of a spawn.

    Attributes:
        name: of `STAGES`.
        at: seconds from the request to the end of the stage.
        seconds: that the stage took: since the end of the one before.
        source: `client` or `watch`.

    """

    name: str
    at: float
    seconds: float
    source: str


@dataclass(frozen=True)
class SpawnAnatomy:
    """A spawn, stage by stage.

    Attributes:
        user: whose server it is.
        server: its name; empty for the default one.
        stages: those that were seen, in order.
        unseen: names of stages between them that nothing told of; their time is part of the next one.

    """

    user: str
    server: str
    stages: tuple[StageTime, ...]
    unseen: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """From the request until the server can be used: `route added`, or what was seen last before it."""
        until_ready = [one.at for one in self.stages if STAGES.index(one.name) <= STAGES.index("route added")]
        return max(until_ready, default=0.0)

    def longest(self) -> str:
        """Name the stage that took longest, with its time, for the reader of a failure."""
        if not self.stages:
            return "none was seen"
        stage = max(self.stages, key=lambda one: one.seconds)
        return f"{stage.name}, {stage.seconds:.1f} s"

    def as_dict(self) -> dict[str, object]:
        """Return plain data for the record; seconds with three digits."""
        return {
            "user": self.user,
            "server": self.server,
            "seconds": round(self.seconds, 3),
            "stages": [
                {"name": one.name, "at": round(one.at, 3), "seconds": round(one.seconds, 3), "source": one.source}
                for one in self.stages
            ],
            "unseen": list(self.unseen),
        }


def assemble(
    user: str,
    begun: float,
    client: Iterable[tuple[str, float]],
    watched: Mapping[str, float] | None = None,
    *,
    server: str = "",
) -> SpawnAnatomy:
    """Join what the client and the watch saw.

    Args:
        user: whose spawn it is.
        begun: when the request was sent, by `time.monotonic`, as all times here.
        client: (stage, time) from the hub's progress stream, the server and its kernel.
        watched: stage to time, from `PodWatcher.stages_of`; without a cluster there is none.
        server: name of a named server.

    Raises:
        ValueError: a stage is not one of `STAGES`.

    """
    seen: dict[str, tuple[float, str]] = {}
    told = [(name, at, "client") for name, at in client] + [(name, at, "watch") for name, at in (watched or {}).items()]
    for name, at, source in told:
        if name not in STAGES:
            msg = f"{name!r} is no stage of a spawn; those are {', '.join(STAGES)}"
            raise ValueError(msg)
        if name not in seen or at < seen[name][0]:
            seen[name] = (at, source)
    present = [name for name in STAGES if name in seen]
    # What has happened had happened by the time that something later was seen, even if word of it came after.
    latest = {name: min(seen[later][0] for later in present[place:]) for place, name in enumerate(present)}
    stages, before = [], begun
    for name in present:
        end = max(latest[name], before)
        stages.append(StageTime(name, end - begun, end - before, seen[name][1]))
        before = end
    last = STAGES.index(present[-1]) if present else 0
    unseen = tuple(name for name in STAGES[:last] if name not in seen)
    return SpawnAnatomy(user, server, tuple(stages), unseen)
