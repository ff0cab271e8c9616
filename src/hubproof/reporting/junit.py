"""JUnit XML, as CI systems read it: one suite a family, one case a check.

A check that did not run is an `error` here, never `skipped`: CI systems show skipped as harmless. Skipped is only what
the profile itself takes out or excuses.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from hubproof.record import CapacityRecord, CheckRecord, RunRecord
from hubproof.reporting.words import SHOWN, meaning, told

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
    if record.capacity:
        _objectives(root, record.capacity, record.run.started)
    if record.verdict != "pass" and not any(True for found in ("error", "failure") for _ in root.iter(found)):
        _run_itself(root, record)
    _notes(root, record)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, check: CheckRecord) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=f"hubproof.{check.family}", name=check.name, time=f"{check.seconds:.3f}"
    )
    properties = ET.SubElement(case, "properties")
    for name in ("id", "severity", "verdict", "reach", "criterion", "must", "run"):
        if value := str(getattr(check, name)):
            ET.SubElement(properties, "property", name=name, value=_legal(value))
    element = _ELEMENT.get(check.verdict)
    if element is None:
        return
    if element == "skipped":
        phrase = SHOWN[check.verdict].phrase
        reason = _first_line(check.message or check.observed).removeprefix(f"{phrase}: ")
        # Jenkins shows the attribute, GitLab the text.
        ET.SubElement(case, element, message=f"{phrase}: {reason}").text = f"{phrase}: {reason}"
        return
    head = _first_line(check.observed or check.message)
    body = ET.SubElement(case, element, type=check.verdict, message=head)
    body.text = _legal("\n".join(f"{word}: {text}" for word, text in [("must", check.must), *told(check)]))


def _objectives(root: ET.Element, load: CapacityRecord, started: str) -> None:
    """Make a case of each objective: CI systems take a file without cases for a broken one."""
    missed = {one.name: f"promised {one.promised}, observed {one.observed}" for one in load.objectives if not one.met}
    if load.left_behind:
        missed["nothing is left behind"] = "\n".join(load.left_behind)
    names = [*dict.fromkeys([*(one.name for one in load.objectives), "nothing is left behind"])]
    totals = {"tests": str(len(names)), "failures": str(len(missed)), "errors": "0", "skipped": "0"}
    suite = ET.SubElement(
        root, "testsuite", {"name": "capacity", "timestamp": started, "time": f"{load.seconds:.3f}", **totals}
    )
    for name in names:
        case = ET.SubElement(suite, "testcase", classname="hubproof.capacity", name=_legal(name), time="0.000")
        if name in missed:
            body = ET.SubElement(case, "failure", type="fail", message=_first_line(missed[name]))
            body.text = _legal(missed[name])
    _add(root, totals)


def _run_itself(root: ET.Element, record: RunRecord) -> None:
    """Show a run that is not green although no case is red: one that was stopped, or in which nothing passed."""
    totals = {"tests": "1", "failures": "0", "errors": "1", "skipped": "0"}
    suite = ET.SubElement(
        root, "testsuite", {"name": "run", "timestamp": record.run.started, "time": "0.000", **totals}
    )
    case = ET.SubElement(suite, "testcase", classname="hubproof.run", name="run.complete", time="0.000")
    why = "; ".join(filter(None, [meaning(record), record.run.stopped]))
    ET.SubElement(case, "error", type=record.verdict, message=_first_line(why)).text = _legal(why)
    _add(root, totals)


def _add(root: ET.Element, totals: dict[str, str]) -> None:
    for name, number in totals.items():
        root.set(name, str(int(root.get(name, "0")) + int(number)))


def _notes(root: ET.Element, record: RunRecord) -> None:
    """Name what was not proven, and that the run was stopped: both would else be missing without a trace."""
    told = {f"not proven: {name}": why for name, why in record.not_proven.items()}
    if record.run.stopped:
        told["stopped"] = record.run.stopped
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
