"""The wire format of kernel messages: `v1.kernel.websocket.jupyter.org` frames, and JSON where it was not agreed on.

Source: jupyter_server's developer documentation, "WebSocket kernel wire protocols".
"""

from __future__ import annotations

import datetime as dt
import json
import struct
import uuid
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

V1 = "v1.kernel.websocket.jupyter.org"
_PARTS = ("header", "parent_header", "metadata", "content")


@dataclass
class Message:
    """One kernel message.

    Attributes:
        channel: `shell`, `iopub`, `control` or `stdin`.
        header: with `msg_id` and `msg_type`.
        parent_header: of the request that it answers; empty for what a kernel or server says on its own.
        content: by type.

    """

    channel: str
    header: dict[str, Any]
    content: dict[str, Any]
    parent_header: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """What kind of message it is."""
        return str(self.header.get("msg_type", ""))

    @property
    def parent(self) -> str:
        """Id of the request that it answers, empty when there is none."""
        return str(self.parent_header.get("msg_id", ""))


def request(kind: str, content: dict[str, Any], session: str, channel: str = "shell") -> Message:
    """Return a new request to a kernel."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "session": session,
        "username": "hubproof",
        "version": "5.3",
        "date": dt.datetime.now(dt.UTC).isoformat(),
    }
    return Message(channel, header, content)


def encode_v1(message: Message) -> bytes:
    """Return the frame of a message: count and offsets as 64-bit little-endian numbers, then the parts."""
    parts = [message.channel.encode(), *(json.dumps(getattr(message, name)).encode() for name in _PARTS)]
    count = len(parts) + 1  # the offsets are those of each part, and the end
    offsets = [8 * (count + 1)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{count + 1}Q", count, *offsets) + b"".join(parts)


def decode_v1(frame: bytes) -> Message:
    """Return the message of a frame; binary buffers after the fifth part are left out.

    Raises:
        ValueError: it is no such frame.

    """
    try:
        (count,) = struct.unpack_from("<Q", frame)
        offsets = struct.unpack_from(f"<{count}Q", frame, 8)
        parts = [frame[begin:end] for begin, end in pairwise(offsets)]
        channel, rest = parts[0].decode(), [json.loads(part) for part in parts[1:5]]
        header, parent, metadata, content = rest
    except (struct.error, IndexError, ValueError) as error:
        msg = f"no kernel message of {V1}: {error}"
        raise ValueError(msg) from error
    return Message(channel, header, content, parent, metadata)


def encode_json(message: Message) -> str:
    """Return a message in the older format, one JSON text."""
    parts = {name: getattr(message, name) for name in _PARTS}
    return json.dumps({"channel": message.channel, "buffers": [], **parts})


def decode(data: bytes | str) -> Message:
    """Return the message of a websocket frame, text being JSON and bytes v1.

    Raises:
        ValueError: it is neither.

    """
    if isinstance(data, bytes):
        return decode_v1(data)
    parts = json.loads(data)
    try:
        return Message(
            parts["channel"], parts["header"], parts["content"], parts.get("parent_header") or {}, parts["metadata"]
        )
    except (KeyError, TypeError) as error:
        msg = f"no kernel message: {error!r}"
        raise ValueError(msg) from error
