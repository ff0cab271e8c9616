"""JUnit XML, as CI systems read it: one suite a family, one case a check.

A check that did not run is an `error` here, never `skipped`: CI systems show skipped as harmless. Skipped is only what
the profile itself takes out or excuses.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from hubproof.record import CheckRecord, RunRecord
from hubproof.reporting.words import SHOWN, told

_ELEMENT = {
    "fail": "failure",
    "error": "error",
    "could-not-run": "error",
    "inconclusive": "error",
    "not-applicable": "skipped",
    "known": "skipped",
}
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, such as the escape codes of a terminal in a log."""


def junit_xml(record: RunRecord) -> str:
    """Return the record as JUnit XML."""
    root = ET.Element("testsuites", {"name": f"hubproof {record.target.name}", **_totals(record.checks)})
    for family in dict.fromkeys(one.family for one in record.checks):
        checks = [one for one in record.checks if one.family == family]
        head = {"name": family, "timestamp": record.run.started, **_totals(checks)}
        suite = ET.SubElement(root, "testsuite", head)
        for check in checks:
            _case(suite, check)
    _notes(root, record)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, check: CheckRecord) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=f"hubproof.{check.family}", name=check.name, time=f"{check.seconds:.3f}"
    )
    properties = ET.SubElement(case, "properties")
    for name in ("verdict", "severity", "reach", "criterion", "must"):
        ET.SubElement(properties, "property", name=name, value=_legal(str(getattr(check, name))))
    element = _ELEMENT.get(check.verdict)
    if element is None:
        return
    if element == "skipped":
        phrase = SHOWN[check.verdict].phrase
        reason = _first_line(check.message or check.observed).removeprefix(f"{phrase}: ")
        ET.SubElement(case, element, message=f"{phrase}: {reason}")
        return
    head = _first_line(check.observed or check.message)
    body = ET.SubElement(case, element, type=check.verdict, message=head)
    body.text = _legal("\n".join(f"{word}: {text}" for word, text in [("must", check.must), *told(check)]))


def _notes(root: ET.Element, record: RunRecord) -> None:
    """Name what was not proven, and that the run was stopped: both would else be missing without a trace."""
    told = {f"not proven: {name}": why for name, why in record.not_proven.items()}
    if record.run.stopped:
        told["stopped"] = record.run.stopped
    if record.capacity:
        told |= {f"objective {one.name}": f"{one.promised}, was {one.observed}" for one in record.capacity.objectives}
    if not told:
        return
    properties = ET.SubElement(root, "properties")
    for name, value in {**told, "verdict": record.verdict}.items():
        ET.SubElement(properties, "property", name=_legal(name), value=_legal(value))


def _totals(checks: list[CheckRecord]) -> dict[str, str]:
    kinds = [_ELEMENT.get(one.verdict) for one in checks]
    return {
        "tests": str(len(checks)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
        "time": f"{sum(one.seconds for one in checks):.3f}",
    }


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)


def _first_line(text: str) -> str:
    return _legal(next(iter(text.strip().splitlines()), ""))
