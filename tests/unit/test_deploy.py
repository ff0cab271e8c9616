"""Deploying the reference: what is done, what is not done twice, and the profile that comes of it. No Helm runs."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hubproof.errors import HubproofError
from hubproof.lab import deploy
from hubproof.lab.facts import LabFacts
from hubproof.lab.images import references
from hubproof.lab.layout import PUBLIC_ADDRESS, Layout
from hubproof.profile_file import load_profile
from hubproof.progress import Progress
from hubproof.resources import resource

QUIET = Progress(Console(quiet=True))


class Cluster:
    """Stands in for Helm and kubectl: keeps what was installed and noted."""

    def __init__(self) -> None:
        self.installed: list[str] = []
        self.digest = ""
        self.broken = ""

    def __call__(self, kubeconfig: Path) -> "Cluster":
        assert kubeconfig.name
        return self

    def noted(self) -> str:
        return self.digest

    def note(self, digest: str) -> None:
        self.digest = digest

    def install(self, release: str, chart: Path, values: dict[str, Any]) -> None:
        assert (chart / "Chart.yaml").exists()
        assert Path(values["_file"]).stat().st_mode & 0o777 == 0o600
        if release == self.broken:
            raise HubproofError(f"{release} does not install")
        self.installed.append(release)

    def wait_ready(self, namespace: str, within: float) -> None:
        assert within > 0
        assert namespace in {"jupyter", "platform", "ingress", "identity", "monitoring"}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    stand_in = Cluster()
    monkeypatch.setattr(deploy, "_Tools", stand_in)
    monkeypatch.setattr(deploy, "answers", lambda *_: True)
    return stand_in


@pytest.fixture
def facts(tmp_path: Path) -> LabFacts:
    layout = Layout(tmp_path / "lab")
    layout.runner_kubeconfig.parent.mkdir(parents=True)
    layout.runner_kubeconfig.write_text("{}")
    return LabFacts.of(layout)


def test_surroundings_come_before_the_hub_and_nothing_is_done_twice(cluster: Cluster, facts: LabFacts) -> None:
    deploy.deploy(QUIET, facts)
    deploy.deploy(QUIET, facts)
    assert cluster.installed == ["platform", "jupyterhub"]


def test_other_values_are_deployed_again(cluster: Cluster, facts: LabFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy.deploy(QUIET, facts)
    images = references()
    monkeypatch.setattr(deploy, "references", lambda: {**images, "hub": "localhost/lab/hub:another"})
    deploy.deploy(QUIET, facts)
    assert cluster.installed == ["platform", "jupyterhub"] * 2


def test_what_failed_half_way_is_not_taken_for_deployed(cluster: Cluster, facts: LabFacts) -> None:
    cluster.broken = "jupyterhub"
    with pytest.raises(HubproofError, match="does not install"):
        deploy.deploy(QUIET, facts)
    cluster.broken = ""
    deploy.deploy(QUIET, facts)
    assert cluster.installed == ["platform", "platform", "jupyterhub"]


def test_the_profile_of_the_lab_is_valid_and_leads_into_the_lab_only(cluster: Cluster, facts: LabFacts) -> None:
    deploy.deploy(QUIET, facts)
    profile = load_profile(facts.profile)
    assert cluster.digest
    assert profile.lab
    assert set(profile.resolve.values()) == {PUBLIC_ADDRESS}
    assert {"jupyter.254carbon.com", "login.254carbon.com"} <= profile.resolve.keys()
    assert facts.profile.stat().st_mode & 0o777 == 0o600


def test_the_profile_of_the_lab_promises_what_254carbon_promises(
    cluster: Cluster, facts: LabFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy.deploy(QUIET, facts)
    assert cluster.digest
    original = resource("fixtures", "profiles", "254carbon.yaml")
    for number in range(1, 7):
        monkeypatch.setenv(f"HUBPROOF_USER_{number}", "secret")
    for name in ("LOOK_ALIKE", "ADMIN", "STRANGER", "LOAD_PASSWORDS"):
        monkeypatch.setenv(f"HUBPROOF_{name}", "secret")
    assert load_profile(facts.profile).promises == load_profile(original).promises
