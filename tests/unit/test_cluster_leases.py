from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from kube_stub import KubeStub, kube_stub, profile_for

from hubproof.cluster.client import Cluster
from hubproof.cluster.lease_object import micro_time, read_time
from hubproof.cluster.leases import RunLease, acquire_persona, persona_lease_name, run_lease_name
from hubproof.cluster.sweeping import claim, forget, left_personas, sweep_dead_runs, sweep_run
from hubproof.errors import CouldNotRunError, TargetError
from hubproof.profile import Profile
from hubproof.run import RUN_LABEL

LEASES = "/apis/coordination.k8s.io/v1/namespaces/hubproof/leases"
PODS = "/api/v1/namespaces/hubproof/pods"
PERSONAS = [{"name": "user-1", "role": "user"}, {"name": "user_1", "role": "user"}, {"name": "boss", "role": "admin"}]


@pytest.fixture
def stub() -> Iterator[KubeStub]:
    with kube_stub() as one:
        yield one


@pytest.fixture
def profile(stub: KubeStub, tmp_path: Path) -> Profile:
    return profile_for(stub.url, tmp_path, personas=PERSONAS)


@pytest.fixture
def cluster(profile: Profile) -> Cluster:
    return Cluster(profile)


def _expire(stub: KubeStub, name: str) -> None:
    past = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    stub.objects[f"{LEASES}/{name}"]["spec"]["renewTime"] = micro_time(past)


def _pod(stub: KubeStub, name: str, run_id: str | None) -> None:
    labels = {RUN_LABEL: run_id} if run_id else {}
    stub.objects[f"{PODS}/{name}"] = {"metadata": {"name": name, "labels": labels, "resourceVersion": "1"}}


def test_times_are_written_as_kubernetes_wants_them() -> None:
    moment = dt.datetime(2026, 11, 23, 19, 5, 0, 42, tzinfo=dt.UTC)
    assert micro_time(moment) == "2026-11-23T19:05:00.000042Z"
    assert read_time(micro_time(moment)) == moment


def test_names_that_look_alike_have_leases_of_their_own() -> None:
    assert persona_lease_name("user-1") != persona_lease_name("user_1")
    assert persona_lease_name("Ada Lovelace@example.com").startswith("hubproof-persona-ada-lovelace-example-com-")


def test_a_persona_is_lent_to_one_at_a_time(cluster: Cluster, profile: Profile) -> None:
    with (
        acquire_persona(cluster, profile, "run-a", "user") as first,
        acquire_persona(cluster, profile, "run-b", "user") as second,
    ):
        assert [first.persona.name, second.persona.name] == ["user-1", "user_1"]
        waited: list[str] = []
        with pytest.raises(CouldNotRunError, match=r"held are user-1 by run-a/, user_1 by run-b/"):
            acquire_persona(cluster, profile, "run-c", "user", within=0, on_wait=waited.append)
    with acquire_persona(cluster, profile, "run-c", "user", within=0) as third:
        assert third.persona.name == "user-1"
        assert not third.left_by


def test_no_persona_of_a_role_is_said_at_once(cluster: Cluster, profile: Profile) -> None:
    with pytest.raises(CouldNotRunError, match="lends no persona with role stranger"):
        acquire_persona(cluster, profile, "run-a", "stranger")


def test_what_a_dead_run_held_is_taken_over_and_its_run_named(
    stub: KubeStub, cluster: Cluster, profile: Profile
) -> None:
    acquire_persona(cluster, profile, "dead", "admin")
    _expire(stub, persona_lease_name("boss"))
    assert [one.name for one in left_personas(cluster, profile, "mine")] == ["boss"]
    with acquire_persona(cluster, profile, "mine", "admin", within=0) as taken:
        assert taken.left_by == "dead"
        assert stub.objects[f"{LEASES}/{persona_lease_name('boss')}"]["spec"]["leaseTransitions"] == 1


def test_a_left_persona_is_forgotten_unless_somebody_took_it(
    stub: KubeStub, cluster: Cluster, profile: Profile
) -> None:
    acquire_persona(cluster, profile, "dead", "admin")
    _expire(stub, persona_lease_name("boss"))
    (left,) = left_personas(cluster, profile, "mine")
    acquire_persona(cluster, profile, "other", "admin", within=0)
    assert forget(cluster, profile, left) is False
    assert f"{LEASES}/{persona_lease_name('boss')}" in stub.objects


def test_a_lease_that_expired_while_its_holder_slept_is_not_deleted_from_its_new_holder(
    stub: KubeStub, cluster: Cluster, profile: Profile
) -> None:
    slept = acquire_persona(cluster, profile, "slow", "admin")
    _expire(stub, persona_lease_name("boss"))
    acquire_persona(cluster, profile, "quick", "admin", within=0)
    slept.release()
    assert stub.objects[f"{LEASES}/{persona_lease_name('boss')}"]["spec"]["holderIdentity"] == "quick/"


def test_a_run_takes_its_lease_and_lets_go(stub: KubeStub, cluster: Cluster) -> None:
    with RunLease(cluster, "hubproof", "mine") as lease:
        assert stub.objects[f"{LEASES}/{run_lease_name('mine')}"]["spec"]["leaseDurationSeconds"] == 30
        with pytest.raises(TargetError, match="already runs"):
            RunLease(cluster, "hubproof", "mine").start()
        assert not lease.lost
    assert f"{LEASES}/{run_lease_name('mine')}" not in stub.objects


def test_a_renewal_whose_answer_was_lost_is_still_ours(stub: KubeStub, cluster: Cluster) -> None:
    with RunLease(cluster, "hubproof", "mine") as lease:
        stub.objects[f"{LEASES}/{run_lease_name('mine')}"]["metadata"]["resourceVersion"] = "999"
        assert lease._held is not None
        renewed = lease._held._renew()
        assert renewed is not None
        assert renewed.holder == "mine"


def test_only_what_dead_runs_left_is_swept(stub: KubeStub, cluster: Cluster, profile: Profile) -> None:
    for name, run_id in (("a", "dead"), ("b", "crashed"), ("c", "alive"), ("d", "mine"), ("e", None)):
        _pod(stub, name, run_id)
    with RunLease(cluster, "hubproof", "alive"), RunLease(cluster, "hubproof", "mine"):
        crashed = RunLease(cluster, "hubproof", "crashed")
        crashed.start()
        _expire(stub, run_lease_name("crashed"))
        removed = sweep_dead_runs(cluster, profile, "mine")
        assert removed == [f"Pod hubproof/{name}" for name in "ab"] + [f"Lease hubproof/{run_lease_name('crashed')}"]
        assert sweep_run(cluster, profile, "mine") == ["Pod hubproof/d"]
    assert [at.rpartition("/")[2] for at in stub.objects if at.startswith(PODS)] == ["c", "e"]


def test_a_kind_that_may_not_be_swept_does_not_keep_the_others(
    stub: KubeStub, cluster: Cluster, profile: Profile
) -> None:
    _pod(stub, "a", "mine")
    path = "/apis/networking.k8s.io/v1/namespaces/hubproof/networkpolicies"
    stub.refuse(path, 403, 'User "x" cannot list resource "networkpolicies"')
    with pytest.raises(CouldNotRunError, match=r"right missing: list networkpolicies.networking.k8s.io"):
        sweep_run(cluster, profile, "mine")
    assert f"{PODS}/a" not in stub.objects


def test_a_left_persona_is_claimed_by_one_of_two_who_tidy(stub: KubeStub, cluster: Cluster, profile: Profile) -> None:
    acquire_persona(cluster, profile, "dead", "admin")
    _expire(stub, persona_lease_name("boss"))
    (left,) = left_personas(cluster, profile, "mine")
    mine = claim(cluster, profile, left, "mine")
    assert mine is not None
    assert claim(cluster, profile, left, "other") is None
    assert forget(cluster, profile, mine)
    assert f"{LEASES}/{persona_lease_name('boss')}" not in stub.objects
