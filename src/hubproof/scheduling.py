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

    def _reschedule(self, node: WorkerController) -> None:
        if node.shutting_down:
            return
        while self.workqueue and self._pending_of(self.assigned_work[node]) < _AHEAD:
            self._assign_work_unit(node)
        if not self.workqueue:
            node.shutdown()


class SchedulingPlugin:
    """Registered with pytest where xdist is."""

    @pytest.hookimpl
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: object) -> CheckScheduling:
        """Return the scheduler of this run."""
        return CheckScheduling(config, log)
