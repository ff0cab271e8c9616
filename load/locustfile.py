"""Load users: each signs in, gets a server, starts a kernel, computes, checks the result, and stops its server. Once.

Started by `hubproof capacity` as a process of its own, since Locust patches the standard library. What each user met
is written as one line of JSON a step, by which `hubproof.capacity` counts and judges; Locust's statistics see the same.
"""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
from locust import User, events, task
from locust.env import Environment
from locust.exception import StopUser

from hubproof.errors import HubproofError, TargetError
from hubproof.hub.server import UserServer
from hubproof.hub.session import HubSession
from hubproof.load_plan import LoadPlan
from hubproof.profile import Persona
from hubproof.profile_file import load_profile
from hubproof.redaction import redact


def _add_arguments(parser: ArgumentParser, **_: object) -> None:
    parser.add_argument("--hubproof-plan", required=True, help="the plan that hubproof capacity wrote")


def _read_plan(environment: Environment, **_: object) -> None:
    options: Any = environment.parsed_options
    plan = LoadPlan.load(Path(options.hubproof_plan))
    NotebookUser.plan = plan
    NotebookUser.waiting = list(plan.people)
    NotebookUser.profile = load_profile(plan.profile)


events.init_command_line_parser.add_listener(_add_arguments)  # type: ignore[no-untyped-call]
events.init.add_listener(_read_plan)  # type: ignore[no-untyped-call]


class NotebookUser(User):
    """One person with one notebook, who comes once."""

    plan: LoadPlan
    waiting: list[tuple[str, str]]
    profile: Any
    over = 0

    def on_start(self) -> None:
        """Become the next person of the plan."""
        self.name, password = self.waiting.pop(0)
        redact.add(password)
        self.session = HubSession(self.profile, Persona(name=self.name, role="load"), password, timeout=60.0)

    @task
    def use_a_notebook(self) -> None:
        """Do all of it, stop the server whatever happened, and be gone."""
        server = self.session.server()
        try:
            with self._step("sign in"):
                self.session.login()
            self._compute(server)
        except HubproofError:
            pass  # told by the step that it happened in
        finally:
            self.session.close()
            self._leave()
        raise StopUser

    def _compute(self, server: UserServer) -> None:
        spawned = False
        try:
            with self._step("spawn"):
                spawned = True
                server.start(within=self.plan.spawn_within)
            kernel = server.kernel()
            with self._step("kernel"):
                kernel.start()
            with self._step("execute"):
                number = sum(map(ord, self.name))
                done = kernel.execute(f"print({number} * 2)")
                if done.stdout != f"{number * 2}\n":
                    raise TargetError(f"a wrong result: status {done.status}, output {done.stdout!r}")
            kernel.shutdown()
        finally:
            if spawned:
                with self._step("stop"):
                    server.stop(within=self.plan.stop_within)

    @contextmanager
    def _step(self, step: str) -> Iterator[None]:
        begun, error = time.monotonic(), None
        try:
            yield
        except HubproofError as failure:
            error = failure
            raise
        finally:
            seconds = time.monotonic() - begun
            self.environment.events.request.fire(
                request_type="step", name=step, response_time=seconds * 1000, response_length=0, exception=error
            )
            told = redact(error.happened) if error else ""
            self._write({"user": self.name, "step": step, "seconds": round(seconds, 4), "error": told})

    def _leave(self) -> None:
        self._write({"user": self.name, "step": "", "seconds": 0.0, "error": ""})
        NotebookUser.over += 1
        if NotebookUser.over == len(self.plan.people) and self.environment.runner:
            gevent.spawn_later(0.1, self.environment.runner.quit)

    def _write(self, line: dict[str, Any]) -> None:
        with self.plan.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
