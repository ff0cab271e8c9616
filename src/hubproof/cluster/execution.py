"""Commands in pods, over the websocket that the official package speaks."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hubproof.cluster.connection import Connection, KubernetesError
from hubproof.errors import CouldNotRunError, DeadlineExceededError
from hubproof.waiting import Deadline

_STDOUT, _STDERR, _ERROR = 1, 2, 3
_HANDSHAKE = re.compile(r"Handshake status (\d+)(?:.*?(\{\"kind\":\"Status\".*\}))?", re.DOTALL)
_NOT_FOUND_CODE, _NOT_EXECUTABLE_CODE = 127, 126


@dataclass(frozen=True)
class Exec:
    """What a command wrote, and its exit code.

    Attributes:
        stdout: as text.
        stderr: as text.
        code: exit code; 127 also when the image has no such program.

    """

    stdout: str
    stderr: str
    code: int

    @property
    def missing(self) -> bool:
        """Whether the program was not there or could not be executed."""
        return self.code in {_NOT_FOUND_CODE, _NOT_EXECUTABLE_CODE}


def run_in_pod(
    connection: Connection,
    namespace: str,
    pod: str,
    command: Sequence[str],
    *,
    container: str | None,
    stdin: str | None,
    within: float,
) -> Exec:
    """Run a command in a pod; see `Cluster.exec`."""
    from kubernetes.client import CoreV1Api  # noqa: PLC0415 - see hubproof.cluster
    from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
    from kubernetes.stream import stream  # noqa: PLC0415

    doing = f"create pods/exec in namespace {namespace}"
    deadline = Deadline(within)
    # A client of its own: stream() swaps a method of the client that it uses, which other threads would meet.
    core = CoreV1Api(connection.api_client())
    given: dict[str, Any] = {"container": container} if container else {}
    try:
        channel = stream(
            core.connect_get_namespaced_pod_exec,
            pod,
            namespace,
            command=list(command),
            stdin=stdin is not None,
            stdout=True,
            stderr=True,
            tty=False,
            binary=True,
            _preload_content=False,
            **given,
        )
    except ApiException as error:
        raise _refusal(connection, error, doing, f"{namespace}/{pod}") from error
    try:
        return _converse(channel, stdin, deadline, " ".join(command)[:200], f"{namespace}/{pod}")
    finally:
        channel.close()
        # close() leaves the socket open when the server said goodbye first, which it does at each command's end.
        channel.sock.shutdown()


def _converse(channel: Any, stdin: str | None, deadline: Deadline, what: str, where: str) -> Exec:  # noqa: ANN401
    if stdin is not None:
        channel.write_stdin(stdin.encode())
        channel.close_channel(0)
    while channel.is_open():
        channel.update(timeout=deadline.left)
        if deadline.over and channel.is_open():
            seen = (channel.read_channel(_STDOUT) + channel.read_channel(_STDERR)).decode("utf-8", "replace")
            raise DeadlineExceededError(
                f"the command did not end within {deadline.seconds:g} s: {what}",
                wanted=f"its end; last seen: {seen[-300:]!r}",
                where=where,
            )
    out, err, told = (channel.read_channel(n).decode("utf-8", "replace") for n in (_STDOUT, _STDERR, _ERROR))
    return Exec(out, err, _exit_code(told, where))


def _exit_code(told: str, where: str) -> int:
    """Return the exit code from the status object that ends an exec."""
    try:
        status = json.loads(told)
    except ValueError as error:
        raise KubernetesError(500, "Broken", f"the exec ended without a status: {told[:200]!r}", where=where) from error
    if status.get("status") == "Success":
        return 0
    causes = {one.get("reason"): one.get("message") for one in (status.get("details") or {}).get("causes", [])}
    if "ExitCode" in causes:
        return int(causes["ExitCode"])
    message = str(status.get("message", ""))
    if "executable file not found" in message or "no such file or directory" in message:
        return _NOT_FOUND_CODE
    raise KubernetesError(int(status.get("code", 500)), str(status.get("reason", "")), message, where=where)


def _refusal(connection: Connection, error: Any, doing: str, where: str) -> Exception:  # noqa: ANN401
    """Turn a refused handshake into what a refused request would have raised."""
    text = str(error.reason or error)
    match = _HANDSHAKE.search(text)
    if not match:
        return CouldNotRunError(f"no exec into {where}: {text[:300]}", wanted=doing)
    body = match[2] or text
    if not _is_json(body):  # the body stands in the text as Python shows bytes
        body = body.encode().decode("unicode_escape")
    return connection.refusal(int(match[1]), body.encode(), doing)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
