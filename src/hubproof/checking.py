"""What a check is written with: the `@check` decorator, `expect`, and the catalogue that the decorators fill.

Verdicts are not made here (see `hubproof.verdict`), evidence neither (see `hubproof.evidence`).
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from hubproof.errors import BrokenPromiseError
from hubproof.resources import resource
from hubproof.touching import makes as made_by

Severity = Literal["critical", "major", "minor"]
Reach = Literal["observe", "act", "disrupt"]
Criterion = Literal[
    "reachable over HTTPS",
    "users authenticate",
    "notebooks spawn",
    "platform services work",
    "storage persists",
    "monitoring shows usage",
    "no critical errors in logs",
    "quotas enforced",
    "isolation",
    "high availability",
    "least privilege",
    "delivery",
    "life after launch",
]

F = TypeVar("F", bound=Callable[..., object])
_ID = re.compile(r"^[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*$")


@dataclass(frozen=True)
class CheckInfo:
    """What is said of a check, once, where it is written; the catalogue is generated from it.

    Attributes:
        id: `family.name`, stable for ever.
        must: one sentence with MUST in it.
        severity: what a broken promise of this kind means for the deployment.
        reach: how far the check goes into the target.
        criterion: the deployment criterion, or the concern beside the eight, that it belongs to.
        remedy: what the reader does when it is red.
        promise: dotted paths into the profile's `promises`; where one is absent the check is not applicable.
        alone: whether it runs after all others and by itself.
        source: file and test function, for the catalogue and for who wants to read on.
        makes: what it makes in the target, in words; nothing when it only reads.
        tests: every test that carries the id, as `source` does.

    """

    id: str
    must: str
    severity: Severity
    reach: Reach
    criterion: Criterion
    remedy: str
    promise: tuple[str, ...] = ()
    alone: bool = False
    source: str = ""
    makes: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The part of the id before the dot."""
        return self.id.partition(".")[0]


def check(
    check_id: str,
    *,
    must: str,
    severity: Severity,
    reach: Reach,
    criterion: Criterion,
    remedy: str,
    promise: str | tuple[str, ...] = (),
    alone: bool = False,
    makes: str | tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Make a pytest test a check. Several tests may carry the same id and must then agree in everything."""
    for name, text in (("must", must), ("remedy", remedy)):
        if not text.strip():
            msg = f"check {check_id}: {name} is empty"
            raise ValueError(msg)
    if not _ID.match(check_id) or "MUST" not in must:
        msg = f"check {check_id}: the id is family.name in lower case, and its sentence says MUST"
        raise ValueError(msg)

    def mark(test: F) -> F:
        path = Path(test.__code__.co_filename)
        source = f"tests/{path.parent.name}/{path.name}::{test.__name__}"
        promises = (promise,) if isinstance(promise, str) else tuple(promise)
        made = made_by(test, (makes,) if isinstance(makes, str) else tuple(makes))
        said = (check_id, must, severity, reach, criterion, remedy, promises, alone)
        info = CheckInfo(*said, source=source, makes=made, tests=(source,))
        test.hubproof_check = info  # type: ignore[attr-defined]
        return test

    return mark


def expect(holds: object, *, promised: str, observed: str, where: str, repeat: str) -> None:
    """Compare promised with observed: go on when it holds, else end the check as failed, with all four facts.

    Args:
        holds: whether the promise was seen kept.
        promised: by the profile, or by the check's own sentence.
        observed: instead.
        where: the object, URL or pod concerned.
        repeat: shows the same by hand.

    """
    if not holds:
        raise BrokenPromiseError(promised=promised, observed=observed, where=where, repeat=repeat)


def discover() -> dict[str, CheckInfo]:
    """Import every check module and return the catalogue, by id, in alphabetical order.

    Raises:
        ValueError: two tests use one id and say different things of it.

    """
    found: dict[str, CheckInfo] = {}
    for path in check_files():
        for info in _checks_of(path):
            known = found.get(info.id)
            if known is None:
                found[info.id] = info
                continue
            if _said(known) != _said(info):
                msg = f"check {info.id} is described differently in {known.source} and {info.source}"
                raise ValueError(msg)
            made = tuple(dict.fromkeys([*known.makes, *info.makes]))
            found[info.id] = replace(known, tests=(*known.tests, *info.tests), makes=made)
    return dict(sorted(found.items()))


def check_files() -> list[Path]:
    """Return the modules that hold checks."""
    folders = [resource("tests", name) for name in ("conformance", "integration")]
    return [path for folder in folders for path in sorted(folder.glob("test_*.py"))]


def _said(info: CheckInfo) -> tuple[object, ...]:
    # Reach may differ: a check can have a case that only acts and one that disrupts.
    return (info.must, info.severity, info.criterion, info.remedy)


def _checks_of(path: Path) -> Iterable[CheckInfo]:
    name = f"hubproof_checks_{path.parent.name}_{path.stem}"
    module = sys.modules.get(name)
    if module is None:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            msg = f"cannot import {path}"
            raise ImportError(msg)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    for thing in vars(module).values():
        info = getattr(thing, "hubproof_check", None)
        if isinstance(info, CheckInfo) and thing.__module__ == name:
            yield info
