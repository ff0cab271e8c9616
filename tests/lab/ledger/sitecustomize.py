"""Notes every secret that a client of hubproof sends or is given, for test_no_secret_leaves.py; never part of a run.

Python imports it at start wherever this folder is in PYTHONPATH: in the gate, in pytest and in its workers.
"""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

LEDGER = os.environ.get("HUBPROOF_TEST_LEDGER", "")


def _note(*values: str) -> None:
    with open(LEDGER, "a", encoding="utf-8") as file:  # noqa: PTH123 - pathlib would be imported in every Python
        file.writelines(f"{value}\n" for value in values if len(value) >= 8)


def _watch_httpx(httpx: Any) -> None:  # noqa: ANN401 - the module itself
    send = httpx.Client.send

    def sent(self: Any, request: Any, **options: Any) -> Any:  # noqa: ANN401 - httpx's own types are not imported here
        answer = send(self, request, **options)
        for jar in (self.cookies.jar, answer.cookies.jar):
            _note(*(cookie.value or "" for cookie in jar))
        _note(request.headers.get("Authorization", "").rpartition(" ")[2], request.headers.get("X-XSRFToken", ""))
        return answer

    httpx.Client.send = sent


class _AfterHttpx(MetaPathFinder):
    """Lets httpx be imported as always, and wraps its client then."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ANN401
        """Find httpx, and nothing else."""
        if name != "httpx":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if isinstance(spec, ModuleSpec) and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module: Any) -> None:  # noqa: ANN401
                load(module)
                _watch_httpx(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


if LEDGER:
    sys.meta_path.insert(0, _AfterHttpx())
