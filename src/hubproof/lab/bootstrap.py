"""What a freshly booted cluster gets: DNS and storage before anything is deployed, the runner's rights after it."""

from __future__ import annotations

from pathlib import Path
from string import Template

from hubproof.errors import HubproofError
from hubproof.lab import layout as at
from hubproof.lab.commands import run
from hubproof.lab.kube_api import KubeApi
from hubproof.lab.layout import Layout
from hubproof.lab.pki import write_kubeconfig
from hubproof.lab.programs import program
from hubproof.resources import resource

_RUNNER = ("hubproof", "hubproof")
"""Namespace and name of the runner's service account."""
_TOKEN_HOURS = 24 * 30


def kubectl(layout: Layout, *arguments: str | Path, stdin: str | None = None) -> str:
    """Run kubectl as the lab's administrator and return what it prints."""
    return run([program("kubectl"), f"--kubeconfig={layout.admin_kubeconfig}", *arguments], stdin=stdin).stdout


def apply_manifests(layout: Layout, coredns: str) -> None:
    """Put DNS and the storage class into the cluster.

    Args:
        layout: where the lab is.
        coredns: reference of the CoreDNS image.

    """
    values = {"COREDNS_IMAGE": coredns, "DNS_SERVICE": at.DNS_SERVICE, "PUBLIC_ADDRESS": at.PUBLIC_ADDRESS}
    files = sorted(resource("fixtures", "lab", "manifests").glob("*.yaml"))
    text = "---\n".join(Template(file.read_text(encoding="utf-8")).substitute(values) for file in files)
    kubectl(layout, "apply", "--filename=-", stdin=text)


def nodes_ready(api: KubeApi) -> dict[str, bool]:
    """Return whether each of the cluster's nodes says that it is ready."""
    return {
        node["metadata"]["name"]: any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in node["status"].get("conditions", [])
        )
        for node in api.get("/api/v1/nodes")["items"]
    }


def give_runner_rights(layout: Layout, api: KubeApi) -> None:
    """Apply fixtures/rbac and write the kubeconfig that checks act with: a service account's, never an admin's."""
    folder = resource("fixtures", "rbac")
    # In this order: the first makes the runner's namespace.
    files = [f"--filename={folder / reach}.yaml" for reach in ("observe", "act", "disrupt")]
    kubectl(layout, "apply", *files)
    namespace, name = _RUNNER
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
    if api.find(account) is None:
        raise HubproofError(
            f"the cluster has no service account {namespace}/{name} for the runner",
            wanted="fixtures/rbac to make it",
            where=str(folder),
        )
    request = {"spec": {"expirationSeconds": _TOKEN_HOURS * 3600}}
    token = api.call("POST", f"{account}/token", request)["status"]["token"]
    write_kubeconfig(layout.runner_kubeconfig, layout.pki / "ca.crt", {"token": token}, namespace)
