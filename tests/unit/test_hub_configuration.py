"""The reference hub's configuration, run as the hub runs it: with the chart's values and an operator's additions."""

import json
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from hubproof.resources import resource

SECRETS = ("HUB_DB_PASSWORD", "OIDC_CLIENT_SECRET", "HUBPROOF_TOKEN", "PROMETHEUS_TOKEN")


class Sections(SimpleNamespace):
    """Stands in for traitlets' Config: a section comes to be when it is first named."""

    def __getattr__(self, name: str) -> SimpleNamespace:
        section = SimpleNamespace()
        setattr(self, name, section)
        return section


def configured(folder: Path, monkeypatch: pytest.MonkeyPatch, **more: str) -> Any:  # noqa: ANN401 - sections of any kind
    chart = resource("fixtures", "reference", "chart")
    values = yaml.safe_load((chart / "values.yaml").read_text())
    (folder / "conf.d").mkdir(exist_ok=True)
    (folder / "values.json").write_text(json.dumps(values))
    for name, text in more.items():
        (folder / "conf.d" / f"{name}.py").write_text(text)
    for name in SECRETS:
        monkeypatch.setenv(name, f"secret-{name}")
    monkeypatch.setattr(socket, "create_connection", lambda *_: SimpleNamespace(close=lambda: None))
    config = Sections()
    source = (chart / "files" / "jupyterhub_config.py").read_text().replace("/etc/jupyterhub", str(folder))
    exec(compile(source, "jupyterhub_config.py", "exec"), {"get_config": lambda: config})  # noqa: S102 - as the hub does
    return config


def test_homes_outlive_their_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spawner = configured(tmp_path, monkeypatch).KubeSpawner
    assert spawner.delete_pvc is False
    assert spawner.automount_service_account_token is False


def test_only_members_come_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authenticator = configured(tmp_path, monkeypatch).GenericOAuthenticator
    assert authenticator.allowed_groups == {"jupyter-users"}
    assert not getattr(authenticator, "allow_all", False)


def test_a_guarantee_is_far_below_its_limit_so_that_servers_still_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawner = configured(tmp_path, monkeypatch).KubeSpawner
    assert spawner.cpu_guarantee < spawner.cpu_limit / 10
    assert spawner.mem_guarantee != spawner.mem_limit


def test_servers_stay_when_the_hub_ends_and_failures_do_not_end_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(tmp_path, monkeypatch)
    assert config.JupyterHub.cleanup_servers is False
    assert config.Spawner.consecutive_failure_limit == 0


def test_an_operators_file_adds_to_what_stands_and_replaces_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = "c.JupyterHub.services.append({'name': 'culler'})\nc.KubeSpawner.cpu_limit = 2\n"
    config = configured(tmp_path, monkeypatch, operator=more)
    assert [service["name"] for service in config.JupyterHub.services] == ["hubproof", "prometheus", "culler"]
    assert config.KubeSpawner.cpu_limit == 2
