"""Notes what hubproof's clients send, for tests/lab; never part of a run.

Python imports it at start wherever this folder is in PYTHONPATH: in the gate, in pytest and in its workers. What is
noted is asked for by a variable that names a file: HUBPROOF_TEST_LEDGER for every secret that is sent to a hub or given
by it (test_no_secret_leaves.py), HUBPROOF_TEST_RIGHTS for every request to Kubernetes and the check that it is made for
(rights_in_use.py).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

LEDGER = os.environ.get("HUBPROOF_TEST_LEDGER", "")
RIGHTS = os.environ.get("HUBPROOF_TEST_RIGHTS", "")


def _note(path: str, *lines: str) -> None:
    with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - pathlib would be imported in every Python
        file.write("".join(f"{line}\n" for line in lines))


def _watch_httpx(httpx: Any) -> None:  # noqa: ANN401 - the module itself
    send = httpx.Client.send

    def sent(self: Any, request: Any, **options: Any) -> Any:  # noqa: ANN401 - httpx's own types are not imported here
        answer = send(self, request, **options)
        values = [cookie.value or "" for jar in (self.cookies.jar, answer.cookies.jar) for cookie in jar]
        values += [request.headers.get("Authorization", "").rpartition(" ")[2], request.headers.get("X-XSRFToken", "")]
        _note(LEDGER, *(value for value in values if len(value) >= 8))
        return answer

    httpx.Client.send = sent


def _watch_requests(connection: Any) -> None:  # noqa: ANN401 - the module itself
    request = connection.Connection.request

    def asked(self: Any, method: str, path: str, *, doing: str, **options: Any) -> Any:  # noqa: ANN401
        _note(RIGHTS, f"{_current_test()}\t{doing}\t{path}")
        return request(self, method, path, doing=doing, **options)

    connection.Connection.request = asked


def _watch_exec(execution: Any) -> None:  # noqa: ANN401 - the module itself
    run_in_pod = execution.run_in_pod

    def ran(connection: Any, namespace: str, pod: str, *rest: Any, **options: Any) -> Any:  # noqa: ANN401
        _note(RIGHTS, f"{_current_test()}\tget pods/exec in namespace {namespace}\t{pod}")
        return run_in_pod(connection, namespace, pod, *rest, **options)

    execution.run_in_pod = ran


def _current_test() -> str:
    return os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]


class _After(MetaPathFinder):
    """Lets some modules be imported as always, and wraps what is in them then."""

    def __init__(self, wraps: dict[str, Callable[[Any], None]]) -> None:
        self._wraps = wraps

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ANN401
        """Find those modules, and nothing else."""
        wrap = self._wraps.pop(name, None)
        if wrap is None:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if isinstance(spec, ModuleSpec) and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module: Any) -> None:  # noqa: ANN401
                load(module)
                wrap(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


_WRAPS: dict[str, Callable[[Any], None]] = {}
if LEDGER:
    _WRAPS["httpx"] = _watch_httpx
if RIGHTS:
    _WRAPS |= {"hubproof.cluster.connection": _watch_requests, "hubproof.cluster.execution": _watch_exec}
if _WRAPS:
    sys.meta_path.insert(0, _After(_WRAPS))
