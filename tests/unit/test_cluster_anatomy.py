from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kube_stub import KubeStub, kube_stub, profile_for

from hubproof.cluster.anatomy import STAGES, assemble
from hubproof.cluster.client import Cluster
from hubproof.cluster.pod_watcher import PodWatcher
from hubproof.cluster.watching import Arrival
from hubproof.record import AnatomyRecord

UID = "0b4c"


@pytest.fixture
def stub() -> Iterator[KubeStub]:
    with kube_stub() as one:
        yield one


@pytest.fixture
def watcher(stub: KubeStub, tmp_path: Path) -> PodWatcher:
    return PodWatcher(Cluster(profile_for(stub.url, tmp_path)), "jupyter")


def _pod(**status: object) -> dict[str, object]:
    return {"metadata": {"uid": UID, "annotations": {"hub.jupyter.org/username": "ada"}}, "status": status}


def _event(reason: str, path: str = "spec.containers{notebook}") -> dict[str, object]:
    return {"reason": reason, "involvedObject": {"uid": UID, "fieldPath": path}}


def test_stages_are_in_order_and_their_times_add_up() -> None:
    anatomy = assemble("ada", 100.0, [("hub accepts", 100.2), ("route added", 103.0)], {"pod created": 100.5})
    assert [(one.name, round(one.at, 3), round(one.seconds, 3)) for one in anatomy.stages] == [
        ("hub accepts", 0.2, 0.2),
        ("pod created", 0.5, 0.3),
        ("route added", 3.0, 2.5),
    ]
    assert anatomy.seconds == 3.0
    assert anatomy.longest() == "route added, 2.5 s"
    assert "scheduled" in anatomy.unseen


def test_a_stage_is_over_when_a_later_one_is_seen() -> None:
    # Word of the image came after the container ran: the image was there before.
    anatomy = assemble("ada", 0.0, [], {"image there": 2.0, "container started": 1.5})
    assert [(one.name, one.at) for one in anatomy.stages] == [("image there", 1.5), ("container started", 1.5)]


def test_the_kernel_is_not_part_of_the_spawn() -> None:
    anatomy = assemble("ada", 0.0, [("route added", 2.0), ("kernel ready", 4.0), ("first output", 4.5)])
    assert anatomy.seconds == 2.0


def test_a_stage_that_is_none_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no stage of a spawn"):
        assemble("ada", 0.0, [("ready", 1.0)])


def test_nothing_seen_is_no_crash() -> None:
    anatomy = assemble("ada", 0.0, [])
    assert anatomy.seconds == 0.0
    assert anatomy.longest() == "none was seen"


def test_the_record_takes_it() -> None:
    anatomy = assemble("ada", 0.0, [(name, float(place)) for place, name in enumerate(STAGES)], server="second")
    kept = AnatomyRecord.model_validate(anatomy.as_dict())
    assert [one.name for one in kept.stages] == list(STAGES)


def test_pod_and_events_give_the_stages(watcher: PodWatcher) -> None:
    scheduled = {"type": "PodScheduled", "status": "True"}
    running = [{"name": "notebook", "imageID": "sha256:1", "state": {"running": {}}}]
    watcher._take_pod(Arrival(10.0, "ADDED", _pod()))
    watcher._take_pod(Arrival(11.0, "MODIFIED", _pod(conditions=[scheduled])))
    watcher._take_event(Arrival(12.0, "ADDED", _event("Pulled", "spec.initContainers{wait}")))
    watcher._take_event(Arrival(13.0, "ADDED", _event("Pulled")))
    watcher._take_pod(Arrival(14.0, "MODIFIED", _pod(conditions=[scheduled], containerStatuses=running)))
    assert watcher.stages_of("ada", since=9.0) == {
        "pod created": 10.0,
        "scheduled": 11.0,
        "image there": 13.0,
        "container started": 14.0,
    }


def test_a_pod_from_before_the_spawn_is_not_taken_for_its_own(watcher: PodWatcher) -> None:
    watcher._take_pod(Arrival(0.0, "ADDED", _pod()))
    assert watcher.stages_of("ada", since=5.0) == {}
    assert watcher.stages_of("bob", since=5.0) == {}


def test_a_watch_that_is_refused_says_so(stub: KubeStub, watcher: PodWatcher) -> None:
    refused = 'User "x" cannot watch resource "pods" in API group "" in the namespace "jupyter"'
    stub.refuse("/api/v1/namespaces/jupyter/pods", 403, refused)
    watcher._follow(watcher._pods, watcher._take_pod)
    assert "right missing: watch pods in namespace jupyter" in watcher.problem
