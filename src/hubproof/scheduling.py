"""Hands checks to xdist's workers, and goes on when one of them dies.

pytest-xdist 3.8 runs the test over which a worker died again on each replacement, in silence, and with one worker it
waits for ever: a replacement gets a single test, and a worker begins a test only when it knows the next.
"""

from __future__ import annotations

import pytest
from xdist.scheduler.loadgroup import LoadGroupScheduling
from xdist.workermanage import WorkerController

_AHEAD = 2
"""Tests that a worker must hold to begin one."""


class CheckScheduling(LoadGroupScheduling):  # type: ignore[misc]
    """As `--dist loadgroup`; a test over which a worker died is over, and what else the worker held goes to others."""

    def remove_node(self, node: WorkerController) -> str | None:
        """Take back the work of a worker that is gone; return the test over which it died, if there was one."""
        workload = self.assigned_work.pop(node)
        died_over: str | None = next(
            (test for unit in workload.values() for test, done in unit.items() if not done), None
        )
        if died_over is None:
            return None
        for scope, unit in workload.items():
            if died_over in unit:
                unit[died_over] = True
            if not all(unit.values()):
                self.workqueue[scope] = unit
        for other in self.assigned_work:
            self._reschedule(other)
        return died_over

    @property
    def collection_is_completed(self) -> bool:
        """Whether the first worker knows the tests: it begins at once, and the others join as they come."""
        return bool(self.registered_collections)

    def _reschedule(self, node: WorkerController) -> None:
        if node.shutting_down or node not in self.registered_collections:
            return
        while self.workqueue and self._pending_of(self.assigned_work[node]) < _AHEAD:
            self._assign_work_unit(node)
        if not self.workqueue:
            node.shutdown()


class SchedulingPlugin:
    """Registered with pytest's controller where xdist is.

    Args:
        workers: how many to have once the first is at work. Starting all at once would hold the first check up: a
            worker's start is a second of work for one core.

    """

    def __init__(self, workers: int) -> None:
        self._missing = workers - 1

    @pytest.hookimpl
    def pytest_xdist_node_collection_finished(self, node: WorkerController, ids: list[str]) -> None:
        """Bring up the other workers, as many as there is work for."""
        missing, self._missing = min(self._missing, len(ids) - 1), 0
        session = node.config.pluginmanager.getplugin("dsession")
        for _ in range(missing):
            session._clone_node(node)  # noqa: SLF001 - what xdist does itself for a worker that died

    @pytest.hookimpl
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: object) -> CheckScheduling:
        """Return the scheduler of this run."""
        return CheckScheduling(config, log)
