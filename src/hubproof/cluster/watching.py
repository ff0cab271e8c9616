"""Changes as they arrive, stamped with the client's own clock: times in Kubernetes objects have whole seconds."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

from hubproof.cluster.connection import Connection, KubernetesError
from hubproof.cluster.kinds import Kind
from hubproof.waiting import Deadline, pause

_GONE = 410
_LONGEST = 300.0  # the API server ends a watch by itself after five to ten minutes; ours ends before and goes on


class Arrival(NamedTuple):
    """One change: when it arrived (`time.monotonic`), `ADDED`, `MODIFIED` or `DELETED`, and the object."""

    at: float
    type: str
    object: dict[str, Any]


class Watch:
    """An iteration over changes; made by `Cluster.watch`. Also a context manager that closes itself.

    A connection that the server ends is taken up where it ended. Where that is no longer possible (410), what exists
    comes again as `ADDED`.

    Args:
        connection: to the API.
        kind: what is watched.
        namespace: where; None is everywhere.
        query: label and field selectors.
        within: seconds after which the iteration ends.
        since: `resourceVersion` to begin after; None begins with what exists.

    """

    def __init__(
        self,
        connection: Connection,
        kind: Kind,
        namespace: str | None,
        query: dict[str, str],
        *,
        within: float,
        since: str | None = None,
    ) -> None:
        self._connection = connection
        self._path = kind.path(namespace)
        place = f"in namespace {namespace}" if namespace and kind.namespaced else "in the whole cluster"
        resource = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
        self._listing, self._doing = (f"{verb} {resource} {place}" for verb in ("list", "watch"))
        self._query = query
        self._deadline = Deadline(within)
        self.since = since
        self._closed = threading.Event()
        self._response: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Arrival]:
        version = self.since
        while not self._closed.is_set() and not self._deadline.over:
            if version is None:
                version, existing = self.existing()
                yield from (Arrival(time.monotonic(), "ADDED", one) for one in existing)
            for arrival in self._connected(version):
                told = arrival.object
                if arrival.type == "ERROR":
                    code, reason = int(told.get("code", 500)), str(told.get("reason"))
                    if code != _GONE:
                        raise KubernetesError(code, reason, str(told.get("message")), where=self._doing)
                    version = None
                    break
                version = told["metadata"]["resourceVersion"]
                if arrival.type != "BOOKMARK":
                    yield arrival
            if not self._closed.is_set() and not self._deadline.over:
                pause(0.1, reason="the next connection: one that ends at once must not be asked for without pause")

    def existing(self) -> tuple[str, list[dict[str, Any]]]:
        """Return what exists now, and the `resourceVersion` of that moment."""
        response = self._connection.request("GET", self._path, doing=self._listing, query=self._query)
        page = json.loads(response.data)
        return page["metadata"]["resourceVersion"], page.get("items") or []

    def close(self) -> None:
        """End the iteration at once, also from another thread that does not hold it."""
        self._closed.set()
        connection = getattr(self._response, "connection", None)
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):  # it had ended by itself
                # The plain socket's method: an SSLSocket's own would drop the encryption, and whoever is reading
                # would take what comes in for plain text.
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def _connected(self, version: str) -> Iterator[Arrival]:
        import urllib3  # noqa: PLC0415 - see hubproof.cluster

        left = min(self._deadline.left, _LONGEST)
        query = {
            **self._query, "watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true",
            "timeoutSeconds": max(1, math.ceil(left)),
        }  # fmt: skip
        response = self._connection.request(
            "GET", self._path, doing=self._doing, query=query, read=left + 1.0, stream=True
        )
        self._response = response
        pending = b""
        try:
            if self._closed.is_set():
                return
            for chunk in response.stream():
                at = time.monotonic()
                *lines, pending = (pending + chunk).split(b"\n")
                for line in filter(None, lines):
                    event = json.loads(line)
                    yield Arrival(at, event["type"], event["object"])
                if self._closed.is_set() or self._deadline.over:
                    return
        except (urllib3.exceptions.HTTPError, OSError):
            return  # The connection broke, or close() cut it. The loop above goes on where this ended, or ends.
        finally:
            self._response = None
            response.close()
