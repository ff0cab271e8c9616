"""Asks whether the lab's public page answers, by its address, with the name that its certificate is for."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path

_TIMEOUT = 3.0
_ANSWERS = {200, 302}


def answers(address: str, host: str, ca_file: Path) -> bool:
    """Return whether `https://host/hub/login` at `address` answers as a hub does, over a verified connection."""
    context = ssl.create_default_context(cafile=str(ca_file))
    try:
        with (
            socket.create_connection((address, 443), _TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            connection = http.client.HTTPConnection(host, timeout=_TIMEOUT)
            connection.sock = secure
            connection.request("GET", "/hub/login")
            return connection.getresponse().status in _ANSWERS
    except (OSError, http.client.HTTPException):
        return False
