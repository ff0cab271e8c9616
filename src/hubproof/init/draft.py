"""A profile that is being written: values, what is said of them, and questions that only its owner can answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ask:
    """A value that nothing in the cluster tells. The profile is refused until somebody has put one in its place."""

    question: str


@dataclass(frozen=True)
class Said:
    """A value with a comment for whoever reads the file."""

    value: Any
    comment: str


@dataclass(frozen=True)
class Hint:
    """A comment where a value might stand: lines that the owner may uncomment."""

    comment: str
