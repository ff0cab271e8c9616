"""Tries to reach addresses. The text of this file runs inside pods and kernels: standard library only, Python 3.8.

`python3 -c "$(cat reach_probe.py)" '[["hub.jupyter", 8081, "tcp"]]'` prints what `probe_all` returns. What it can tell
apart: `open` (a connection was made; for UDP, an answer came), `timeout`, `refused`, `no-route` (the network said that
there is none, or that it is not allowed), `dns` (the name has no address, or nobody told it), `other`.
"""

from __future__ import annotations

import errno
import json
import socket
import struct
import threading
import time

DNS_PORT = 53
RESOLVE_SECONDS = 6.0  # one lost packet of DNS is repeated after five seconds
NO_ROUTE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}
TELLING = ("open", "refused", "no-route", "timeout", "other")


def probe_all(targets: str, timeout: float = 2.0) -> str:
    """Try all targets at once. They come as JSON, `[[host, port, "tcp" or "udp"], …]`; so does what was seen."""
    asked = json.loads(targets)
    seen = [{"kind": "other", "ms": 0.0, "detail": "the probe did not end"} for _ in asked]
    # Threads that end with the process: a name that nobody resolves must not hold up the rest.
    threads = [
        threading.Thread(target=_probe_into, args=(seen, place, target, timeout), daemon=True)
        for place, target in enumerate(asked)
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + RESOLVE_SECONDS + 3 * timeout + 1.0
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return json.dumps(seen)


def _probe_into(seen: list[dict[str, object]], place: int, target: list[object], timeout: float) -> None:
    host, port, protocol = str(target[0]), int(str(target[1])), str(target[2])
    start = time.monotonic()
    addresses, problem = _resolve(host, port, protocol)
    if problem:
        seen[place] = {"kind": "dns", "ms": _since(start), "detail": problem}
        return
    tried = []
    for address in addresses[:3]:
        start = time.monotonic()
        kind, detail = _try_one(address, port, protocol, timeout)
        shown = address if not detail else address + ": " + detail
        tried.append({"kind": kind, "ms": _since(start), "detail": shown if shown != host else ""})
        if kind == "open":
            break
    seen[place] = min(tried, key=lambda one: TELLING.index(str(one["kind"])))


def _resolve(host: str, port: int, protocol: str) -> tuple[list[str], str]:
    """Return the addresses of a name, or why there are none."""
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    found: list[str] = []
    problem = [f"nobody answered within {RESOLVE_SECONDS:g} s"]

    def look() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=kind)
        except (OSError, UnicodeError) as error:
            problem[0] = str(error)
        else:
            found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(RESOLVE_SECONDS)
    return (found, "") if found else ([], problem[0])


def _try_one(address: str, port: int, protocol: str, timeout: float) -> tuple[str, str]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    udp = protocol == "udp"
    try:
        with socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect((address, port))
            if udp:  # a datagram that vanishes and one that arrives look the same: only an answer proves anything
                connection.send(_question() if port == DNS_PORT else b"hubproof\n")
                connection.recv(2048)
    except socket.timeout:  # noqa: UP041 - another class than TimeoutError before Python 3.10
        return "timeout", ""
    except OSError as error:
        return _kind_of(error), "" if isinstance(error, ConnectionRefusedError) else str(error)
    return "open", ""


def _kind_of(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if error.errno == errno.ETIMEDOUT:
        return "timeout"
    return "no-route" if error.errno in NO_ROUTE else "other"


def _question() -> bytes:
    """Return a DNS query for the address of kubernetes.default.svc; any answer will do, also that there is none."""
    name = b"".join(bytes([len(part)]) + part.encode() for part in ("kubernetes", "default", "svc", "cluster", "local"))
    return struct.pack(">HHHHHH", 0x4850, 0x0100, 1, 0, 0, 0) + name + b"\0" + struct.pack(">HH", 1, 1)


def _since(start: float) -> float:
    return round((time.monotonic() - start) * 1000, 1)
