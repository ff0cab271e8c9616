"""Starting a server as its user sees it: the request, the hub's progress stream, and the first answer of the server."""

from __future__ import annotations

import datetime as dt
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal

import httpx

from hubproof.errors import DeadlineExceededError, TargetError
from hubproof.waiting import Deadline, pause, wait_for

if TYPE_CHECKING:
    from hubproof.hub.server import UserServer

_STREAM_SILENCE = 30.0
"""Seconds without a byte after which a progress stream is taken for lost; the hub sends an empty line every eight."""

_AGAIN = 0.3
_EVENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) \[")


@dataclass
class SpawnTimes:
    """How a spawn went, by the client's clock.

    Attributes:
        user: whose server it is.
        url: of the server.
        begun: when the request was sent, by `time.monotonic`, as all times here.
        stages: (stage, when it had happened), by names of `hubproof.cluster.anatomy.STAGES`.
        messages: what the progress stream said, as (when, text).
        accepted: when the hub took the request, by its own clock in UTC; None when it did not say.

    """

    user: str
    url: str
    begun: float
    stages: list[tuple[str, float]] = field(default_factory=list)
    messages: list[tuple[float, str]] = field(default_factory=list)
    accepted: dt.datetime | None = None

    @property
    def seconds(self) -> float:
        """Seconds from the request until the last stage that was seen."""
        return max((at for _, at in self.stages), default=self.begun) - self.begun

    @property
    def last_message(self) -> str:
        """What the hub said last of this spawn.

        KubeSpawner passes on the events of the pod by its name, and so those of the server before it: `…Z [Normal]
        Stopping container notebook`. They have a time, and are left out by it.
        """
        of_this = [text for _, text in self.messages if not self._is_older(text)]
        return of_this[-1] if of_this else "the hub said nothing"

    def _is_older(self, text: str) -> bool:
        told = _EVENT.match(text)
        if told is None or self.accepted is None:
            return False
        return dt.datetime.fromisoformat(told[1]) < self.accepted - dt.timedelta(seconds=1)

    def reached(self, stage: str) -> None:
        """Note that a stage has happened now."""
        self.stages.append((stage, time.monotonic()))


class SpawnFailedError(TargetError):
    """A server did not become ready.

    Args:
        happened: what was seen.
        times: how far it came.

    """

    def __init__(self, happened: str, times: SpawnTimes) -> None:
        super().__init__(happened, wanted="a server that is ready", where=times.url)
        self.times = times


def spawn(server: UserServer, *, within: float, options: dict[str, Any] | None = None) -> SpawnTimes:
    """Ask the hub for a server and wait until its user can use it.

    Args:
        server: whose.
        within: seconds for all of it.
        options: `user_options` of the spawner, such as `{"profile": "small"}`.

    Raises:
        SpawnFailedError: the hub refused, the spawn failed, or it was not ready in time.

    """
    deadline = Deadline(within)
    times = SpawnTimes(server.user, server.url, time.monotonic())
    answer = server.session.request("POST", server.api_url, json=options or {}, timeout=min(within, 60.0))
    times.reached("hub accepts")
    if date := answer.headers.get("Date"):
        times.accepted = parsedate_to_datetime(date)
    if answer.status_code not in {httpx.codes.CREATED, httpx.codes.ACCEPTED}:
        again = answer.headers.get("Retry-After")
        raise SpawnFailedError(
            f"the hub refused to start the server of {server.user}: status {answer.status_code}, {told(answer)}"
            + (f"; it asks to come again after {again} s" if again else ""),
            times,
        )
    if answer.status_code == httpx.codes.ACCEPTED:
        _follow_progress(server, times, deadline)
    times.reached("server answers")
    try:
        # Ready is what the hub sees; the user comes by the public URL, where a route may still be missing.
        wait_for(server.answers, within=max(deadline.left, 1.0), what="the server at its public URL", every=0.05)
    except DeadlineExceededError as error:
        raise SpawnFailedError(
            f"the hub says ready after {times.seconds:.1f} s, and {server.url} does not answer: {error.happened}", times
        ) from error
    times.reached("route added")
    return times


def _follow_progress(server: UserServer, times: SpawnTimes, deadline: Deadline) -> None:
    """Follow the progress stream until it says ready; take it up again when it breaks off."""
    while not deadline.over:
        verdict = _verdict_of_stream(server, times, deadline)
        if verdict == "failed":
            raise SpawnFailedError(f"the spawn of {server.user} failed: {times.last_message}", times)
        # A stream may end without a verdict, when a proxy cuts it off: the user's own model says how things are.
        if verdict == "ready" or server.is_ready_at_hub():
            return
        pause(min(_AGAIN, deadline.left), reason="the stream broke off; asking again at once would hammer the hub")
    raise SpawnFailedError(
        f"the server of {server.user} is not ready after {deadline.seconds:g} s; the hub's last word: "
        f"{times.last_message}",
        times,
    )


def _verdict_of_stream(server: UserServer, times: SpawnTimes, deadline: Deadline) -> Literal["ready", "failed", ""]:
    try:
        for event in _events(server, deadline):
            times.messages.append((time.monotonic(), str(event.get("message", ""))))
            if event.get("failed"):
                return "failed"
            if event.get("ready"):
                return "ready"
    except TargetError as error:
        times.messages.append((time.monotonic(), f"progress stream: {error.happened}"))
    return ""


def _events(server: UserServer, deadline: Deadline) -> Iterator[dict[str, Any]]:
    timeout = httpx.Timeout(10.0, read=min(_STREAM_SILENCE, max(deadline.left, 1.0)))
    with server.session.stream(f"{server.api_url}/progress", timeout=timeout) as answer:
        if answer.status_code != httpx.codes.OK:
            answer.read()
            raise TargetError(f"status {answer.status_code}, {told(answer)}")
        for line in answer.iter_lines():
            if line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))
            if deadline.over:
                return


def told(answer: httpx.Response) -> str:
    """Return the reason that an API answer gives, shortened."""
    try:
        body = answer.json()
    except ValueError:
        return answer.text.strip()[:200] or "no reason given"
    return str(body.get("message", body) if isinstance(body, dict) else body)[:300]
