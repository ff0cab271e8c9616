from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import websocket

from hubproof.errors import TargetError
from hubproof.hub import kernel_messages as wire
from hubproof.hub.kernel import Kernel, KernelDiedError
from hubproof.hub.kernel_messages import Message
from hubproof.hub.server import UserServer


class FakeSocket:
    """Answers each request with what the test says; `own` stands for the id of the request."""

    def __init__(self, *answers: tuple[str, dict[str, Any], bool]) -> None:
        self._answers = answers
        self._waiting: list[bytes] = []
        self.sent: list[Message] = []

    def getsubprotocol(self) -> str:
        return wire.V1

    def settimeout(self, _seconds: float) -> None:
        pass

    def send_binary(self, frame: bytes) -> None:
        self.sent.append(wire.decode_v1(frame))
        own = {"msg_id": self.sent[-1].header["msg_id"]}
        for kind, content, is_own in self._answers:
            message = Message("iopub", {"msg_type": kind}, content, own if is_own else {})
            self._waiting.append(wire.encode_v1(message))

    def recv(self) -> bytes:
        if not self._waiting:
            raise websocket.WebSocketTimeoutException("nothing")
        return self._waiting.pop(0)


REPLY = ("execute_reply", {"status": "ok"}, True)
IDLE = ("status", {"execution_state": "idle"}, True)


def kernel(*answers: tuple[str, dict[str, Any], bool]) -> Kernel:
    made = Kernel(cast("UserServer", SimpleNamespace(url="https://hub.example/user/x/")))
    made._socket = cast("websocket.WebSocket", FakeSocket(*answers))
    return made


def test_a_cell_is_done_when_reply_and_idle_have_come_in_any_order() -> None:
    output = ("stream", {"name": "stdout", "text": "42\n"}, True)
    for answers in ((REPLY, output, IDLE), (output, IDLE, REPLY)):
        done = kernel(*answers).execute("print(42)", timeout=1)
        assert (done.status, done.stdout) == ("ok", "42\n")


def test_the_output_of_others_is_not_the_cells() -> None:
    foreign = ("stream", {"name": "stdout", "text": "not mine"}, False)
    assert kernel(foreign, REPLY, IDLE).execute("pass", timeout=1).stdout == ""


@pytest.mark.parametrize("state", ["restarting", "autorestarting", "dead"])
def test_a_death_that_is_told_without_a_parent_is_heard(state: str) -> None:
    with pytest.raises(KernelDiedError, match=state):
        kernel(("status", {"execution_state": state}, False)).execute("x", timeout=1)


def test_a_reply_without_idle_is_not_done() -> None:
    with pytest.raises(TargetError, match="not done within"):
        kernel(REPLY).execute("x", timeout=0.05)


def test_nothing_at_all_is_not_an_empty_output() -> None:
    with pytest.raises(TargetError, match="not done within"):
        kernel().execute("x", timeout=0.05)


def test_a_kernel_that_was_not_started_says_so() -> None:
    with pytest.raises(TargetError, match="not started"):
        Kernel(cast("UserServer", SimpleNamespace(url="https://hub.example/"))).execute("x", timeout=0.05)
