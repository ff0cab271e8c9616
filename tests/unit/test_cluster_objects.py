from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from kube_stub import KubeStub, kube_stub, profile_for

from hubproof.cluster.capture import as_yaml
from hubproof.cluster.client import Cluster, Object
from hubproof.cluster.quotas import dry_run_pod
from hubproof.cluster.rights import rights_of
from hubproof.cluster.services import service_state
from hubproof.cluster.user_pods import claims_of, home_claim, pods_of
from hubproof.resources import resource

RBAC = "/apis/rbac.authorization.k8s.io/v1"
CORE = "/api/v1/namespaces/jupyter"
USER = {"hub.jupyter.org/username": "Ada@x"}


@pytest.fixture
def stub() -> Iterator[KubeStub]:
    with kube_stub() as one:
        yield one


@pytest.fixture
def cluster(stub: KubeStub, tmp_path: Path) -> Cluster:
    return Cluster(profile_for(stub.url, tmp_path))


def _items(stub: KubeStub, path: str, *items: Object) -> None:
    stub.answers[path] = (200, {"metadata": {"resourceVersion": "1"}, "items": list(items)})


def _binding(name: str, role: str, subject: Object, namespace: str | None = None, **labels: str) -> Object:
    place = {"namespace": namespace} if namespace else {}
    ref = {"kind": "ClusterRole", "name": role}
    return {"metadata": {"name": name, "labels": labels, **place}, "roleRef": ref, "subjects": [subject]}


def _bound(stub: KubeStub, bindings: list[Object], cluster_bindings: list[Object]) -> None:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    role = {"metadata": {"name": "reader"}, "rules": rules}
    everyone = {"metadata": {"name": "system:basic-user"}, "rules": rules}
    _items(stub, f"{RBAC}/roles")
    _items(stub, f"{RBAC}/clusterroles", role, everyone)
    _items(stub, f"{RBAC}/rolebindings", *bindings)
    _items(stub, f"{RBAC}/clusterrolebindings", *cluster_bindings)


HUB = {"kind": "ServiceAccount", "name": "hub", "namespace": "jupyter"}


def test_rights_are_listed_with_their_place_and_source(stub: KubeStub, cluster: Cluster) -> None:
    _bound(stub, [_binding("b", "reader", HUB, "jupyter")], [])
    found = rights_of(cluster, "jupyter", "hub")
    assert [str(one) for one in found] == [
        f"{verb} pods in namespace jupyter (by RoleBinding b, ClusterRole reader)" for verb in ("get", "list")
    ]
    assert rights_of(cluster, "jupyter", "other") == []


@pytest.mark.parametrize(
    "subject",
    [
        HUB,
        {"kind": "User", "name": "system:serviceaccount:jupyter:hub"},
        {"kind": "Group", "name": "system:serviceaccounts"},
        {"kind": "Group", "name": "system:serviceaccounts:jupyter"},
        {"kind": "Group", "name": "system:authenticated"},
    ],
)
def test_a_right_is_found_by_whichever_name_it_was_given(stub: KubeStub, cluster: Cluster, subject: Object) -> None:
    _bound(stub, [], [_binding("wide", "reader", subject)])
    assert {one.namespace for one in rights_of(cluster, "jupyter", "hub")} == {None}


def test_what_everybody_has_is_no_right_of_the_account(stub: KubeStub, cluster: Cluster) -> None:
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    everyone = {"kind": "Group", "name": "system:authenticated"}
    _bound(stub, [], [_binding("system:basic-user", "system:basic-user", everyone, **labels)])
    assert rights_of(cluster, "jupyter", "hub") == []


def _user_pod(stub: KubeStub, **volume: object) -> None:
    metadata = {"name": "jupyter-ada", "uid": "0123456789", "annotations": USER}
    mounts = [{"name": "v", "mountPath": "/home/jovyan/"}, {"name": "w", "mountPath": "/home"}]
    spec = {
        "volumes": [{"name": "v", **volume}, {"name": "w", "emptyDir": {}}],
        "containers": [{"name": "notebook", "volumeMounts": mounts}],
    }
    other = {"metadata": {"name": "jupyter-bob", "uid": "9", "annotations": {"hub.jupyter.org/username": "bob"}}}
    _items(stub, f"{CORE}/pods", {"metadata": metadata, "spec": spec}, other)


def test_pods_and_home_are_found_by_the_annotation(stub: KubeStub, cluster: Cluster) -> None:
    _user_pod(stub, persistentVolumeClaim={"claimName": "claim-ada"})
    claim = {"metadata": {"name": "claim-ada", "annotations": USER}, "spec": {"volumeName": "pvc-7"}}
    stub.objects[f"{CORE}/persistentvolumeclaims/claim-ada"] = claim
    assert pods_of(cluster, "jupyter", "Ada@x") == ["jupyter-ada (01234567)"]
    assert claims_of(cluster, "jupyter", "Ada@x") == ["claim-ada (pvc-7)"]
    assert home_claim(cluster, "jupyter", "Ada@x") == "claim-ada (pvc-7)"


def test_a_home_that_is_no_claim_is_none(stub: KubeStub, cluster: Cluster) -> None:
    _user_pod(stub, emptyDir={})
    assert home_claim(cluster, "jupyter", "Ada@x") is None


def test_a_service_without_ready_endpoints_is_not_alive(stub: KubeStub, cluster: Cluster) -> None:
    service = {"metadata": {"name": "db"}, "spec": {"ports": [{"port": 5432, "protocol": "TCP"}]}}
    stub.objects["/api/v1/namespaces/platform/services/db"] = service
    slices = "/apis/discovery.k8s.io/v1/namespaces/platform/endpointslices"
    _items(stub, slices, {"endpoints": [{"conditions": {"ready": False}}]})
    assert service_state(cluster, "db.platform") == "Service platform/db has no ready endpoint"
    _items(stub, slices, {"endpoints": [{"conditions": {"ready": True}}]})
    assert service_state(cluster, "db.platform.svc.cluster.local", 5432) == "alive"
    assert "has no port 80/tcp" in str(service_state(cluster, "db.platform", 80))
    assert "there is no Service db in namespace jupyter" in str(service_state(cluster, "db", namespace="jupyter"))
    assert service_state(cluster, "169.254.169.254") is None
    assert service_state(cluster, "www.example.com") is None


def test_a_dry_run_returns_the_refusal_and_makes_nothing(stub: KubeStub, cluster: Cluster) -> None:
    assert not dry_run_pod(cluster, "jupyter", "r", memory="16Mi", cpu="10m")
    stub.refuse(f"{CORE}/pods", 403, "exceeded quota: users")
    assert "exceeded quota" in dry_run_pod(cluster, "jupyter", "r", memory="900Gi", cpu="900")
    assert not stub.objects


def test_secrets_are_not_in_what_is_captured() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "s", "managedFields": [1]}, "data": {"token": "aHVzaA=="}}
    env = [{"name": "JUPYTERHUB_API_TOKEN", "value": "hush"}, {"name": "HOME", "value": "/home/ada"}]
    pod = {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "env": env}]}}
    assert "aHVzaA" not in as_yaml(secret)
    assert "managedFields" not in as_yaml(secret)
    shown = as_yaml(pod)
    assert "hush" not in shown
    assert "/home/ada" in shown


@pytest.mark.parametrize("reach", ["observe", "act", "disrupt"])
def test_the_runners_rights_hold_no_wildcard_and_list_no_secrets(reach: str) -> None:
    documents = list(yaml.safe_load_all(resource("fixtures", "rbac", f"{reach}.yaml").read_text()))
    rules = [rule for document in documents for rule in document.get("rules", [])]
    assert rules or reach == "disrupt"  # no check disrupts yet
    for rule in rules:
        assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]]
        if "secrets" in rule["resources"]:
            assert rule["verbs"] == ["get"]
            assert rule["resourceNames"]
