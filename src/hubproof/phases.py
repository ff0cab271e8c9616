"""The pytest processes of a gate, one after the other: the checks that run together, then those that run alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from hubproof.checking import CheckInfo
from hubproof.pytest_process import PytestProcess
from hubproof.run import RunSettings


class Phases:
    """Holds the process of the present phase. A context manager: no process outlives it.

    Args:
        settings: of the run.
        catalogue: says which check runs in which phase.
        workers: xdist workers of the checks that run together.
        maxfail: stop a phase after so many failed checks; 0 is never.

    """

    def __init__(
        self, settings: RunSettings, catalogue: Mapping[str, CheckInfo], *, workers: int, maxfail: int
    ) -> None:
        alone = {catalogue[i].alone for i in settings.selected}
        both = (("together", workers), ("alone", 0))
        self._folder, self._maxfail = settings.folder, maxfail
        self._left = [(phase, number) for phase, number in both if (phase == "alone") in alone]
        self.process: PytestProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def start_next(self) -> None:
        """Let go of the process of this phase, and start that of the next, if there is one."""
        self._end()
        if self._left:
            phase, workers = self._left.pop(0)
            self.process = PytestProcess(self._folder, phase, workers=workers, maxfail=self._maxfail)

    def stop(self) -> None:
        """End the present phase in order, and begin no other."""
        self._left.clear()
        if self.process:
            self.process.stop()

    def _end(self) -> None:
        if self.process:
            self.process.stop()
            self.process.close()
            self.process = None
