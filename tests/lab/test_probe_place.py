"""Probe pods go where the profile says: a namespace that somebody made, with their image and their pull secret."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.lab.rights_in_use import gate
from tests.lab.running_gates import RunningLab, bad_checks, record_of

from hubproof.run import RUN_LABEL

PLACE, KEY = "hubproof-elsewhere", "registry-key"
CHECKS = "network.enforced,network.control"
"""One that needs two probe pods, and one that borrows the run's own."""


@pytest.fixture(scope="module")
def place(lab: RunningLab) -> Iterator[str]:
    """Make a namespace as a platform team would: restricted, with a pull secret, and the runner's rights in it."""
    cluster = lab.cluster
    labels = {"pod-security.kubernetes.io/enforce": "restricted", "hubproof.dev/test": "probe-place"}
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE, "labels": labels}})
    try:
        configuration = json.dumps({"auths": {"registry.test": {"auth": base64.b64encode(b"a:b").decode()}}})
        data = {".dockerconfigjson": base64.b64encode(configuration.encode()).decode()}
        metadata = {"name": KEY, "namespace": PLACE}
        kind = "kubernetes.io/dockerconfigjson"
        cluster.create({"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata, "data": data})
        for one in ("Role", "RoleBinding"):
            for given in cluster.list(one, lab.profile.probe.namespace):
                given["metadata"] = {"name": given["metadata"]["name"], "namespace": PLACE}
                cluster.create({**given, "apiVersion": "rbac.authorization.k8s.io/v1", "kind": one})
        yield PLACE
    finally:
        cluster.delete("Namespace", PLACE)


def profile_with(lab: RunningLab, folder: Path, **probe: str) -> Path:
    """Write the lab's profile with another place for probes."""
    data = yaml.safe_load(lab.profile.path.read_text(encoding="utf-8"))
    data["probe"] |= probe
    path = folder / "profile.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def test_probes_stand_in_the_given_namespace_with_its_image_and_key(
    lab: RunningLab, place: str, tmp_path: Path
) -> None:
    (hub, *_) = lab.cluster.list("Pod", lab.profile.namespace, labels="component=hub")
    image = hub["spec"]["containers"][0]["image"]
    assert image != lab.profile.probe.image
    profile = profile_with(lab, tmp_path, namespace=place, image=image, pull_secret=KEY)
    seen: dict[str, Any] = {}
    elsewhere: list[str] = []
    with (
        lab.cluster.watch("Pod", place, within=300) as there,
        lab.cluster.watch("Pod", "hubproof", within=300) as usual,
    ):
        watchers = [
            threading.Thread(target=lambda: seen.update((c.object["metadata"]["name"], c.object) for c in there)),
            threading.Thread(target=lambda: elsewhere.extend(c.object["metadata"]["name"] for c in usual)),
        ]
        for one in watchers:
            one.start()
        done = gate(tmp_path / "runs", "--profile", str(profile), "--select", CHECKS)
        there.close()
        usual.close()
        for one in watchers:
            one.join()
    record = record_of(tmp_path / "runs")
    assert (done.returncode, bad_checks(record)) == (0, {}), done.stdout
    assert len(seen) >= 3, "two that are kept apart, and the run's own"
    assert elsewhere == []
    for pod in seen.values():
        assert pod["spec"]["imagePullSecrets"] == [{"name": KEY}]
        assert pod["spec"]["containers"][0]["image"] == image
        assert pod["metadata"]["labels"][RUN_LABEL] == record["run"]["id"]
    assert lab.cluster.list("Pod", place, labels=RUN_LABEL) == []


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        ({"image": "registry.test/nobody/has:this"}, "ErrImagePull"),
        ({"namespace": "nobody-made-this"}, "nobody-made-this"),
    ],
    ids=["image", "namespace"],
)
def test_a_wrong_place_is_said_at_once_and_is_nobodys_broken_promise(
    lab: RunningLab, probe: dict[str, str], words: str, tmp_path: Path
) -> None:
    profile = profile_with(lab, tmp_path, **probe)
    begun = time.monotonic()
    done = gate(tmp_path / "runs", "--profile", str(profile), "--select", "network.enforced")
    assert done.returncode == 3, done.stdout
    assert words in done.stdout + done.stderr
    assert time.monotonic() - begun < 60, "it waited for what cannot come"
    assert lab.left() == []
