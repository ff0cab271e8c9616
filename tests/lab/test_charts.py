"""The reference charts, rendered: what they promise and whom they trust. Needs the lab's Helm, no running lab."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from hubproof.errors import HubproofError
from hubproof.lab.commands import run
from hubproof.lab.deployment_secrets import ensure_secrets
from hubproof.lab.images import references
from hubproof.lab.programs import program
from hubproof.resources import resource

Manifest = dict[str, Any]
CHARTS = {"jupyterhub": "chart", "platform": "platform"}
HUB_KINDS_BESIDE_INVENTORY = {"Namespace", "Secret"}


def render(release: str, values: dict[str, Any], folder: Path) -> list[Manifest]:
    """Return the objects that a chart makes of values."""
    file = folder / f"{release}.json"
    file.write_text(json.dumps(values), encoding="utf-8")
    chart = resource("fixtures", "reference", CHARTS[release])
    done = run([program("helm"), "template", release, chart, "--values", file], env=helm_environment(folder))
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def helm_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which Helm keeps nothing of this machine's user."""
    return {**os.environ, **{f"HELM_{name}_HOME": str(folder) for name in ("CACHE", "CONFIG", "DATA")}}


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return values as the lab gives them."""
    secrets = ensure_secrets(tmp_path_factory.mktemp("secrets"))
    images = references()
    return {
        "jupyterhub": {"images": images, "secrets": secrets.tokens},
        "platform": {
            "images": images,
            "secrets": secrets.tokens,
            "publicAddress": "198.18.1.10",
            "identity": {"people": secrets.people},
            "tls": {"certificate": "a certificate", "key": "the key of a certificate"},
        },
    }


@pytest.fixture(scope="module")
def rendered(values: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Manifest]]:
    """Return the objects of both charts."""
    return {release: render(release, values[release], tmp_path_factory.mktemp(release)) for release in CHARTS}


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """Return the objects of one kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def pods(manifests: list[Manifest]) -> list[tuple[str, Manifest]]:
    """Return name and pod template of each workload."""
    return [(one["metadata"]["name"], one["spec"]["template"]) for one in of_kind(manifests, "Deployment")]


@pytest.mark.parametrize("release", CHARTS)
def test_helm_finds_nothing_to_say(release: str, values: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    file = tmp_path / "values.json"
    file.write_text(json.dumps(values[release]), encoding="utf-8")
    chart = resource("fixtures", "reference", CHARTS[release])
    command: list[str | Path] = [program("helm"), "lint", "--strict", chart, "--values", file]
    assert "0 chart(s) failed" in run(command, env=helm_environment(tmp_path)).stdout


@pytest.mark.parametrize("release", CHARTS)
def test_a_deployment_without_secrets_does_not_come_up(
    release: str, values: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    with pytest.raises(HubproofError, match=r"secrets\.\w+"):
        render(release, {**values[release], "secrets": {}}, tmp_path)


def test_the_profile_promises_exactly_what_the_chart_makes(rendered: dict[str, list[Manifest]]) -> None:
    made = defaultdict(list)
    for manifest in rendered["jupyterhub"]:
        if manifest["kind"] not in HUB_KINDS_BESIDE_INVENTORY:
            made[manifest["kind"]].append(manifest["metadata"]["name"])
    data = yaml.safe_load(resource("fixtures", "profiles", "254carbon.yaml").read_text(encoding="utf-8"))
    promised = {kind: sorted(names) for kind, names in data["promises"]["deploy"]["inventory"].items()}
    assert promised == {kind: sorted(names) for kind, names in made.items()}


def test_the_profile_promises_the_quota_of_the_chart(rendered: dict[str, list[Manifest]]) -> None:
    data = yaml.safe_load(resource("fixtures", "profiles", "254carbon.yaml").read_text(encoding="utf-8"))
    hard = of_kind(rendered["jupyterhub"], "ResourceQuota")[0]["spec"]["hard"]
    assert {key: str(value) for key, value in data["promises"]["quota"]["namespace"].items()} == hard


@pytest.mark.parametrize("release", CHARTS)
def test_secrets_stand_in_secrets_only(
    release: str, rendered: dict[str, list[Manifest]], values: dict[str, dict[str, Any]]
) -> None:
    people = values["platform"]["identity"]["people"].values()
    hidden = {*values[release]["secrets"].values(), *(person["password"] for person in people)}
    open_text = json.dumps([manifest for manifest in rendered[release] if manifest["kind"] != "Secret"])
    assert not {secret for secret in hidden if secret in open_text}


@pytest.mark.parametrize("release", CHARTS)
def test_no_container_has_more_rights_than_it_needs(release: str, rendered: dict[str, list[Manifest]]) -> None:
    for name, pod in pods(rendered[release]):
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec.get("serviceAccountName", "") in {"", "hub"}, name
        assert ("serviceAccountName" in spec) != (spec.get("automountServiceAccountToken") is False), name
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}, name
            assert container["resources"]["limits"]["memory"], name
            assert container["image"] in references().values(), name


def test_policies_select_pods_that_there_are(rendered: dict[str, list[Manifest]]) -> None:
    labels = [pod["metadata"]["labels"] for _, pod in pods(rendered["jupyterhub"])]
    labels.append({"app": "jupyterhub", "component": "singleuser-server"})  # KubeSpawner's
    for policy in of_kind(rendered["jupyterhub"], "NetworkPolicy"):
        wanted = policy["spec"]["podSelector"].get("matchLabels", {}).items()
        assert any(wanted <= pod.items() for pod in labels), policy["metadata"]["name"]


def test_services_lead_to_pods_and_ports_that_there_are(rendered: dict[str, list[Manifest]]) -> None:
    for release in CHARTS:
        templates = [pod for _, pod in pods(rendered[release])]
        for service in of_kind(rendered[release], "Service"):
            wanted = service["spec"]["selector"].items()
            behind = [pod for pod in templates if wanted <= pod["metadata"]["labels"].items()]
            ports = {port["name"] for pod in behind for one in pod["spec"]["containers"] for port in one["ports"]}
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports, service["metadata"]["name"]


def test_the_service_monitor_selects_the_hubs_service(rendered: dict[str, list[Manifest]]) -> None:
    monitor = of_kind(rendered["jupyterhub"], "ServiceMonitor")[0]["spec"]
    wanted = monitor["selector"]["matchLabels"].items()
    services = [
        service
        for service in of_kind(rendered["jupyterhub"], "Service")
        if wanted <= service["metadata"]["labels"].items()
    ]
    assert [service["metadata"]["name"] for service in services] == ["hub"]
    assert {one["port"] for one in monitor["endpoints"]} <= {port["name"] for port in services[0]["spec"]["ports"]}


def test_the_hub_may_not_read_secrets(rendered: dict[str, list[Manifest]]) -> None:
    rules = of_kind(rendered["jupyterhub"], "Role")[0]["rules"]
    assert not [rule for rule in rules if {"secrets", "*"} & {*rule["resources"], *rule["verbs"], *rule["apiGroups"]}]
    assert not of_kind(rendered["jupyterhub"], "ClusterRoleBinding")


def test_the_dashboard_asks_for_metrics_that_the_hub_has(rendered: dict[str, list[Manifest]]) -> None:
    dashboard = next(
        one for one in of_kind(rendered["jupyterhub"], "ConfigMap") if one["metadata"]["name"] == "jupyterhub-dashboard"
    )
    panels = json.loads(dashboard["data"]["jupyterhub.json"])["panels"]
    assert panels
    for panel in panels:
        assert all("jupyterhub_" in target["expr"] for target in panel["targets"]), panel["title"]
