from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kube_stub import KubeStub, kube_stub, profile_for

from hubproof.cluster.client import Cluster
from hubproof.cluster.connection import KubernetesError
from hubproof.errors import CouldNotRunError, HubproofError
from hubproof.profile import SecretKey

RBAC = 'pods is forbidden: User "system:serviceaccount:hubproof:hubproof" cannot list resource "pods" in API group ""'


@pytest.fixture
def stub() -> Iterator[KubeStub]:
    with kube_stub() as one:
        yield one


@pytest.fixture
def cluster(stub: KubeStub, tmp_path: Path) -> Cluster:
    return Cluster(profile_for(stub.url, tmp_path))


def test_importing_the_package_does_not_import_the_official_client() -> None:
    modules = "client leases sweeping probes pod_watcher capture anatomy rights quotas"
    imports = "; ".join(f"import hubproof.cluster.{name}" for name in modules.split())
    code = f"import sys; {imports}; sys.exit('kubernetes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_not_there_is_none(cluster: Cluster) -> None:
    assert cluster.get("Pod", "nope", "jupyter") is None
    assert cluster.delete("Pod", "nope", "jupyter") is False


def test_a_missing_right_is_named_by_verb_resource_and_namespace(stub: KubeStub, cluster: Cluster) -> None:
    stub.refuse("/api/v1/namespaces/jupyter/pods", 403, RBAC)
    with pytest.raises(CouldNotRunError, match="right missing: list pods in namespace jupyter"):
        cluster.list("Pod", "jupyter")
    stub.refuse("/apis/apps/v1/deployments", 403, RBAC)
    with pytest.raises(CouldNotRunError, match=r"right missing: list deployments.apps in the whole cluster"):
        cluster.list("Deployment")


def test_the_api_itself_says_which_right_is_missing(stub: KubeStub, cluster: Cluster) -> None:
    refused = 'User "x" cannot create resource "pods/exec" in API group "" in the namespace "elsewhere"'
    stub.refuse("/api/v1/namespaces/jupyter/pods", 403, refused)
    with pytest.raises(CouldNotRunError, match="right missing: create pods/exec in namespace elsewhere"):
        cluster.list("Pod", "jupyter")


def test_a_quota_that_refuses_is_no_missing_right(stub: KubeStub, cluster: Cluster) -> None:
    stub.refuse("/api/v1/namespaces/jupyter/pods", 403, 'pods "big" is forbidden: exceeded quota: q, requested: pods=1')
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "big", "namespace": "jupyter"}}
    with pytest.raises(KubernetesError, match="exceeded quota") as caught:
        cluster.create(body, dry_run=True)
    assert caught.value.status == 403


def test_a_refused_token_says_so(stub: KubeStub, cluster: Cluster) -> None:
    stub.refuse("/version", 401, "Unauthorized", "Unauthorized")
    with pytest.raises(CouldNotRunError, match=r"refused the runner's token \(401\)"):
        cluster.server_version()


def test_an_api_that_is_down_says_so_at_once(tmp_path: Path) -> None:
    cluster = Cluster(profile_for("http://127.0.0.1:1", tmp_path))
    with pytest.raises(CouldNotRunError, match="out of reach: connection refused"):
        cluster.server_version()


def test_without_a_cluster_in_the_profile_nothing_can_run(tmp_path: Path) -> None:
    profile = profile_for("http://127.0.0.1:1", tmp_path, kube=None)
    with pytest.raises(CouldNotRunError, match="names no cluster"):
        Cluster(profile)


def test_a_context_that_is_not_there_is_said(tmp_path: Path) -> None:
    profile = profile_for("http://127.0.0.1:1", tmp_path)
    kube = {"kubeconfig": str(tmp_path / "kubeconfig"), "context": "nope"}
    profile = profile_for("http://127.0.0.1:1", tmp_path, kube=kube)
    with pytest.raises(CouldNotRunError, match="access cannot be used"):
        Cluster(profile)


def test_a_run_against_the_lab_never_leaves_the_lab(tmp_path: Path) -> None:
    with pytest.raises(HubproofError, match="outside the lab"):
        Cluster(profile_for("https://203.0.113.7:6443", tmp_path, lab=True))
    with pytest.raises(HubproofError, match="outside the lab"):
        Cluster(profile_for("https://k8s.example.com", tmp_path, lab=True))


def test_a_kind_that_the_cluster_does_not_serve_is_the_targets_fault(stub: KubeStub, cluster: Cluster) -> None:
    stub.answers["/apis"] = (200, {"groups": []})
    stub.answers["/api/v1"] = (200, {"resources": []})
    with pytest.raises(KubernetesError, match="serves no kind ServiceMonitor"):
        cluster.get("ServiceMonitor", "hub", "jupyter")


def test_a_kind_of_a_crd_is_found_by_discovery(stub: KubeStub, cluster: Cluster) -> None:
    group = {"name": "monitoring.coreos.com", "preferredVersion": {"groupVersion": "monitoring.coreos.com/v1"}}
    one = {"name": "servicemonitors", "singularName": "servicemonitor", "kind": "ServiceMonitor", "namespaced": True}
    stub.answers["/apis"] = (200, {"groups": [group]})
    stub.answers["/api/v1"] = (200, {"resources": []})
    stub.answers["/apis/monitoring.coreos.com/v1"] = (200, {"resources": [one]})
    for word in ("ServiceMonitor", "servicemonitors", "servicemonitors.monitoring.coreos.com"):
        assert cluster.kind(word).path("jupyter", "hub") == (
            "/apis/monitoring.coreos.com/v1/namespaces/jupyter/servicemonitors/hub"
        )


def test_a_watch_joins_lines_over_chunks_and_stamps_arrivals(stub: KubeStub, cluster: Cluster) -> None:
    pod = {"metadata": {"name": "a", "resourceVersion": "7"}}
    stub.events = [
        {"type": "MODIFIED", "object": pod},
        {"type": "BOOKMARK", "object": pod},
        {"type": "DELETED", "object": pod},
    ]
    with cluster.watch("Pod", "jupyter", within=5) as watch:
        changes = iter(watch)
        first, second = next(changes), next(changes)
    assert [first.type, second.type] == ["MODIFIED", "DELETED"]
    assert 0 < first.at <= second.at


def test_a_watch_ends_in_time(cluster: Cluster) -> None:
    assert list(cluster.watch("Pod", "jupyter", within=0.1)) == []


def test_a_key_of_a_secret_is_read_and_a_missing_one_named(stub: KubeStub, cluster: Cluster) -> None:
    stub.objects["/api/v1/namespaces/jupyter/secrets/s"] = {"metadata": {}, "data": {"token": "aHVzaA=="}}
    assert cluster.secret_key("jupyter", SecretKey(name="s", key="token")) == "hush"
    with pytest.raises(CouldNotRunError, match="key other of secret jupyter/s is missing"):
        cluster.secret_key("jupyter", SecretKey(name="s", key="other"))


def test_a_log_that_is_not_there_yet_is_empty(stub: KubeStub, cluster: Cluster) -> None:
    stub.refuse("/api/v1/namespaces/jupyter/pods/p/log", 400, "waiting to start", "BadRequest")
    assert not cluster.logs("jupyter", "p")
