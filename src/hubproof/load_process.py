"""Locust as a process of its own, since it patches the standard library: started, watched, and ended in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from hubproof.errors import DeadlineExceededError
from hubproof.gate import Stopped
from hubproof.load_plan import LoadPlan, StepResult, read_results
from hubproof.progress import Progress
from hubproof.resources import resource
from hubproof.waiting import wait_for

_ROUND_WITHIN = 600.0
"""Seconds that the last user to come has for a round before the run is ended."""
_TELL_EVERY = 2.0
_STOP_WITHIN = 15.0


def generate(plan: LoadPlan, over: float, folder: Path, stopped: Stopped, progress: Progress) -> list[StepResult]:
    """Run the load generator to its end and return what its users met.

    Args:
        plan: who comes, and where to.
        over: seconds over which they come; 0 is all at once.
        folder: of the run, for Locust's log and tables.
        stopped: receives why it ended early.
        progress: told how many have come and gone.

    """
    count = len(plan.people)
    rate = count / over if over else float(count)
    with tempfile.TemporaryDirectory(prefix="hubproof-load-") as private:
        file = Path(private, "plan.json")
        plan.save(file)
        command = [
            sys.executable, "-m", "locust", "--locustfile", str(resource("load", "locustfile.py")), "--headless",
            "--users", str(count), "--spawn-rate", f"{rate:.4f}", "--run-time", f"{over + _ROUND_WITHIN:.0f}s",
            "--hubproof-plan", str(file), "--exit-code-on-error", "0", "--stop-timeout", "10",
            "--csv", str(folder / "locust"),
        ]  # fmt: skip
        paths = [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        with (folder / "locust.log").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        try:
            with stopped.listening(_Stoppable(process)):
                _watch(process, plan, over, progress)
        finally:
            _end(process)
    if process.returncode not in {0, -signal.SIGTERM} and not stopped.why:
        stopped.why = f"the load generator ended with {process.returncode}: see {folder / 'locust.log'}"
    return read_results(plan.results)


class _Stoppable:
    """What a signal stops: the load generator, in order."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def stop(self) -> None:
        """Ask it to end."""
        with suppress(ProcessLookupError):
            self._process.terminate()


def _watch(process: subprocess.Popen[bytes], plan: LoadPlan, over: float, progress: Progress) -> None:
    told, at = "", 0.0

    def ended() -> bool:
        nonlocal told, at
        results = read_results(plan.results)
        come, gone = {one.user for one in results}, {one.user for one in results if not one.step}
        failed = {one.user for one in results if one.error}
        text = f"  {len(come)} of {len(plan.people)} users have come, {len(gone)} are done, {len(failed)} failed"
        if text != told and time.monotonic() - at > _TELL_EVERY:
            told, at = text, time.monotonic()
            progress.say(text)
        return process.poll() is not None

    with suppress(DeadlineExceededError):  # Locust ends by itself at its run time; this is only a second belt
        wait_for(ended, within=over + _ROUND_WITHIN + 60, what="the load generator to end", every=0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
