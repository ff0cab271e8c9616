"""The cluster as checks use it: plain dictionaries in and out, typed calls, and errors that name the missing right.

Only this module and its neighbours know Kubernetes paths. How an error becomes one of ours is said in
`hubproof.cluster.connection`.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hubproof.cluster.connection import MERGE, Connection, KubernetesError
from hubproof.cluster.execution import Exec, run_in_pod
from hubproof.cluster.kinds import Kind, Kinds
from hubproof.cluster.watching import Watch
from hubproof.errors import CouldNotRunError
from hubproof.profile import Profile, SecretKey

Object = dict[str, Any]
"""One Kubernetes object as JSON says it."""

Objects = list[Object]
"""Several of them; a name of its own, since the class below has a method `list`."""

_NOT_FOUND, _NOT_YET = 404, 400
_PAGE = 500


@dataclass(frozen=True)
class Answer:
    """What the cluster says to "may I?": yes or no, and why."""

    allowed: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.allowed


class Cluster:
    """A Kubernetes cluster with the rights of the profile's runner. Safe to share between threads.

    Every call raises `CouldNotRunError` when the API is out of reach (3 s to connect, 10 s to answer), refuses the
    runner's token, or a right is missing; and `KubernetesError` for any other refusal. Nothing is tried twice.

    Args:
        profile: whose `kube` says where the cluster is.
        connect: seconds for a connection to be made.
        read: seconds for an answer.

    """

    def __init__(self, profile: Profile, *, connect: float = 3.0, read: float = 10.0) -> None:
        self.connection = Connection(profile, connect=connect, read=read)
        self._kinds = Kinds(self._discover)

    @property
    def host(self) -> str:
        """The address of the API."""
        return self.connection.host

    def now(self) -> dt.datetime:
        """Return the time by the cluster's clock."""
        return self.connection.now()

    def server_version(self) -> str:
        """Return the version of the API server, such as `v1.34.4`."""
        return str(json.loads(self.raw("/version"))["gitVersion"])

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """Return one object, or None when there is none."""
        found = self.kind(kind)
        try:
            return self._json("GET", found, "get", namespace, name)
        except KubernetesError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "", fields: str = "") -> Objects:
        """Return all objects of a kind, in one namespace or in all, as the selectors narrow it."""
        found = self.kind(kind)
        items: Objects = []
        query: dict[str, object] = {"labelSelector": labels, "fieldSelector": fields, "limit": _PAGE}
        while True:
            page = self._json("GET", found, "list", namespace, query=query)
            # Items of a list do not say their own kind; what leaves here does, so that it can be sent back.
            items += [{"apiVersion": found.version, "kind": found.name, **item} for item in page.get("items") or []]
            token = page.get("metadata", {}).get("continue")
            if not token:
                return items
            query = {**query, "continue": token}

    def create(self, body: Object, *, dry_run: bool = False) -> Object:
        """Make an object, or only have it judged by the API when `dry_run` is true."""
        kind = self.kind(body["kind"], body["apiVersion"])
        query = {"dryRun": "All" if dry_run else None}
        return self._json("POST", kind, "create", body["metadata"].get("namespace"), body=body, query=query)

    def replace(self, body: Object) -> Object:
        """Replace an object; 409 `Conflict` when its `resourceVersion` is no longer the newest."""
        kind, metadata = self.kind(body["kind"], body["apiVersion"]), body["metadata"]
        return self._json("PUT", kind, "update", metadata.get("namespace"), metadata["name"], body=body)

    def patch(
        self, kind: str, name: str, patch: object, namespace: str | None = None, *, content_type: str = MERGE
    ) -> Object:
        """Change an object, by default by a merge patch."""
        return self._json("PATCH", self.kind(kind), "patch", namespace, name, body=patch, content_type=content_type)

    def delete(
        self,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        grace: int | None = None,
        precondition: Object | None = None,
    ) -> bool:
        """Delete one object without waiting for its end; return False when there was none.

        Args:
            kind: of the object.
            name: of the object.
            namespace: where it is.
            grace: seconds that a pod is given to end.
            precondition: the object as it was last seen; 409 `Conflict` when it has changed or was made anew.

        """
        options: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if precondition is not None:
            seen = precondition["metadata"]
            options["preconditions"] = {"uid": seen["uid"], "resourceVersion": seen["resourceVersion"]}
        try:
            self._json("DELETE", self.kind(kind), "delete", namespace, name, body=options)
        except KubernetesError as error:
            if error.status == _NOT_FOUND:
                return False
            raise
        return True

    def watch(
        self,
        kind: str,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        within: float,
        since: str | None = None,
    ) -> Watch:
        """Return the changes of a kind as they arrive: (client's monotonic clock, type, object).

        What exists comes first, as `ADDED`, unless `since` gives the `resourceVersion` to begin after. The iteration
        ends after `within` seconds, or when `close()` is called from any thread.
        """
        query = {"labelSelector": labels, "fieldSelector": fields}
        return Watch(self.connection, self.kind(kind), namespace, query, within=within, since=since)

    def exec(
        self,
        namespace: str,
        pod: str,
        command: Sequence[str],
        *,
        container: str | None = None,
        stdin: str | None = None,
        within: float = 30.0,
    ) -> Exec:
        """Run a command in a pod and return what it wrote and its exit code.

        Raises:
            DeadlineExceededError: it did not end in time; it may still run in the pod.

        """
        return run_in_pod(self.connection, namespace, pod, command, container=container, stdin=stdin, within=within)

    def logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str | None = None,
        since: dt.datetime | None = None,
        lines: int | None = None,
        tail_bytes: int = 1 << 20,
        previous: bool = False,
        timestamps: bool = False,
    ) -> str:
        """Return a container's log, at most its last `tail_bytes` bytes; empty when there is none (yet)."""
        query = {
            "container": container,
            "sinceTime": since.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if since else None,
            "tailLines": lines,
            "previous": previous and "true",
            "timestamps": timestamps and "true",
        }
        kind = self.kind("Pod")
        doing = _doing("get", kind, namespace, "log")
        path = kind.path(namespace, pod, "log")
        try:
            data: bytes = self.connection.request("GET", path, doing=doing, query=query, read=30.0).data
        except KubernetesError as error:
            # 400: the container waits to start, or has no previous instance. 404: the pod is gone.
            if error.status in {_NOT_YET, _NOT_FOUND}:
                return ""
            raise
        return data[-tail_bytes:].decode("utf-8", "replace")

    def raw(self, path: str, query: Object | None = None, *, read: float | None = None) -> bytes:
        """Return what the API answers to a GET of a path, such as a Service behind its proxy."""
        response = self.connection.request("GET", path, doing=f"get {path}", query=query, read=read)
        data: bytes = response.data
        return data

    def can_i(
        self, verb: str, resource: str, namespace: str | None = None, *, subresource: str = "", name: str = ""
    ) -> Answer:
        """Ask whether the runner itself holds a right. `resource` may carry its group: `deployments.apps`."""
        plural, _, group = resource.partition(".")
        asked = {
            "verb": verb, "resource": plural, "group": group, "namespace": namespace or "",
            "subresource": subresource, "name": name,
        }  # fmt: skip
        kind, version = "SelfSubjectAccessReview", "authorization.k8s.io/v1"
        body = {"apiVersion": version, "kind": kind, "metadata": {}, "spec": {"resourceAttributes": asked}}
        status = self.create(body)["status"]
        return Answer(bool(status.get("allowed")), str(status.get("reason") or status.get("evaluationError") or ""))

    def secret_key(self, namespace: str, key: SecretKey) -> str:
        """Return the text of one key of a Secret, for `hubproof.secrets`.

        Raises:
            CouldNotRunError: the Secret, or its key, is not there.

        """
        secret = self.get("Secret", key.name, namespace)
        value = (secret or {}).get("data", {}).get(key.key)
        if value is None:
            what = f"key {key.key} of secret" if secret else "secret"
            raise CouldNotRunError(f"{what} {namespace}/{key.name} is missing", next_step="correct the profile")
        return base64.b64decode(value).decode("utf-8", "replace")

    def kind(self, word: str, version: str = "") -> Kind:
        """Return where objects of a kind are found.

        Raises:
            KubernetesError: the cluster serves no such kind; a CRD is missing.

        """
        found = self._kinds.find(word, version)
        if found is None:
            served = f"{word} of {version}" if version else word
            raise KubernetesError(_NOT_FOUND, "NotFound", f"this cluster serves no kind {served}", where=self.host)
        return found

    def _discover(self, path: str) -> Object | None:
        try:
            found: Object = json.loads(self.raw(path))
        except KubernetesError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return found

    def _json(
        self,
        method: str,
        kind: Kind,
        verb: str,
        namespace: str | None,
        name: str = "",
        *,
        body: object = None,
        query: Object | None = None,
        content_type: str = "application/json",
    ) -> Object:
        path, doing = kind.path(namespace, name), _doing(verb, kind, namespace)
        response = self.connection.request(method, path, doing=doing, query=query, body=body, content_type=content_type)
        answer: Object = json.loads(response.data)
        return answer


def _doing(verb: str, kind: Kind, namespace: str | None, subresource: str = "") -> str:
    resource = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
    part = f"/{subresource}" if subresource else ""
    place = f"in namespace {namespace}" if namespace and kind.namespaced else "in the whole cluster"
    return f"{verb} {resource}{part} {place}"
