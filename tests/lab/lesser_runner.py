"""An account of its own with copies of the runner's rights, of which one rule at a time can be taken out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from tests.lab.rights_in_use import Rule, documents
from tests.lab.running_gates import RunningLab

from hubproof.lab import lifecycle
from hubproof.lab.layout import Layout
from hubproof.lab.pki import write_kubeconfig
from hubproof.waiting import wait_for

_PLACE = "hubproof"
_SECONDS = 3600


class LesserRunner:
    """A service account with what fixtures/rbac gives, under a name of its own.

    Args:
        lab: where.
        name: of the account, and the end of its roles' names.
        reaches: the files that it is given.
        folder: for its kubeconfig.

    """

    def __init__(self, lab: RunningLab, name: str, reaches: tuple[str, ...], folder: Path) -> None:
        self._lab, self._name, self._reaches = lab, name, reaches
        self.kubeconfig = folder / f"{name}.kubeconfig"

    def __enter__(self) -> Self:
        self._remove()
        for one in self._objects():
            self._lab.cluster.create(one)
        path = f"/api/v1/namespaces/{_PLACE}/serviceaccounts/{self._name}/token"
        request = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1"}
        asked = {**request, "spec": {"expirationSeconds": _SECONDS}}
        answer = self._lab.cluster.connection.request("POST", path, doing="create a token", body=asked)
        authority = Layout(lifecycle.facts().state_dir).pki / "ca.crt"
        write_kubeconfig(self.kubeconfig, authority, {"token": json.loads(answer.data)["status"]["token"]}, _PLACE)
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    @contextmanager
    def without(self, rule: Rule) -> Iterator[None]:
        """Take one rule out of its role, until the API refuses what it gave; put it back afterwards."""
        kept = next(one for one in self._objects() if self._is_role(one, rule))
        place = rule.namespace or None
        rest = [body for index, body in enumerate(kept["rules"]) if index != rule.index]
        self._lab.cluster.patch(rule.kind, kept["metadata"]["name"], {"rules": rest}, place)
        try:
            self._wait(rule, allowed=False)
            yield
        finally:
            self._lab.cluster.patch(rule.kind, kept["metadata"]["name"], {"rules": kept["rules"]}, place)
            self._wait(rule, allowed=True)

    def _wait(self, rule: Rule, *, allowed: bool) -> None:
        """Wait until the API's authorizer has seen a change of roles."""
        what = f"the authorizer to see that {rule} is {'back' if allowed else 'gone'}"
        wait_for(lambda: self._may(rule) == allowed, within=20, what=what)

    def _may(self, rule: Rule) -> bool:
        resource, _, part = rule.body["resources"][0].partition("/")
        asked = {
            "verb": rule.body["verbs"][0],
            "group": rule.body["apiGroups"][0],
            "resource": resource,
            "subresource": part,
            "namespace": rule.namespace,
            "name": rule.body.get("resourceNames", [""])[0],
        }
        kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "metadata": {}}
        spec = {"user": f"system:serviceaccount:{_PLACE}:{self._name}", "resourceAttributes": asked}
        return bool(self._lab.cluster.create({**kind, "spec": spec})["status"]["allowed"])

    def _is_role(self, one: dict[str, Any], rule: Rule) -> bool:
        named = one["metadata"]["name"] == f"{rule.role}-{self._name}"
        return bool(named and one["kind"] == rule.kind and one["metadata"].get("namespace", "") == rule.namespace)

    def _objects(self) -> list[dict[str, Any]]:
        """Return the objects of the files under other names; the namespace is there already."""
        copies = [one for reach in self._reaches for one in documents(reach) if one["kind"] != "Namespace"]
        for one in copies:
            if one["kind"] == "ServiceAccount":
                one["metadata"]["name"] = self._name
                continue
            one["metadata"]["name"] += f"-{self._name}"
            if "roleRef" in one:
                one["roleRef"]["name"] += f"-{self._name}"
                one["subjects"][0]["name"] = self._name
        return copies

    def _remove(self) -> None:
        for one in self._objects():
            self._lab.cluster.delete(one["kind"], one["metadata"]["name"], one["metadata"].get("namespace"))
