"""What follows from a namespace, and what is asked instead of guessed. The objects are those of zero-to-jupyterhub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jupyterhub_objects import INTERNET, SPACE, named, policy, service, zero_to_jupyterhub

from hubproof.errors import UsageError
from hubproof.init.deriving import derive
from hubproof.init.writing import as_yaml
from hubproof.profile import Profile
from hubproof.profile_file import ASK_TAG, load_profile
from hubproof.resources import resource

KUBE = {"context": "there"}
ANSWERS: dict[str, Any] = {
    "tls": {},
    "image": "registry.example/python:3",
    "api_token": {"env": "TOKEN"},
    "driver": "hub-form",
    "personas": [{"name": f"u{one}", "role": "user", "password": {"env": "PW"}} for one in (1, 2)],
    "memory": "1Gi",
    "cpu": 1,
    "storage": {"size": "10Gi"},
}


def drafted(**kinds: list[dict[str, Any]]) -> str:
    found = zero_to_jupyterhub()
    found.inside |= kinds
    return as_yaml(derive(found, kube=KUBE), "head")


def read(text: str) -> dict[str, Any]:
    """Read a draft with every question answered, whatever stands around it."""

    class Loader(yaml.SafeLoader):
        pass

    lines = dict(enumerate(text.splitlines()))
    Loader.add_constructor(ASK_TAG, lambda _l, node: ANSWERS[lines[node.start_mark.line].split(":")[0].strip()])
    data: dict[str, Any] = yaml.load(text, Loader)  # noqa: S506 - a SafeLoader with one tag more
    return data


def test_an_answered_draft_is_a_profile() -> None:
    profile = Profile.model_validate(read(drafted()))
    assert profile.url == "https://hub.example.org/lab"
    assert profile.namespace == SPACE
    assert profile.kube
    assert profile.kube.context == "there"
    assert profile.hub.version == ">=5,<6"


def test_homes_and_limits_are_those_of_a_running_user() -> None:
    promises = Profile.model_validate(read(drafted())).promises
    assert promises.storage
    assert (promises.storage.size, promises.storage.class_, promises.storage.home) == (
        "10Gi",
        "standard",
        "/home/jovyan",
    )
    assert promises.quota
    assert (promises.quota.memory, promises.quota.memory_request, promises.quota.cpu) == ("1Gi", "512Mi", "0.5")


def test_without_a_user_homes_and_limits_are_asked_for() -> None:
    text = as_yaml(derive(zero_to_jupyterhub(with_user=False), kube=KUBE), "head")
    asked = [line.split(":")[0].strip() for line in text.splitlines() if f": {ASK_TAG} " in line]
    assert asked == ["tls", "image", "api_token", "driver", "personas", "storage", "memory", "cpu"]
    assert Profile.model_validate(read(text)).promises.quota


def test_limits_come_from_the_limit_range_where_no_user_runs() -> None:
    found = zero_to_jupyterhub(with_user=False)
    limit = {"type": "Container", "default": {"memory": "2Gi", "cpu": "1", "ephemeral-storage": "1Gi"}}
    found.inside["LimitRange"] = [named("users", spec={"limits": [limit]})]
    quota = read(as_yaml(derive(found, kube=KUBE), "head"))["promises"]["quota"]
    assert quota == {"memory": "2Gi", "cpu": "1"}


def test_reach_is_what_the_policies_say() -> None:
    network = Profile.model_validate(read(drafted())).promises.network
    assert network
    assert {(one.to, one.port) for one in network.open} == {("dns", None), ("hub", None)}
    assert {one.to for one in network.closed} == {"user", "proxy-api", "kube-api", "metadata"}


def test_a_leak_is_told_and_not_promised() -> None:
    everything = [policy("hub", [{}], [{}]), policy("proxy", [{}], [{}]), policy("singleuser", [{}], [{}])]
    text = drafted(NetworkPolicy=everything)
    network = read(text)["promises"]["network"]
    assert network["closed"] == []
    assert "Users may reach user, proxy-api, kube-api, metadata today" in " ".join(text.replace("#", "").split())


def test_blocked_dns_is_not_promised() -> None:
    closed = [policy("singleuser", [], [INTERNET])]
    opened = read(drafted(NetworkPolicy=closed))["promises"]["network"]["open"]
    assert {"from": "user", "to": "dns"} not in opened


def test_without_policies_no_matrix_is_promised() -> None:
    assert "network" not in read(drafted(NetworkPolicy=[]))["promises"]


def test_the_inventory_leaves_out_what_kubernetes_and_users_make() -> None:
    inventory = read(drafted())["promises"]["deploy"]["inventory"]
    assert inventory["PersistentVolumeClaim"] == ["hub-db-dir"]
    assert inventory["DaemonSet"] == ["continuous-image-puller"]
    assert inventory["ServiceAccount"] == ["hub", "user-scheduler"]
    assert inventory["ConfigMap"] == ["user-scheduler"]


def test_platform_services_are_found_and_those_without_a_check_told() -> None:
    found = zero_to_jupyterhub()
    found.around["Service"].append(service("db", "db", 5432, 5432, "data"))
    text = as_yaml(derive(found, kube=KUBE), "head")
    assert read(text)["promises"]["services"]["postgresql"]["host"] == "db.data.svc.cluster.local"
    assert "trino (trino.data.svc.cluster.local:8080)" in text


def test_no_secret_is_named_as_a_value_but_the_hubs_own_are_hinted_at() -> None:
    assert "The hub itself uses the Secrets hub." in drafted()


def test_without_an_ingress_the_address_is_asked_for() -> None:
    public = service("proxy-public", "proxy", 80, "http")
    public["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.81"}]}}
    found = zero_to_jupyterhub()
    found.inside["Ingress"] = []
    found.inside["Service"] = [public]
    text = as_yaml(derive(found, kube=KUBE), "head")
    question = next(line for line in text.splitlines() if line.startswith("url: "))
    assert ASK_TAG in question
    assert "192.0.2.81" in question


def test_an_unanswered_question_refuses_the_profile_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(drafted(), encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        load_profile(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    for key in ("tls", "image", "api_token", "driver", "personas"):
        number = next(at for at, line in enumerate(lines, 1) if line.strip().startswith(f"{key}: {ASK_TAG}"))
        assert f"{path}:{number}: " in str(refused.value)


def test_no_line_of_the_file_is_too_long_to_read() -> None:
    comments = [line for line in drafted().splitlines() if line.lstrip().startswith("#")]
    assert max(map(len, comments)) <= 112


def test_the_shipped_profile_of_zero_to_jupyterhub_promises_what_is_read_of_one() -> None:
    """What the chart fixes, stated by hand in fixtures/profiles and read from its objects, must be one."""
    given = yaml.safe_load((resource("fixtures", "profiles") / "z2jh.yaml").read_text(encoding="utf-8"))["promises"]
    seen = read(drafted())["promises"]
    assert given["network"]["open"] == seen["network"]["open"]
    assert given["network"]["closed"] == seen["network"]["closed"]
    assert given["rbac"] == seen["rbac"]
    assert given["ha"] == seen["ha"]
    for kind, names in given["deploy"]["inventory"].items():
        assert names == seen["deploy"]["inventory"][kind], kind
