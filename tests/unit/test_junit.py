"""JUnit has no standard: held here is what GitLab, Jenkins and GitHub's readers each need to show a run rightly."""

from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree as ET

import pytest
from records import ALL, EVIL, check_of, full_record, record_of

from hubproof.record import CapacityRecord, ObjectiveRecord, RunRecord, StepRecord
from hubproof.reporting.junit import junit_xml
from hubproof.reporting.words import SHOWN

NUMBER = re.compile(r"[0-9]+\.[0-9]{3}")
"""No thousands' separators, no exponent: Jenkins and GitLab read others each in a way of its own."""
_OBJECTIVES = [
    ObjectiveRecord(name="spawn p95", promised="60 s", observed="15.9 s", met=True),
    ObjectiveRecord(name="failures", promised="0%", observed="5%", met=False),
]


def parsed(record: RunRecord) -> ET.Element:
    """Return the record's JUnit, read by an XML parser of its own: what is illegal in XML would stop here."""
    return ET.fromstring(junit_xml(record))  # noqa: S314 - written by ourselves


def load(**more: object) -> CapacityRecord:
    """Return what 20 users measured."""
    step = StepRecord(name="spawn", count=20, failures=1, p50=1, p95=2, p99=2, max=2)
    given = {"users": 20, "started": 20, "completed": 19, "seconds": 30, "steps": [step], "objectives": _OBJECTIVES}
    return CapacityRecord.model_validate({**given, **more})


def test_what_did_not_run_is_an_error_and_what_is_excused_is_skipped() -> None:
    kinds = {case.get("name"): [child.tag for child in case][1:] for case in parsed(full_record()).iter("testcase")}
    assert {name: kind for name, kind in kinds.items() if name and name.startswith("spawn.")} == {
        "spawn.pass[one]": [],
        "spawn.fail[one]": ["failure"],
        "spawn.error[one]": ["error"],
        "spawn.could-not-run[one]": ["error"],
        "spawn.inconclusive[one]": ["error"],
        "spawn.not-applicable[one]": ["skipped"],
        "spawn.known[one]": ["skipped"],
    }


def test_totals_are_those_of_the_cases_below_them() -> None:
    """Jenkins and dorny/test-reporter show the attributes, GitLab counts the cases: they must agree."""
    root = parsed(full_record())
    for element in [root, *root.iter("testsuite")]:
        cases = list(element.iter("testcase"))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.attrib[attribute]) == sum(case.find(tag) is not None for case in cases), element.attrib
        assert int(element.attrib["tests"]) == len(cases)


def test_names_times_and_suites_are_such_as_every_reader_takes() -> None:
    twice = [check_of("pass", case=case, seconds=4000.5) for case in ("a", "b")]
    root = parsed(record_of(*twice, check_of("fail", family="storage", id="storage.x")))
    assert [suite.get("name") for suite in root] == ["spawn", "storage"]
    assert root.tag == "testsuites"
    cases = list(root.iter("testcase"))
    named = Counter((case.get("classname"), case.get("name")) for case in cases)
    assert max(named.values()) == 1, "GitLab takes two cases of one name for one"
    assert all(NUMBER.fullmatch(case.attrib["time"]) for case in cases)
    assert all(suite.attrib["timestamp"].startswith("20") for suite in root.iter("testsuite"))
    assert not [case for case in cases if "file" in case.attrib], "GitLab would link into the reader's own repository"


def test_a_failure_tells_all_in_its_text_and_its_first_line_in_its_message() -> None:
    """GitLab shows the text alone, Jenkins and GitHub's readers the message first."""
    check = check_of("fail", promised="60 s", observed="4 min\nand more", where="pod x", repeat="kubectl get x")
    failure = parsed(record_of(check)).find(".//failure")
    assert failure is not None
    assert failure.attrib["message"] == "4 min"
    for words in ("It MUST work.", "promised: 60 s", "and more", "where: pod x", "kubectl get x", "remedy: Mend it."):
        assert words in (failure.text or "")


@pytest.mark.parametrize("verdict", ["not-applicable", "known"])
def test_a_skipped_case_says_why_to_both_kinds_of_reader(verdict: str) -> None:
    check = check_of(verdict, message="managed control plane (owner platform)")  # type: ignore[arg-type]
    skipped = parsed(record_of(check, check_of("pass"))).find(".//skipped")
    assert skipped is not None
    for said in (skipped.attrib["message"], skipped.text):
        assert said == f"{SHOWN[check.verdict].phrase}: managed control plane (owner platform)"


def test_properties_carry_id_and_severity_as_pytest_and_jenkins_lay_them_out() -> None:
    for case in parsed(full_record()).iter("testcase"):
        if case.attrib["classname"] != "hubproof.spawn":
            continue
        names = {one.attrib["name"]: one.attrib["value"] for one in case.findall("properties/property")}
        assert names["id"] == f"spawn.{names['verdict']}"
        assert names["severity"] == "critical"
        assert next(iter(case)).tag == "properties", "junitparser's and pytest's order"


def test_what_xml_cannot_hold_is_replaced() -> None:
    xml = junit_xml(record_of(*(check_of(verdict, observed=EVIL * 2) for verdict in ALL)))
    assert "\x1b" not in xml
    assert "\x00" not in xml
    assert "&lt;script&gt;" in xml


def test_objectives_of_a_capacity_run_are_cases() -> None:
    root = parsed(record_of(capacity=load(left_behind=["Pod x"])))
    kinds = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert kinds == {"spawn p95": [], "failures": ["failure"], "nothing is left behind": ["failure"]}
    assert (root.get("tests"), root.get("failures")) == ("3", "2")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (record_of(check_of("not-applicable")), "not everything could be looked at"),
        (
            record_of(check_of("pass")).model_copy(update={"verdict": "incomplete", "exit_code": 3}),
            "not everything could be looked at",
        ),
        (record_of(), "not everything could be looked at"),
    ],
)
def test_a_run_that_is_not_green_shows_red_somewhere(record: RunRecord, words: str) -> None:
    assert record.verdict == "incomplete"
    (error,) = parsed(record).iter("error")
    assert words in error.attrib["message"]
    assert parsed(record).get("errors") == "1"


def test_a_green_run_has_no_case_of_its_own() -> None:
    assert [case.get("name") for case in parsed(record_of(check_of("pass"))).iter("testcase")] == ["spawn.pass"]
