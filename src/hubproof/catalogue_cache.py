"""Remembers the catalogue between commands, so that a gate need not import every check before it can begin.

Made anew whenever a file of checks, or what a check is made with, has another size or time than when it was made.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from hubproof.checking import CheckInfo, check_files, discover
from hubproof.resources import home

_KEPT = "catalogue.json"


def catalogue() -> dict[str, CheckInfo]:
    """Return every check by id, from memory when nothing has changed.

    Raises:
        ValueError: see `hubproof.checking.discover`.

    """
    package = Path(__file__).parent
    key = _key([*check_files(), package / "checking.py", package / "touching.py"])
    path = home() / _KEPT
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["key"] == key:
            return {one["id"]: _info(one) for one in kept["checks"]}
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none is kept, or one of another hubproof: made anew below
    found = discover()
    temporary = path.with_name(f".{_KEPT}.{os.getpid()}")
    temporary.write_text(json.dumps({"key": key, "checks": [asdict(one) for one in found.values()]}), encoding="utf-8")
    temporary.replace(path)
    return found


def _info(kept: dict[str, object]) -> CheckInfo:
    return CheckInfo(**{name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()})  # type: ignore[arg-type]


def _key(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
