"""A Kubernetes API client small enough to run four times in a node: standard library only, JSON in, JSON out.

Used by the lab itself (its agents, its boot), as the lab's administrator. Checks use `hubproof.cluster`.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Object = dict[str, Any]


class ApiAnswerError(Exception):
    """The API server answered with an error status.

    Args:
        status: the HTTP status; 0 when a watch ended with an ERROR event.
        text: the start of the answer.

    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:500]}")
        self.status = status


class KubeApi:
    """Talks to one API server with a client certificate.

    Args:
        server: `https://host:port`.
        context: TLS settings with the client's certificate.

    """

    def __init__(self, server: str, context: ssl.SSLContext) -> None:
        self._address = urlsplit(server)
        self._context = context

    @classmethod
    def from_files(cls, server: str, authority: Path, certificate: Path, key: Path) -> KubeApi:
        """Return a client from three PEM files."""
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(certificate, key)
        return cls(server, context)

    def get(self, path: str) -> Object:
        """Return the object or list at `path`; raise `ApiAnswerError` for any other status than 200."""
        return self.call("GET", path)

    def find(self, path: str) -> Object | None:
        """Return the object at `path`, None when there is none."""
        try:
            return self.get(path)
        except ApiAnswerError as error:
            if error.status == http.HTTPStatus.NOT_FOUND:
                return None
            raise

    def call(self, verb: str, path: str, body: Object | None = None, *, media: str = "application/json") -> Object:
        """Send one request and return its answer's JSON (an empty object where the answer has none)."""
        connection = self._connect(timeout=10)
        try:
            headers = {"Content-Type": media, "Accept": "application/json"}
            connection.request(verb, path, body=None if body is None else json.dumps(body), headers=headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise ApiAnswerError(answer.status, text)
        try:
            parsed: Object = json.loads(text)
        except ValueError:
            return {}
        return parsed

    def merge(self, path: str, change: Object) -> Object:
        """Patch the object at `path` by JSON merge."""
        return self.call("PATCH", path, change, media="application/merge-patch+json")

    def ready(self) -> bool:
        """Say whether the API server says that it is ready; False as well when it does not answer."""
        try:
            self.call("GET", "/readyz")
        except (OSError, http.client.HTTPException, ApiAnswerError):
            return False
        return True

    def watch(self, path: str, version: str) -> Iterator[tuple[str, Object]]:
        """Yield (type, object) for each change after `version`, until the server ends the watch (ten minutes)."""
        connection = self._connect(timeout=660)
        try:
            query = f"watch=1&resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds=600"
            connection.request("GET", f"{path}?{query}", headers={"Accept": "application/json"})
            answer = connection.getresponse()
            if answer.status != http.HTTPStatus.OK:
                raise ApiAnswerError(answer.status, answer.read().decode(errors="replace"))
            while line := answer.readline():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiAnswerError(0, json.dumps(event["object"]))
                if event["type"] != "BOOKMARK":
                    yield event["type"], event["object"]
        finally:
            connection.close()

    def _connect(self, timeout: float) -> http.client.HTTPSConnection:
        host, port = self._address.hostname or "", self._address.port
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._context)


class Mirror:
    """Keeps what exists of one kind up to date in memory, by list and watch, for as long as the process lives.

    Args:
        api: the API server.
        path: the list's path, `/api/v1/pods`.
        slim: what to keep of an object; None leaves it out. What stays equal wakes nobody.
        changed: called after each change of what is kept.

    """

    def __init__(self, api: KubeApi, path: str, slim: Callable[[Object], Any], changed: Callable[[], None]) -> None:
        self._api = api
        self._path = path
        self._slim = slim
        self._changed = changed
        self.items: dict[tuple[str, str], Any] = {}
        self.synced = threading.Event()

    def start(self) -> None:
        """Begin in a thread of its own."""
        threading.Thread(target=self._run, daemon=True, name=self._path).start()

    def _run(self) -> None:
        while True:
            try:
                self._list_and_watch()
            except (OSError, http.client.HTTPException, ApiAnswerError, ValueError) as error:
                say(f"watch of {self._path} ended: {error!r:.200}")
                time.sleep(0.5)

    def _list_and_watch(self) -> None:
        page = self._api.get(self._path)
        kept = {key(item): self._slim(item) for item in page["items"]}
        self.items = {name: item for name, item in kept.items() if item is not None}
        self.synced.set()
        self._changed()
        for kind, item in self._api.watch(self._path, page["metadata"]["resourceVersion"]):
            new = None if kind == "DELETED" else self._slim(item)
            if self.items.get(key(item)) == new:
                continue
            # A new dictionary each time: whoever reads `items` sees one moment, without a lock.
            changed = {name: kept for name, kept in self.items.items() if name != key(item)}
            self.items = changed if new is None else {**changed, key(item): new}
            self._changed()


def key(item: Object) -> tuple[str, str]:
    """Return namespace (empty for cluster-wide kinds) and name."""
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def read_kubeconfig(path: Path) -> KubeApi:
    """Return a client from one of the lab's own kubeconfigs, which are JSON with embedded PEM data."""
    config = json.loads(path.read_text(encoding="utf-8"))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, data in (
            ("ca", cluster["certificate-authority-data"]),
            ("crt", user["client-certificate-data"]),
            ("key", user["client-key-data"]),
        ):
            file = Path(folder, name)
            file.touch(0o600)
            file.write_bytes(base64.b64decode(data))
            files.append(file)
        return KubeApi.from_files(cluster["server"], *files)


def say(text: str) -> None:
    """Write one line to the log of the process."""
    sys.stdout.write(f"{time.time():.3f} {text}\n")
    sys.stdout.flush()
