"""Runs one phase of checks as a pytest process of its own, and hands over each result the moment it is there.

A process of its own, so that whatever happens in it (a worker that dies, a segmentation fault, a kill) leaves the gate
alive to sweep up and to write the report.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hubproof.resources import root
from hubproof.run import RESULTS
from hubproof.waiting import Deadline

PARENT_FD = "HUBPROOF_PARENT_FD"
"""Names the end of a pipe whose other end the gate holds: when it closes, the gate is gone and pytest ends."""
_STOP_WITHIN = 20.0
_POLL = 0.1


class PytestProcess:
    """One pytest process over the checks of one phase.

    Args:
        folder: the run's folder, with its settings.
        phase: `together` under xdist, or `alone`.
        workers: xdist workers; 0 means in the process itself.
        maxfail: stop after so many failures; 0 means never.

    """

    def __init__(self, folder: Path, phase: str, *, workers: int, maxfail: int = 0) -> None:
        self._folder = folder
        self._results = folder / RESULTS
        self._read = self._results.stat().st_size if self._results.exists() else 0
        self.log = folder / f"pytest-{phase}.log"
        config = folder / "pytest.ini"
        config.write_text("[pytest]\naddopts =\n", encoding="utf-8")
        spread = (
            ["-n", "1", "--hubproof-workers", str(workers), "--dist", "loadgroup", "--max-worker-restart", "4"]
            if workers
            else ["-n", "0"]
        )
        command = [
            sys.executable, "-m", "pytest", "-c", str(config), "--rootdir", str(root()), "--confcutdir", str(root()),
            "-p", "xdist.plugin", "-p", "hubproof.plugin", "-p", "no:cacheprovider", "-q", "--tb=short",
            "-ra", "--assert=plain",
            "--hubproof-run", str(folder), "--hubproof-phase", phase, *spread,
            *(["--maxfail", str(maxfail)] if maxfail else []),
            str(root() / "tests" / "conformance"), str(root() / "tests" / "integration"),
        ]  # fmt: skip
        reading, self._hold = os.pipe()
        # Plugins come by name only: Locust brings one that claims --host, and who knows what else is installed.
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", PARENT_FD: str(reading)}
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        )
        with self.log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                command,
                cwd=root(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=(reading,),
                start_new_session=True,  # Ctrl-C comes to the gate alone, which then stops this in order
            )
        os.close(reading)

    def results(self, deadline: Deadline | None = None) -> Iterator[dict[str, Any]]:
        """Yield each result as it is written, until the process has ended or the deadline is over."""
        while True:
            ended = self._ended(_POLL)
            yield from self._new()
            if ended:
                return
            if deadline and deadline.over:
                self.stop()

    @property
    def exit_code(self) -> int | None:
        """What pytest ended with; nothing while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """End it: first as Ctrl-C would, so that fixtures clean up, then by force."""
        for number in (signal.SIGINT, signal.SIGKILL):
            if self._process.poll() is None:
                os.killpg(self._process.pid, number)
                if self._ended(_STOP_WITHIN):
                    break

    def close(self) -> None:
        """Let go of the process; it ends by itself if it has not."""
        os.close(self._hold)

    def _ended(self, within: float) -> bool:
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _new(self) -> Iterator[dict[str, Any]]:
        if not self._results.exists():
            return
        with self._results.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                yield json.loads(line)
