"""The units of a profile, typed: durations, Kubernetes quantities, percentages. Each keeps how it was written."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h|d)$")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SUFFIX = {
    "": Decimal(1), "m": Decimal("0.001"), "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9),
    "T": Decimal(10**12), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
}  # fmt: skip
_QUANTITY = re.compile(r"^(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")


def _duration(value: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever YAML held
    if isinstance(value, bool):
        msg = "a duration is written like 30s, 5m or 250ms"
        raise ValueError(msg)  # noqa: TRY004 - pydantic turns ValueError, not TypeError, into a message with its place
    if isinstance(value, int | float):
        msg = f"a duration needs its unit: {value}s, {value}m or {value}ms?"
        raise ValueError(msg)  # noqa: TRY004 - see above
    match = _DURATION.match(str(value).strip())
    if not match:
        msg = f"{value!r} is no duration; write 30s, 5m, 2h or 250ms"
        raise ValueError(msg)
    return float(match[1]) * _SECONDS[match[2]]


def _percentage(value: Any) -> Any:  # noqa: ANN401
    text = str(value).strip()
    if not text.endswith("%"):
        msg = f"{value!r} is no percentage; write 1% or 0.5%"
        raise ValueError(msg)
    try:
        return float(text[:-1]) / 100
    except ValueError:
        msg = f"{value!r} is no percentage; write 1% or 0.5%"
        raise ValueError(msg) from None


def _seconds_text(value: float) -> str:
    return f"{value:g}s"


Duration = Annotated[float, BeforeValidator(_duration), PlainSerializer(_seconds_text, return_type=str)]
"""Seconds, written with a unit: `30s`."""

Percentage = Annotated[
    float, BeforeValidator(_percentage), PlainSerializer(lambda value: f"{value * 100:g}%", return_type=str)
]
"""A share between 0 and 1, written with a percent sign: `1%`."""


def quantity(text: str | float) -> Decimal:
    """Return the number that a Kubernetes quantity means, in bytes, cores or pieces (`512Mi`, `500m`, `120`).

    Raises:
        ValueError: it is none.

    """
    match = _QUANTITY.match(str(text).strip())
    if not match:
        msg = f"{text!r} is no quantity; write 512Mi, 1Gi, 500m or 2"
        raise ValueError(msg)
    try:
        return Decimal(match[1]) * _SUFFIX[match[2] or ""]
    except InvalidOperation:  # pragma: no cover - the pattern admits digits only
        msg = f"{text!r} is no quantity"
        raise ValueError(msg) from None


def short(text: str) -> str:
    """Return a quantity as a person would write it: `536870912` is `512Mi`. KubeSpawner writes plain bytes."""
    for suffix in ("Ti", "Gi", "Mi"):
        if text.isdigit() and int(text) and int(text) % _SUFFIX[suffix] == 0:
            return f"{int(text) // int(_SUFFIX[suffix])}{suffix}"
    return text


def _quantity_text(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, bool):
        msg = "a quantity is written like 512Mi, 500m or 2"
        raise ValueError(msg)  # noqa: TRY004 - see _duration
    quantity(value)
    return str(value)


Quantity = Annotated[str, BeforeValidator(_quantity_text)]
"""A Kubernetes quantity as it was written; compare through `quantity()`, since 1Gi and 1024Mi are the same."""
