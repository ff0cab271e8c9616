"""Watches user pods and their events in the background, and remembers when each stage of a spawn was first seen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

from hubproof.cluster.client import Cluster, Object
from hubproof.cluster.user_pods import USER_POD, owner_of
from hubproof.cluster.watching import Arrival, Watch
from hubproof.errors import HubproofError

_LONGEST = 24 * 3600.0
_CONDITIONS = {"PodScheduled": "scheduled", "PodReadyToStartContainers": "volume attached"}
_EVENTS = {
    "Scheduled": "scheduled",
    "Pulling": "volume attached",
    "Pulled": "image there",
    "Started": "container started",
}


class PodWatcher:
    """Sees the pods of all users of one namespace; start it before the spawn. Also a context manager.

    Args:
        cluster: where the pods are.
        namespace: of the hub.

    Attributes:
        problem: why it sees nothing any more, in words; empty while all is well.

    """

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._pods = cluster.watch("Pod", namespace, labels=USER_POD, within=_LONGEST)
        self._events = cluster.watch("Event", namespace, fields="involvedObject.kind=Pod", within=_LONGEST)
        self._lock = threading.Lock()
        self._owner: dict[str, str] = {}
        self._seen: dict[str, dict[str, float]] = {}
        self.problem = ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Begin to watch. Pods and events that are there already are not taken for new ones.

        Raises:
            CouldNotRunError: the cluster is out of reach, or a right is missing.

        """
        for watch, take in ((self._pods, self._take_pod), (self._events, self._take_event)):
            watch.since, existing = watch.existing()
            for one in existing:
                take(Arrival(0.0, "ADDED", one))
            threading.Thread(target=self._follow, args=(watch, take), name="pod watcher", daemon=True).start()
        return self

    def stop(self) -> None:
        """End both watches."""
        self._pods.close()
        self._events.close()

    def stages_of(self, user: str, since: float) -> dict[str, float]:
        """Return when each stage of a user's newest pod was first seen, of those seen after `since`.

        Args:
            user: name at the hub.
            since: by `time.monotonic`: when the spawn was asked for.

        """
        with self._lock:
            pods = [self._seen.get(uid, {}) for uid, owner in self._owner.items() if owner == user]
            new = [stages for stages in pods if stages.get("pod created", 0.0) >= since]
            newest = max(new, key=lambda stages: stages["pod created"], default={})
            return {stage: at for stage, at in newest.items() if at >= since}

    def _follow(self, watch: Watch, take: Callable[[Arrival], None]) -> None:
        try:
            for arrival in watch:
                take(arrival)
        except HubproofError as error:
            self.problem = f"{time.strftime('%H:%M:%S')} {error.happened}"

    def _take_pod(self, arrival: Arrival) -> None:
        pod = arrival.object
        uid, owner = pod["metadata"]["uid"], owner_of(pod)
        if arrival.type == "DELETED" or owner is None:
            return
        with self._lock:
            self._owner[uid] = owner
        self._note(uid, ["pod created", *_stages_of_pod(pod)], arrival.at)

    def _take_event(self, arrival: Arrival) -> None:
        event = arrival.object
        about = event["involvedObject"]
        stage = _EVENTS.get(event.get("reason", ""))
        # Init containers pull and start too; the user waits for the server's own.
        of_init = about.get("fieldPath", "").startswith("spec.initContainers")
        if stage and not (of_init and stage in {"image there", "container started"}):
            self._note(about.get("uid", ""), [stage], arrival.at)

    def _note(self, uid: str, stages: list[str], at: float) -> None:
        with self._lock:
            seen = self._seen.setdefault(uid, {})
            for stage in stages:
                seen[stage] = min(at, seen.get(stage, at))


def _stages_of_pod(pod: Object) -> Iterator[str]:
    status = pod.get("status", {})
    for condition in status.get("conditions", []):
        if condition["status"] == "True" and condition["type"] in _CONDITIONS:
            yield _CONDITIONS[condition["type"]]
    for container in status.get("containerStatuses", [])[:1]:
        if container.get("imageID"):
            yield "image there"
        if "running" in container.get("state", {}):
            yield "container started"
