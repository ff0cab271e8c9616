"""Seeded defects: small, reversible changes to the reference deployment, one file each, and how they go in and out.

A file says what an operator did wrong and which checks must turn red; how to take it out is never written down, since
it follows: what was changed is put back as it was, what was added is removed, what was removed is made again.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hubproof.errors import HubproofError, UsageError
from hubproof.lab.commands import run
from hubproof.lab.layout import Layout
from hubproof.lab.pki import Authority
from hubproof.lab.programs import program
from hubproof.resources import resource

Manifest = dict[str, Any]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Where(_Strict):
    """An object of the cluster."""

    kind: str
    name: str
    namespace: str = "jupyter"


class Patch(Where):
    """Change a live object, as somebody with kubectl would."""

    type: Literal["merge", "json", "strategic"] = "merge"
    patch: Any


class Exec(Where):
    """Run a command in a pod of a workload, and another one to undo it."""

    command: list[str]
    undo: list[str] = Field(min_length=1)


class Certificate(_Strict):
    """Put another certificate and its key into a TLS Secret."""

    name: str
    namespace: str
    hosts: list[str]
    unknown_authority: bool = Field(default=False, description="Of an authority that nobody trusts.")


class Step(_Strict):
    """One step of putting a defect in: exactly one of these."""

    patch: Patch | None = None
    apply: Manifest | None = None
    delete: Where | None = None
    restart: Where | None = Field(default=None, description="Restart a workload so that it reads its configuration.")
    exec: Exec | None = None
    certificate: Certificate | None = None
    remove_after: Where | None = Field(default=None, description="Something that the defect itself leads to.")
    ignore_policies: Literal[True] | None = Field(default=None, description="The nodes enforce no NetworkPolicy.")

    @model_validator(mode="after")
    def _one(self) -> Step:
        if len(self.model_fields_set) != 1:
            msg = f"a step is exactly one of {', '.join(type(self).model_fields)}"
            raise ValueError(msg)
        return self


class Defect(_Strict):
    """A seeded defect, or a look-alike: a healthy but unusual deployment that must stay green.

    Attributes:
        id: the file's name.
        story: what an operator did, or what happened.
        checks: those that must turn red; of a look-alike, those that must stay green.
        consequences: those that may turn red or be unable to run too, since the defect truly breaks what they need.
        seen: words that the failing check's message must hold: red for the right reason.
        look_alike: whether it must stay green.

    """

    id: str
    story: str = Field(min_length=20)
    checks: list[str] = Field(min_length=1)
    consequences: list[str] = []
    seen: list[str] = []
    look_alike: bool = False
    put_in: list[Step] = Field(min_length=1)


def load_defects() -> dict[str, Defect]:
    """Read all seeded defects, by id.

    Raises:
        UsageError: a file is not of this shape; the message names it.

    """
    found = {}
    for path in sorted(resource("fixtures", "defects").glob("*.yaml")):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        try:
            found[path.stem] = Defect.model_validate({"id": path.stem, **data})
        except (ValidationError, TypeError) as error:
            raise UsageError(f"{path}: {error}") from error
    return found


class Seeder:
    """Puts a defect into the lab's deployment and takes it out again.

    Args:
        layout: the lab that is changed.

    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @contextmanager
    def seeded(self, defect: Defect) -> Iterator[None]:
        """Have the defect in while the body runs. It is taken out however the body ends.

        Raises:
            HubproofError: it could not be put in, or not be taken out: then the deployment is not what it was.

        """
        changed: list[Where] = []
        restarted: list[Where] = []
        self._layout.seeded_defect.write_text(defect.id, encoding="utf-8")
        try:
            with ExitStack() as undo:
                for step in defect.put_in:
                    self._do(step, undo, changed, restarted)
                self._settle(changed)
                yield
        finally:
            # Only now: a workload has to read what the undoing has put back.
            for place in restarted:
                self._restart(place)
            self._settle(changed)
            self._layout.seeded_defect.unlink()

    @property
    def left_in(self) -> str:
        """The defect that could not be taken out, or nothing."""
        mark = self._layout.seeded_defect
        return mark.read_text(encoding="utf-8") if mark.exists() else ""

    def _do(self, step: Step, undo: ExitStack, changed: list[Where], restarted: list[Where]) -> None:
        if step.patch:
            undo.callback(self._replace, self._saved(step.patch))
            kind = step.patch.type
            self._kubectl("patch", *_name(step.patch), "--type", kind, "-p", json.dumps(step.patch.patch))
            changed.append(step.patch)
        elif step.apply:
            place = _place_of(step.apply)
            before = self._find(place)
            if before is None:
                undo.callback(self._kubectl, "delete", *_name(place), "--ignore-not-found", "--wait=true")
            else:
                undo.callback(self._replace, before)
            self._kubectl("apply", "-f", "-", stdin=json.dumps(step.apply))
            changed.append(place)
        elif step.delete:
            undo.callback(self._create, self._saved(step.delete))
            self._kubectl("delete", *_name(step.delete), "--wait=true")
        elif step.restart:
            restarted.append(step.restart)
            self._restart(step.restart)
        elif step.exec:
            undo.callback(self._exec, step.exec, step.exec.undo)
            self._exec(step.exec, step.exec.command)
        elif step.certificate:
            self._exchange(step.certificate, undo)
        elif step.remove_after:
            undo.callback(self._kubectl, "delete", *_name(step.remove_after), "--ignore-not-found", "--wait=false")
        elif step.ignore_policies:
            undo.callback(self._layout.ignore_policies.unlink, missing_ok=True)
            self._layout.ignore_policies.touch()

    def _exchange(self, wanted: Certificate, undo: ExitStack) -> None:
        place = Where(kind="Secret", name=wanted.name, namespace=wanted.namespace)
        undo.callback(self._replace, self._saved(place))
        with tempfile.TemporaryDirectory() as temporary:
            # The lab's own authority issues into a folder of its own, so that its real certificate stays.
            folder = Path(temporary)
            if not wanted.unknown_authority:
                for name in ("ca.crt", "ca.key"):
                    shutil.copy(self._layout.pki / "public" / name, folder / name)
            authority = Authority(folder)
            certificate, key = authority.issue("defect", wanted.hosts[0], names=tuple(wanted.hosts), days=30)
            data = {"stringData": {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}}
            self._kubectl("patch", *_name(place), "--type", "merge", "-p", json.dumps(data))

    def _settle(self, changed: list[Where]) -> None:
        """Wait until every workload that was touched runs as its object says."""
        for place in changed:
            if place.kind.lower() in {"deployment", "statefulset", "daemonset"}:
                self._rolled_out(place)

    def _restart(self, place: Where) -> None:
        self._kubectl("rollout", "restart", *_name(place))
        self._rolled_out(place)

    def _rolled_out(self, place: Where) -> None:
        """Wait until the workload runs as its object says, and nothing of its former self answers any more."""
        self._kubectl("rollout", "status", *_name(place), "--timeout=90s", timeout=100)
        labels = json.loads(self._kubectl("get", *_name(place), "-o", "json"))["spec"]["selector"]["matchLabels"]
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        pods = json.loads(self._kubectl("get", "pods", "-n", place.namespace, "-l", selector, "-o", "json"))["items"]
        leaving = [f"pod/{one['metadata']['name']}" for one in pods if "deletionTimestamp" in one["metadata"]]
        if leaving:
            self._kubectl("wait", "--for=delete", "-n", place.namespace, *leaving, "--timeout=60s", timeout=70)

    def _exec(self, place: Where, command: list[str]) -> None:
        target = f"{place.kind.lower()}/{place.name}"
        self._kubectl("exec", "-n", place.namespace, target, "--", *command)

    def _find(self, place: Where) -> Manifest | None:
        done = self._kubectl("get", *_name(place), "-o", "json", "--ignore-not-found")
        return _bare(json.loads(done)) if done.strip() else None

    def _saved(self, place: Where) -> Manifest:
        found = self._find(place)
        if found is None:
            raise HubproofError(
                f"{place.kind} {place.namespace}/{place.name} is not there to be changed",
                next_step="the defect's file does not fit the deployment: mend the file",
            )
        return found

    def _replace(self, manifest: Manifest) -> None:
        self._kubectl("replace", "-f", "-", stdin=json.dumps(manifest))

    def _create(self, manifest: Manifest) -> None:
        self._kubectl("create", "-f", "-", stdin=json.dumps(manifest))

    def _kubectl(self, *words: str, stdin: str | None = None, timeout: float = 60) -> str:
        command: list[str | Path] = [program("kubectl"), "--kubeconfig", self._layout.admin_kubeconfig, *words]
        return run(command, stdin=stdin, timeout=timeout).stdout


def _name(place: Where) -> list[str]:
    return [place.kind, place.name, "-n", place.namespace]


def _place_of(manifest: Manifest) -> Where:
    meta = manifest["metadata"]
    return Where(kind=manifest["kind"], name=meta["name"], namespace=meta.get("namespace", "jupyter"))


def _bare(manifest: Manifest) -> Manifest:
    """Return an object without what the server writes into it, fit to be sent again."""
    meta = {k: v for k, v in manifest["metadata"].items() if k in {"name", "namespace", "labels", "annotations"}}
    return {k: v for k, v in {**manifest, "metadata": meta}.items() if k != "status"}
