"""Which rights hubproof is given by fixtures/rbac, and which it uses: measured by its own requests.

    python -m tests.lab.rights_in_use

runs every check alone against the lab that is up, and writes fixtures/rbac/rights.json: each check with the rights
that it uses.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.lab.running_gates import RunningLab

from hubproof.checking import discover
from hubproof.resources import resource
from hubproof.rights_record import EVERY_RUN, OF_A_FAILURE, rights_in_use

RIGHTS = resource("fixtures", "rbac") / "rights.json"
REACHES = ("observe", "act", "disrupt")
UNKEPT = "spawn.ready"
"""The check that `unkept` breaks."""
_PLACES = {"jupyter": "the hub's namespace", "hubproof": "hubproof's namespace", "monitoring": "Prometheus' namespace"}
_DOING = re.compile(r"(?P<verb>\w+) (?P<resource>[\w./]+) in (?:namespace (?P<namespace>\S+)|the whole cluster)$")
_PROXY = re.compile(r"/api/v1/namespaces/(?P<namespace>[^/]+)/services/(?P<name>[^/]+)/proxy/")


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource in one place; `any namespace` where a ClusterRole gives it."""

    verb: str
    resource: str
    place: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} in {self.place}"


@dataclass(frozen=True)
class Rule:
    """One rule of one role in fixtures/rbac."""

    reach: str
    kind: str
    role: str
    namespace: str
    index: int
    body: dict[str, Any]

    def rights(self) -> set[Right]:
        """Return every verb on every resource of it."""
        place = _PLACES[self.namespace] if self.namespace else "any namespace"
        return {
            Right(verb, f"{resource}.{group}" if group else resource, place)
            for verb in self.body["verbs"]
            for group in self.body["apiGroups"]
            for resource in self.body["resources"]
        }

    def __str__(self) -> str:
        return f"{self.reach}.yaml {self.role} {', '.join(self.body['resources'])} in {self.namespace or 'the cluster'}"


def documents(reach: str) -> list[dict[str, Any]]:
    """Return the objects of one file of fixtures/rbac."""
    return list(yaml.safe_load_all((resource("fixtures", "rbac") / f"{reach}.yaml").read_text(encoding="utf-8")))


def rules(*reaches: str) -> list[Rule]:
    """Return all rules of these files."""
    return [
        Rule(reach, one["kind"], one["metadata"]["name"], one["metadata"].get("namespace", ""), index, body)
        for reach in reaches or REACHES
        for one in documents(reach)
        if one["kind"] in {"Role", "ClusterRole"}
        for index, body in enumerate(one["rules"])
    ]


def noting(file: Path) -> dict[str, str]:
    """Return an environment in which hubproof notes its requests to Kubernetes in a file (tests/lab/ledger)."""
    ledger = str(Path(__file__).parent / "ledger")
    path = os.pathsep.join([ledger, os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "HUBPROOF_TEST_RIGHTS": str(file), "PYTHONPATH": path}


def used(file: Path) -> dict[str, set[Right]]:
    """Return what was noted: check (or `every run`) to its rights."""
    given = {right for rule in rules() for right in rule.rights()}
    checks = {info.source: check for check, info in discover().items()}
    found: dict[str, set[Right]] = defaultdict(set)
    for line in file.read_text(encoding="utf-8").splitlines():
        test, doing, path = line.split("\t")
        right = _right(doing, path, given)
        if right:
            found[checks.get(test.partition("[")[0], EVERY_RUN)].add(right)
    return dict(found)


def _right(doing: str, path: str, given: set[Right]) -> Right | None:
    proxied = _PROXY.match(path)
    match = _DOING.match(doing)
    if proxied:
        return Right("get", "services/proxy", _PLACES[proxied["namespace"]])
    if not match:
        return None  # /version and the API's own directory are open to every account
    verb, resource_ = match["verb"], match["resource"]
    narrow = Right(verb, resource_, _PLACES.get(match["namespace"] or "", ""))
    return narrow if narrow in given else Right(verb, resource_, "any namespace")


def recorded() -> dict[str, set[Right]]:
    """Return fixtures/rbac/rights.json."""
    return {name: {_parsed(one) for one in rights} for name, rights in rights_in_use().items()}


def _parsed(text: str) -> Right:
    verb, resource_, _, place = text.split(" ", 3)
    return Right(verb, resource_, place)


def _written(found: dict[str, set[Right]]) -> Iterator[tuple[str, list[str]]]:
    for name in sorted(found, key=lambda one: (one in {EVERY_RUN, OF_A_FAILURE}, one)):
        yield name, [str(right) for right in sorted(found[name], key=lambda one: (one.place, one.resource, one.verb))]


def _extra() -> list[dict[str, Any]]:
    """Return an object of each kind that a release may promise and the reference deployment does not have."""
    selector, pod = (
        {"matchLabels": {"app": "promised"}},
        {"containers": [{"name": "none", "image": "none.invalid/none"}]},
    )
    template = {"metadata": {"labels": {"app": "promised"}}, "spec": {**pod, "nodeSelector": {"nowhere": "true"}}}
    job = {"template": {"spec": {**pod, "restartPolicy": "Never"}}}
    bodies: dict[str, dict[str, Any]] = {
        "apps/v1/StatefulSet": {"replicas": 0, "serviceName": "none", "selector": selector, "template": template},
        "apps/v1/DaemonSet": {"selector": selector, "template": template},
        "batch/v1/CronJob": {"suspend": True, "schedule": "0 0 1 1 *", "jobTemplate": {"spec": job}},
        "policy/v1/PodDisruptionBudget": {"minAvailable": 0, "selector": selector},
        "v1/LimitRange": {"limits": []},
    }
    return [
        {
            "apiVersion": name.rpartition("/")[0],
            "kind": name.rpartition("/")[2],
            "metadata": {"name": "promised", "namespace": "jupyter"},
            "spec": spec,
        }
        for name, spec in bodies.items()
    ]


@contextmanager
def everything_promised(lab: RunningLab, folder: Path) -> Iterator[Path]:
    """Have an object of every promisable kind in the lab, and lend a profile that promises them."""
    profile = yaml.safe_load(lab.profile.path.read_text(encoding="utf-8"))
    extra = _extra()
    for one in extra:
        profile["promises"]["deploy"]["inventory"].setdefault(one["kind"], []).append("promised")
    path = folder / "everything.yaml"
    path.write_text(yaml.safe_dump(profile), encoding="utf-8")
    try:
        for one in extra:
            lab.cluster.delete(one["kind"], "promised", "jupyter")
            lab.cluster.create(one)
        yield path
    finally:
        for one in extra:
            lab.cluster.delete(one["kind"], "promised", "jupyter")


def unkept(profile: Path, folder: Path) -> Path:
    """Write a profile whose `spawn.ready` is not kept, so that a user's pod is captured as evidence."""
    data = yaml.safe_load(profile.read_text(encoding="utf-8"))
    data["promises"]["spawn"]["ready_within"] = "10ms"
    path = folder / "unkept.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def gate(reports: Path, *words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a gate on the lab and return how it ended."""
    command = [sys.executable, "-m", "hubproof", "gate", "--reports", str(reports), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)


def measure(checks: Iterable[str]) -> dict[str, set[Right]]:
    """Run each check alone and return what it uses; what every run uses stands apart."""
    found: dict[str, set[Right]] = {EVERY_RUN: set()}
    with tempfile.TemporaryDirectory() as folder, everything_promised(RunningLab(), Path(folder)) as profile:
        for check in checks:
            file = Path(folder) / check
            file.touch()
            done = gate(Path(folder) / "runs", "--profile", str(profile), "--select", check, environment=noting(file))
            if done.returncode:
                raise SystemExit(f"{check} is not green: {done.stdout}{done.stderr}")
            for name, rights in used(file).items():
                found.setdefault(name, set()).update(rights)
            print(f"{check}: {len(found.get(check, ()))} rights", flush=True)  # noqa: T201 - a command's progress
        red = Path(folder) / "red"
        words = ("--profile", str(unkept(profile, Path(folder))), "--select", UNKEPT)
        if gate(Path(folder) / "red-runs", *words, environment=noting(red)).returncode != 1:
            raise SystemExit(f"{UNKEPT} did not fail")
        of_failure = set().union(*used(red).values())
    for name in found.keys() - {EVERY_RUN}:
        found[name] -= found[EVERY_RUN]
    found[OF_A_FAILURE] = of_failure - set().union(*found.values())
    return found


if __name__ == "__main__":
    RIGHTS.write_text(json.dumps(dict(_written(measure(discover()))), indent=1) + "\n", encoding="utf-8")
