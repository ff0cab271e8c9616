"""A kernel of a user's server, over its websocket: execute code, and learn exactly what came of it.

A cell is done when its own reply and its own `idle` have both come. That a kernel died is told by a status without a
parent, which a client that only listens to its own answers never sees.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
import websocket

from hubproof.errors import DeadlineExceededError, TargetError
from hubproof.hub import kernel_messages as wire
from hubproof.hub.kernel_messages import Message
from hubproof.hub.kernel_output import shown
from hubproof.hub.transport import failure, open_websocket
from hubproof.waiting import Deadline, wait_for

if TYPE_CHECKING:
    from hubproof.hub.server import UserServer

_START_WITHIN = 60.0
_SHUTDOWN_WITHIN = 10.0
_SLICE = 1.0
_NUDGE = 0.5


@dataclass(frozen=True)
class KernelException:
    """What a cell raised.

    Attributes:
        ename: class of the exception.
        evalue: its text.
        traceback: lines, with terminal colours as the kernel sent them.

    """

    ename: str
    evalue: str
    traceback: list[str] = field(default_factory=list)


@dataclass
class Execution:
    """What came of a cell.

    Attributes:
        status: `ok`, `error` or `aborted`.
        stdout: all of it.
        stderr: all of it.
        result: the cell's value by media type; without one, what it displayed last.
        displays: everything displayed, by media type.
        error: what it raised.
        seconds: until it was done.
        first_output: when the first output came, by `time.monotonic`; 0 without output.
        code: of the cell.

    """

    status: str = ""
    stdout: str = ""
    stderr: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    displays: list[dict[str, Any]] = field(default_factory=list)
    error: KernelException | None = None
    seconds: float = 0.0
    first_output: float = 0.0
    code: str = ""

    def quoted(self, text: str | None) -> str:
        """Return a part of the output as it may stand in a report: see `hubproof.hub.kernel_output`."""
        return repr(shown(text, self.code)) if text is not None else "nothing"


class KernelDiedError(TargetError):
    """The server told that the kernel died or was restarted while a cell ran."""


class Kernel:
    """One kernel. A context manager: started when entered, shut down when left.

    Args:
        server: the user's server.
        name: of the kernelspec.

    """

    def __init__(self, server: UserServer, name: str = "python3") -> None:
        self.server = server
        self.name = name
        self.id = ""
        self.ready_at = 0.0
        self._session = uuid.uuid4().hex
        self._socket: websocket.WebSocket | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()

    def start(self, within: float = _START_WITHIN) -> None:
        """Start it, open its websocket, and wait until it answers.

        Raises:
            TargetError: one of these did not happen in time.

        """
        deadline = Deadline(within)
        self.id = self.server.expect_call("POST", "api/kernels", json={"name": self.name})["id"]
        self._open(deadline)
        # A request that reaches a kernel before it listens to iopub is answered without its idle: ask until both come.
        while not deadline.over:
            if self._round_trip(wire.request("kernel_info_request", {}, self._session), min(_NUDGE, deadline.left)):
                self.ready_at = time.monotonic()
                return
        raise TargetError(f"kernel {self.name} gave no answer within {within:g} s", where=self.server.url)

    def _open(self, deadline: Deadline) -> None:
        scheme, rest = self.server.url.split("://", 1)
        channels = f"{rest}api/kernels/{self.id}/channels?session_id={self._session}"
        url = f"{'wss' if scheme == 'https' else 'ws'}://{channels}"
        session = self.server.session
        self._socket = open_websocket(
            session.profile, url, session.websocket_headers(), protocols=[wire.V1], timeout=max(deadline.left, 1.0)
        )

    def _round_trip(self, request: Message, within: float) -> bool:
        self._send(request)
        deadline = Deadline(within)
        seen: set[str] = set()
        while not deadline.over and len(seen) < len(("reply", "idle")):
            message = self._receive(min(deadline.left, _SLICE))
            if message and message.parent == request.header["msg_id"]:
                seen |= {"reply"} if message.type.endswith("_reply") else set()
                seen |= {"idle"} if message.content.get("execution_state") == "idle" else set()
        return len(seen) == len(("reply", "idle"))

    def execute(self, code: str, timeout: float = 60.0) -> Execution:
        """Run a cell and return what came of it; that it raised is part of that, and no error here.

        Raises:
            KernelDiedError: the kernel died or was restarted meanwhile.
            TargetError: it was not done in time, or the connection broke.

        """
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        request = wire.request("execute_request", {**content, "stop_on_error": False}, self._session)
        started, deadline = time.monotonic(), Deadline(timeout)
        done, idle = Execution(code=code), False
        self._send(request)
        while not (done.status and idle):
            if deadline.over:
                raise TargetError(
                    f"the cell was not done within {timeout:g} s; its output: "
                    f"{done.quoted((done.stdout + done.stderr)[-300:])}",
                    wanted="reply and idle of the cell",
                    where=self.server.url,
                )
            message = self._receive(min(deadline.left, _SLICE))
            if message is None:
                continue
            self._watch_for_death(message)
            if message.parent != request.header["msg_id"]:
                continue
            idle = idle or message.content.get("execution_state") == "idle"
            collect(done, message)
        done.seconds = time.monotonic() - started
        return done

    def _watch_for_death(self, message: Message) -> None:
        state = message.content.get("execution_state") if message.type == "status" else None
        if state in {"restarting", "autorestarting", "dead"}:
            raise KernelDiedError(f"the server told that the kernel is {state}", where=self.server.url)

    def interrupt(self) -> None:
        """Interrupt what the kernel runs."""
        self.server.expect_call("POST", f"api/kernels/{self.id}/interrupt")

    def shutdown(self) -> None:
        """End it; that it is gone already is no error."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self.id:
            # A server that is just restarting a dead kernel answers 500 until it has.
            answers: list[int] = []
            try:
                wait_for(
                    lambda: self._is_gone(answers),
                    within=_SHUTDOWN_WITHIN,
                    what="the kernel to be shut down",
                    every=0.3,
                    last=lambda: f"statuses {answers}",
                )
            except DeadlineExceededError as error:
                raise TargetError(error.happened, where=self.server.url) from error
            self.id = ""

    def _is_gone(self, answers: list[int]) -> bool:
        answer = self.server.call("DELETE", f"api/kernels/{self.id}")
        answers.append(answer.status_code)
        return answer.is_success or answer.status_code == httpx.codes.NOT_FOUND

    def _send(self, message: Message) -> None:
        open_ = self._connected()
        try:
            if open_.getsubprotocol() == wire.V1:
                open_.send_binary(wire.encode_v1(message))
            else:
                open_.send(wire.encode_json(message))
        except (OSError, websocket.WebSocketException) as error:
            raise failure("kernel websocket", error) from error

    def _receive(self, within: float) -> Message | None:
        """Return the next message, None when none came in time."""
        open_ = self._connected()
        open_.settimeout(max(within, 0.01))
        try:
            data = open_.recv()
        except websocket.WebSocketTimeoutException:
            return None
        except (OSError, websocket.WebSocketException) as error:
            raise failure("kernel websocket", error) from error
        if not data:
            raise TargetError("the kernel's websocket was closed by the other side", where=self.server.url)
        try:
            return wire.decode(data)
        except ValueError as error:
            raise TargetError(f"kernel websocket: {error}", where=self.server.url) from error

    def _connected(self) -> websocket.WebSocket:
        if self._socket is None:
            raise TargetError(f"kernel {self.name} is not started", where=self.server.url)
        return self._socket


def collect(done: Execution, message: Message) -> None:
    """Add what one of the cell's own messages says to what came of it."""
    content = message.content
    if message.type in {"stream", "execute_result", "display_data", "error"} and not done.first_output:
        done.first_output = time.monotonic()
    match message.type:
        case "stream" if content["name"] == "stderr":
            done.stderr += content["text"]
        case "stream":
            done.stdout += content["text"]
        case "execute_result":
            done.result = content["data"]
        case "display_data":
            done.displays.append(content["data"])
        case "error":
            done.error = KernelException(content["ename"], content["evalue"], content.get("traceback", []))
        case "execute_reply":
            done.status = content["status"]
            if done.status == "error" and done.error is None:
                done.error = KernelException(content.get("ename", ""), content.get("evalue", ""))
        case _:
            pass
    if not done.result and done.displays:
        done.result = done.displays[-1]
