"""What a check saw: small values, texts in files, and what is captured when it fails, before anything is swept up."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from hubproof.errors import HubproofError
from hubproof.redaction import redact, redact_data

BOUND = 256 * 1024
"""Bytes kept of one text: its end, since that is where the reason stands."""


@dataclass(frozen=True)
class Piece:
    """One piece of evidence: a value in the record, or a file beside it (path relative to the run's folder)."""

    name: str
    kind: str
    value: object = None
    path: str = ""
    source: str = ""
    command: str = ""
    time: str = ""


class Evidence:
    """Collects the evidence of one check.

    Args:
        run_folder: where the run is written.
        subfolder: `evidence/<check id>` in it; made when the first text arrives.

    """

    def __init__(self, run_folder: Path, subfolder: str) -> None:
        self._run = run_folder
        self._folder = run_folder / "evidence" / re.sub(r"[^A-Za-z0-9.\[\]_-]+", "_", subfolder)
        self._pieces: list[Piece] = []
        self._on_failure: list[tuple[str, Callable[[], None]]] = []
        self.drawn: dict[str, list[dict[str, object]]] = {}

    def note(self, name: str, value: object, *, source: str, command: str) -> None:
        """Keep a small value; a large one goes into a file of its own.

        Args:
            name: what it is.
            value: plain data.
            source: who said so: an API, a kernel, a probe.
            command: shows the same by hand.

        """
        kept = redact_data(value)
        text = json.dumps(kept, indent=1, ensure_ascii=False)
        if len(text) > BOUND // 16:
            self.text(name, text, source=source, command=command)
            return
        self._pieces.append(Piece(name, "value", kept, "", source, redact(command), _now()))

    def text(self, name: str, text: str, *, source: str, command: str) -> None:
        """Keep a text in a file. Of a long one the end is kept, and the file says so."""
        data = redact(text).encode("utf-8", "replace")
        if len(data) > BOUND:
            head = f"[the last {BOUND} of {len(data)} bytes]\n".encode()
            data = head + data[-BOUND:]
        self._folder.mkdir(parents=True, exist_ok=True)
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or "text"
        path = self._folder / f"{len(self._pieces):02d}-{stem}.txt"
        path.write_bytes(data)
        relative = str(path.relative_to(self._run))
        self._pieces.append(Piece(name, "text", None, relative, source, redact(command), _now()))

    def anatomy(self, spawn: dict[str, object]) -> None:
        """Keep the anatomy of a spawn: user, stages and their seconds; the report draws it."""
        self.drawn.setdefault("anatomy", []).append(spawn)

    def reach(self, promises: Iterable[Mapping[str, object]]) -> None:
        """Keep promises of reachability beside what was seen of them; the report draws them as a grid."""
        self.drawn.setdefault("reach", []).extend(dict(one) for one in promises)

    def on_failure(self, what: str, capture: Callable[[], None]) -> None:
        """Have `capture` called when the check ends badly, while all that it made still stands."""
        self._on_failure.append((what, capture))

    def capture(self) -> None:
        """Call what `on_failure` registered. One that cannot look says so in the evidence and hides nothing."""
        for what, look in self._on_failure:
            try:
                look()
            except (HubproofError, OSError) as error:
                self.note(f"could not capture {what}", str(error), source="the capture itself", command="")
        self._on_failure.clear()

    def as_dicts(self) -> list[dict[str, object]]:
        """Return the pieces as plain data."""
        return [asdict(piece) for piece in self._pieces]


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
