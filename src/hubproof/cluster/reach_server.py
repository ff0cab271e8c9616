"""Answers on one port over TCP and UDP. The text of this file is run inside a probe pod: the standard library only."""

from __future__ import annotations

import contextlib
import os
import socket
import threading


def answer_tcp(listener: socket.socket) -> None:
    """Greet whoever connects, and hang up."""
    while True:
        with contextlib.suppress(OSError):  # whoever hangs up first has seen that something answers
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"hubproof\n")


def answer_udp(port: int) -> None:
    """Send every datagram back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("", port))
        while True:
            data, sender = listener.recvfrom(2048)
            listener.sendto(data, sender)


PORT = int(os.environ.get("HUBPROOF_PORT", "8080"))
threading.Thread(target=answer_udp, args=(PORT,), daemon=True).start()
answer_tcp(socket.create_server(("", PORT), backlog=64))
