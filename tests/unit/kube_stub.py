"""Just enough of a Kubernetes API for unit tests: objects in a dictionary, and answers that a test lays down."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from hubproof.profile import Profile

Object = dict[str, Any]
Answer = tuple[int, Object]
Query = dict[str, list[str]]


class KubeStub:
    """Holds objects by path. A test may lay down an answer for a path, and look at what was asked."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.answers: dict[str, Answer] = {"/version": (200, {"gitVersion": "v1.34.0"})}
        self.asked: list[tuple[str, str, Object]] = []
        self.events: list[Object] = []
        self.version = 1
        self.lock = threading.Lock()
        self.url = ""

    def refuse(self, path: str, status: int, message: str, reason: str = "Forbidden") -> None:
        self.answers[path] = (status, {"kind": "Status", "code": status, "message": message, "reason": reason})

    def handle(self, method: str, path: str, query: Query, body: Object) -> Answer:
        with self.lock:
            self.asked.append((method, path, body))
            if path in self.answers:
                return self.answers[path]
            answer: Answer = getattr(self, method.lower())(path, query, body)
            return answer

    def get(self, path: str, query: Query, _body: Object) -> Answer:
        if path in self.objects:
            return 200, self.objects[path]
        wanted = (query.get("labelSelector") or [""])[0]
        items = [one for at, one in self.objects.items() if at.rpartition("/")[0] == path and _selected(one, wanted)]
        if items or path.rpartition("/")[2] in {"pods", "leases", "networkpolicies", "events"}:
            return 200, {"metadata": {"resourceVersion": str(self.version)}, "items": items}
        return self._no(404, "NotFound")

    def post(self, path: str, query: Query, body: Object) -> Answer:
        at = f"{path}/{body['metadata'].get('name', '')}"
        if at in self.objects:
            return self._no(409, "AlreadyExists")
        return 201, body if "dryRun" in query else self._store(
            at, {**body, "metadata": {**body["metadata"], "uid": at}}
        )

    def put(self, path: str, _query: Query, body: Object) -> Answer:
        if path not in self.objects:
            return self._no(404, "NotFound")
        old = self.objects[path]["metadata"]
        if body["metadata"].get("resourceVersion") != old["resourceVersion"]:
            return self._no(409, "Conflict")
        return 200, self._store(path, {**body, "metadata": {**old, **body["metadata"]}})

    def delete(self, path: str, _query: Query, body: Object) -> Answer:
        if path not in self.objects:
            return self._no(404, "NotFound")
        condition = body.get("preconditions", {})
        if condition and condition["resourceVersion"] != self.objects[path]["metadata"]["resourceVersion"]:
            return self._no(409, "Conflict")
        del self.objects[path]
        return 200, {"kind": "Status", "status": "Success"}

    def _store(self, path: str, body: Object) -> Object:
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        self.objects[path] = body
        return body

    @staticmethod
    def _no(status: int, reason: str) -> Answer:
        return status, {"kind": "Status", "code": status, "reason": reason, "message": f"stub: {reason}"}


def _selected(one: Object, selector: str) -> bool:
    name, _, value = selector.partition("=")
    labels = one["metadata"].get("labels", {})
    return not selector or (name in labels and value in {"", labels[name]})


def _handler(stub: KubeStub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            query = parse_qs(parts.query)
            if "watch" in query:
                self._watch()
                return
            status, answer = stub.handle(self.command, unquote(parts.path), query, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _watch(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for event in stub.events:
                line = json.dumps(event).encode() + b"\n"
                # Two chunks for one line: lines and chunks need not agree.
                for part in (line[:10], line[10:]):
                    self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            stub.events = []
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            return

    return Handler


@contextmanager
def kube_stub() -> Iterator[KubeStub]:
    """Serve a stub on a free port while the body runs."""
    stub = KubeStub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(stub))
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()


def profile_for(url: str, folder: Path, **more: object) -> Profile:
    """Return a profile whose kubeconfig names this address."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "stub",
                "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "stub"}}],
                "clusters": [{"name": "stub", "cluster": {"server": url}}],
                "users": [{"name": "stub", "user": {"token": "t0ken"}}],
            }
        )
    )
    given = {"schema": "hubproof/1", "name": "t", "url": "https://hub.test", "kube": {"kubeconfig": str(kubeconfig)}}
    return Profile.model_validate({**given, **more})
