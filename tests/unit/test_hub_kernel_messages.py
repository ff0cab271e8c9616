from __future__ import annotations

import struct

import pytest

from hubproof.hub import kernel_messages as wire
from hubproof.hub.kernel import Execution, collect
from hubproof.hub.kernel_messages import Message


def said(kind: str, content: dict[str, object], channel: str = "iopub") -> Message:
    return Message(channel, {"msg_type": kind}, content)


def test_a_frame_comes_back_as_it_went() -> None:
    sent = wire.request("execute_request", {"code": "print('ä')"}, "session")
    back = wire.decode(wire.encode_v1(sent))
    assert back == sent


def test_a_frame_starts_with_its_offsets_in_little_endian() -> None:
    frame = wire.encode_v1(Message("shell", {}, {}))
    count, first = struct.unpack_from("<QQ", frame)
    assert (count, first) == (6, 8 * 7)
    assert frame[first : first + 5] == b"shell"


def test_binary_buffers_are_left_out() -> None:
    frame = wire.encode_v1(Message("iopub", {"msg_type": "comm_msg"}, {"data": 1}))
    parts = [b"iopub", b'{"msg_type": "comm_msg"}', b"{}", b"{}", b'{"data": 1}', b"\0\1\2"]
    offsets = [8 * 8]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    with_buffer = struct.pack("<8Q", 7, *offsets) + b"".join(parts)
    assert wire.decode(with_buffer) == wire.decode(frame)


@pytest.mark.parametrize("frame", [b"", b"\0" * 7, struct.pack("<QQ", 9, 1), b"\xff" * 64])
def test_rubbish_is_no_message(frame: bytes) -> None:
    with pytest.raises(ValueError, match="no kernel message"):
        wire.decode_v1(frame)


def test_the_older_format_is_json() -> None:
    sent = wire.request("kernel_info_request", {}, "session")
    assert wire.decode(wire.encode_json(sent)) == sent


def test_chunks_of_a_stream_are_joined() -> None:
    done = Execution()
    for text in ("a", "b\n"):
        collect(done, said("stream", {"name": "stdout", "text": text}))
    collect(done, said("stream", {"name": "stderr", "text": "oh"}))
    assert (done.stdout, done.stderr) == ("ab\n", "oh")


def test_a_raising_cell_is_an_error_and_not_an_empty_output() -> None:
    done = Execution()
    collect(done, said("error", {"ename": "ZeroDivisionError", "evalue": "division by zero", "traceback": ["x"]}))
    collect(done, said("execute_reply", {"status": "error"}, "shell"))
    assert done.status == "error"
    assert done.error
    assert done.error.ename == "ZeroDivisionError"


def test_the_value_of_a_cell_wins_over_what_it_displayed() -> None:
    done = Execution()
    collect(done, said("display_data", {"data": {"text/html": "<b>shown</b>"}}))
    assert done.result == {"text/html": "<b>shown</b>"}
    collect(done, said("execute_result", {"data": {"text/plain": "42"}}))
    assert done.result == {"text/plain": "42"}
