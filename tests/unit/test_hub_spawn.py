from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx
import pytest

from hubproof.errors import TargetError
from hubproof.hub.server import UserServer
from hubproof.hub.spawn import SpawnFailedError, spawn


class FakeSession:
    """Answers a spawn as the test says: each progress stream is a list of events, then the stream ends."""

    def __init__(self, accepted: httpx.Response, *streams: list[dict[str, Any]] | int) -> None:
        self.accepted = accepted
        self.streams = list(streams)

    def request(self, _method: str, _url: str, **_: object) -> httpx.Response:
        return self.accepted

    @contextmanager
    def stream(self, _url: str, **_: object) -> Iterator[httpx.Response]:
        events = self.streams.pop(0) if self.streams else 400
        if isinstance(events, int):
            yield httpx.Response(events, json={"message": "is not starting"})
        else:
            lines = "".join(f"\n\ndata: {json.dumps(event)}\n\n" for event in events)
            yield httpx.Response(200, text=lines)


class FakeServer:
    user = "somebody"
    url = "https://hub.example/user/somebody/"
    api_url = "https://hub.example/hub/api/users/somebody/server"

    def __init__(self, session: FakeSession, *, ready: bool = False, answers: bool = True) -> None:
        self.session = session
        self._ready = ready
        self._answers = answers

    def is_ready_at_hub(self) -> bool:
        return self._ready

    def answers(self) -> bool:
        return self._answers


ACCEPTED = httpx.Response(202)
READY = {"progress": 100, "ready": True, "message": "Server ready"}


def start(server: FakeServer, within: float = 2.0) -> list[str]:
    times = spawn(cast("UserServer", server), within=within)
    return [stage for stage, _ in times.stages]


def test_a_server_is_ready_when_the_stream_says_so_and_it_answers() -> None:
    server = FakeServer(FakeSession(ACCEPTED, [{"progress": 50, "message": "Scheduled"}, READY]))
    assert start(server) == ["hub accepts", "server answers", "route added"]


def test_a_failed_spawn_says_why() -> None:
    failed = {"progress": 100, "failed": True, "message": "Spawn failed: ImagePullBackOff"}
    with pytest.raises(SpawnFailedError, match="ImagePullBackOff"):
        start(FakeServer(FakeSession(ACCEPTED, [failed])))


def test_a_cut_stream_is_no_verdict_and_is_taken_up_again() -> None:
    server = FakeServer(FakeSession(ACCEPTED, [{"message": "Scheduled"}], [READY]))
    assert start(server)[-1] == "route added"


def test_a_server_that_became_ready_behind_a_cut_stream_is_found() -> None:
    assert start(FakeServer(FakeSession(ACCEPTED, [], 400), ready=True))[-1] == "route added"


def test_a_spawn_that_comes_to_no_end_is_a_failure_with_the_last_word() -> None:
    with pytest.raises(SpawnFailedError, match="Scheduled"):
        start(FakeServer(FakeSession(ACCEPTED, [{"message": "Scheduled"}], [{"message": "Scheduled"}])), within=0.1)


def test_the_last_word_is_of_this_spawn_and_not_of_the_server_before_it() -> None:
    """KubeSpawner hands on the events of the pod's name, the old ones first."""
    accepted = httpx.Response(202, headers={"Date": "Tue, 24 Nov 2026 05:24:00 GMT"})
    old = {"message": "2026-11-24T05:23:52Z [Normal] Stopping container notebook"}
    new = {"message": "2026-11-24T05:24:09.123456Z [Warning] Failed to pull image"}
    for events, word in (
        ([old], "the hub said nothing"),
        ([new, old], "Failed to pull image"),
        ([old, new], "to pull"),
    ):
        with pytest.raises(SpawnFailedError, match=f"last word: .*{word}"):
            start(FakeServer(FakeSession(accepted, events)), within=0.1)


@pytest.mark.parametrize("status", [400, 403, 429, 500])
def test_a_refusal_is_a_failure_with_its_reason(status: int) -> None:
    refused = httpx.Response(status, json={"message": "too many"}, headers={"Retry-After": "30"})
    with pytest.raises(SpawnFailedError, match=r"too many.*come again after 30 s"):
        start(FakeServer(FakeSession(refused)))


def test_ready_at_the_hub_and_no_answer_to_the_user_is_a_failure() -> None:
    with pytest.raises(SpawnFailedError, match="does not answer"):
        start(FakeServer(FakeSession(ACCEPTED, [READY]), answers=False), within=0.1)


def test_a_failed_spawn_is_the_targets_fault() -> None:
    assert issubclass(SpawnFailedError, TargetError)
