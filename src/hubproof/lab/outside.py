"""The outside host of the lab: answers on every address it has, so that "closed" can be told from "not there".

It stands for a cloud's metadata service (169.254.169.254) and for any host on the Internet (203.0.113.10). HTTP on
ports 80 and 443 (plain: reaching it is the point, not TLS), and UDP 53 returns what it gets.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from hubproof.lab import cgroups
from hubproof.lab.layout import OUTSIDE, namespace_of

HTTP_PORTS = (80, 443)
ECHO_PORT = 53
ANSWER = b"hubproof lab: outside\n"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)


def echo(port: int) -> None:
    """Return every UDP packet to its sender, for ever."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.IPPROTO_IP, _PKTINFO, 1)
        server.bind(("", port))
        while True:
            data, ancillary, _, sender = server.recvmsg(2048, 64)
            # Answered from the address that was asked; the host has several, and a caller accepts no other's answer.
            server.sendmsg([data], [(level, kind, _answer_from(info)) for level, kind, info in ancillary], 0, sender)


_PKTINFO = 8


def _answer_from(info: bytes) -> bytes:
    """Return the `in_pktinfo` of the answer: any interface, from the local address that received the question."""
    return b"\0" * 4 + info[4:8] + b"\0" * 4


def main() -> None:
    """Join the outside host's control groups and network, and serve until the process is ended."""
    if "--enter" in sys.argv:
        cgroups.enter(OUTSIDE)
        here = [sys.executable, "-P", "-m", "hubproof.lab.outside"]
        words = ["nsenter", f"--net=/run/netns/{namespace_of(OUTSIDE)}", *here]
        os.execvp("nsenter", words)  # noqa: S606 - the process itself moves; nothing is to wait for it
    for port in HTTP_PORTS:
        server = ThreadingHTTPServer(("", port), _Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    echo(ECHO_PORT)


if __name__ == "__main__":
    main()
