from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path

import pytest
from records import ALL, EVIL, check_of, full_record, record_of
from rich.console import Console

from hubproof.checking import CheckInfo
from hubproof.defects import Defect
from hubproof.record import AnatomyRecord, EvidenceRecord, RunRecord, judge
from hubproof.reporting import write_views
from hubproof.reporting.catalogue import catalogue_json, catalogue_markdown, catalogue_table, explain, proofs
from hubproof.reporting.metrics import prometheus_metrics
from hubproof.reporting.summary import markdown_summary
from hubproof.reporting.table import LiveTable
from hubproof.reporting.waterfall import WIDTH, waterfall
from hubproof.reporting.words import lamps, meaning, told
from hubproof.resources import root


@pytest.fixture
def full() -> RunRecord:
    return full_record()


def test_all_views_are_written_and_nothing_else(full: RunRecord, tmp_path: Path) -> None:
    written = write_views(full, tmp_path)
    names = ["junit.xml", "metrics.prom", "report.html", "report.json", "summary.md"]
    assert sorted(path.name for path in written) == sorted(path.name for path in tmp_path.iterdir()) == names
    assert RunRecord.load(tmp_path) == full


def test_the_html_report_needs_nothing_from_outside_and_escapes_everything(full: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("x" * 20_000 + "</pre><script>the end")
    write_views(full, tmp_path)
    html = (tmp_path / "report.html").read_text()
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", html)
    assert html.count("<script>") == 1
    assert "the end" in html
    assert "the whole text" in html
    for words in ("ERROR", "ha.node-loss", "Pod hubproof/x", "spawn.inconclusive[one]", "ready after 3.0 s", "refused"):
        assert words in html


def test_evidence_whose_file_is_gone_is_said_to_be(tmp_path: Path) -> None:
    check = check_of("fail", evidence=[EvidenceRecord(name="log", kind="text", path="nope.txt")])
    write_views(record_of(check), tmp_path)
    assert "the file is not there" in (tmp_path / "report.html").read_text()


def test_every_metric_line_parses(full: RunRecord) -> None:
    line = re.compile(r'^hubproof_[a-z_]+\{(?:[a-z]+="(?:[^"\\\n]|\\.)*",?)+\} -?[0-9.e+-]+$')
    lines = [one for one in prometheus_metrics(full).splitlines() if not one.startswith("#")]
    assert all(line.match(one) for one in lines)
    assert 'hubproof_run_exit_code{target="254carbon"} 2.0' in lines
    assert sum(one.startswith("hubproof_check_verdict") for one in lines) == len(ALL)


def test_the_summary_says_what_to_act_on_and_breaks_no_table(full: RunRecord) -> None:
    text = markdown_summary(full)
    assert text.startswith("# 🟣 ERROR: 254carbon")
    assert "## To act on" in text
    assert "<script>" not in text
    assert "not proven: ha.node-loss" in text


def test_a_lamp_shows_the_worst_and_an_unseen_criterion_is_not_green() -> None:
    shown = {lamp.criterion: lamp for lamp in lamps(record_of(check_of("pass"), check_of("could-not-run")))}
    assert shown["notebooks spawn"].worst == "could-not-run"
    assert shown["storage persists"].words == "not looked at"
    assert "isolation" not in shown


def test_the_terminal_says_verdict_reason_and_place(full: RunRecord, tmp_path: Path) -> None:
    out = io.StringIO()
    info = CheckInfo("spawn.fail", "It MUST work.", "critical", "act", "notebooks spawn", "Mend it.")
    table = LiveTable(Console(file=out, width=100), {info.id: info})
    line = {"id": "spawn.fail", "case": "[x]", "verdict": "fail", "seconds": 1.0, "message": EVIL, "nodeid": "n"}
    table.result(line)
    table.conclude(full, tmp_path)
    text = out.getvalue()
    for words in ("✗ spawn.fail[[x]]", "[red]x[/]", "ERROR 254carbon", "exit code 2", "report.html", "not proven"):
        assert words in text


def test_the_terminal_survives_a_check_that_has_no_name() -> None:
    out = io.StringIO()
    line = {"id": "", "case": "", "verdict": "error", "seconds": 0.0, "message": "crashed", "nodeid": "tests/x.py::y"}
    LiveTable(Console(file=out), {}).result(line)
    assert "tests/x.py::y" in out.getvalue()


def test_a_waterfall_fits_its_width() -> None:
    stages = [{"name": "a", "at": 0.07, "seconds": 0.07}, {"name": "b", "at": 13.2, "seconds": 13.13}]
    drawn = waterfall([AnatomyRecord.model_validate({"user": "u", "seconds": 13.2, "stages": stages})])
    last = drawn.rows[0].bars[-1]
    assert last.x + last.width <= WIDTH
    assert drawn.ticks[-1] == (WIDTH, "15 s")
    assert waterfall([AnatomyRecord(user="u", seconds=0, stages=[])]).rows[0].bars == []


def test_the_catalogue_is_shown_in_all_forms() -> None:
    info = CheckInfo("a.b", "It MUST | work.", "major", "observe", "isolation", "Mend it.", ("network.open",))
    out = io.StringIO()
    console = Console(file=out, width=120)
    catalogue_table({info.id: info}, console)
    step = {"delete": {"kind": "Pod", "name": "x"}}
    defects = [
        Defect.model_validate({"id": name, "story": f"Somebody did {name}, oh dear.", "checks": ["a.b"],
                               "look_alike": name == "odd", "put_in": [step]})
        for name in ("broken", "odd")
    ]  # fmt: skip
    rights = {"a.b": ["list pods in the hub's namespace"], "every run": ["get leases"]}
    proven = proofs({info.id: info}, rights, defects)
    explain(info, proven["a.b"], console)
    for shown in ("promises.network.open", "list pods", "Somebody did broken", "Somebody did odd", "Mend it."):
        assert shown in out.getvalue()
    told = json.loads(catalogue_json({info.id: info}, proven))[0]
    assert (told["id"], list(told["defects"]), list(told["look_alikes"])) == ("a.b", ["broken"], ["odd"])
    page = catalogue_markdown({info.id: info}, rights)
    assert "| `a.b` | It MUST \\| work. | major | observe | isolation |" in page
    assert "| every run | get leases |" in page


def test_a_lamp_is_green_when_the_profile_takes_out_a_part_of_its_checks() -> None:
    shown = {lamp.criterion: lamp.worst for lamp in lamps(record_of(check_of("pass"), check_of("not-applicable")))}
    assert shown["notebooks spawn"] == "pass"
    alone = {lamp.criterion: lamp.worst for lamp in lamps(record_of(check_of("not-applicable")))}
    assert alone["notebooks spawn"] == "not-applicable"


def test_what_a_message_adds_to_the_fields_is_told_and_nothing_twice() -> None:
    message = "known failure: moves (owner platform, until 2027-01-31)\npromised: 60 s\nobserved: 4 min"
    known = check_of("known", message=message, promised="60 s", observed="4 min", repeat="kubectl get x")
    assert told(known) == [
        ("because", "known failure: moves (owner platform, until 2027-01-31)"),
        ("promised", "60 s"),
        ("observed", "4 min"),
        ("by hand", "kubectl get x"),
        ("remedy", "Mend it."),
    ]


def test_the_next_step_of_what_could_not_run_is_told_instead_of_a_remedy() -> None:
    message = "no persona is free\n  where: leases in hubproof\n  next: wait for the other run"
    check = check_of("could-not-run", message=message, observed="no persona is free", where="leases in hubproof")
    assert told(check) == [
        ("observed", "no persona is free"),
        ("where", "leases in hubproof"),
        ("next", "wait for the other run"),
    ]


def test_a_short_observation_is_not_cut_out_of_other_words() -> None:
    check = check_of("fail", message="promised: 1\nobserved: 0\nbefore that: 10 of 20", promised="1", observed="0")
    assert told(check)[0] == ("because", "before that: 10 of 20")


def test_every_view_names_the_owner_of_a_known_failure(tmp_path: Path) -> None:
    message = "known failure: moves (owner platform, until 2027-01-31)\npromised: 60 s\nobserved: 4 min"
    record = record_of(check_of("known", message=message, promised="60 s", observed="4 min"), check_of("pass"))
    write_views(record, tmp_path)
    for name in ("report.html", "summary.md", "junit.xml"):
        assert "owner platform, until 2027-01-31" in (tmp_path / name).read_text(), name


def test_what_is_to_act_on_leads_to_its_check(tmp_path: Path) -> None:
    write_views(record_of(check_of("could-not-run", case="a b"), check_of("pass")), tmp_path)
    html = (tmp_path / "report.html").read_text()
    assert 'href="#spawn.could-not-run%5Ba%20b%5D"' in html
    assert 'id="spawn.could-not-run[a b]"' in html
    write_views(record_of(check_of("pass")), tmp_path)
    assert "To act on" not in (tmp_path / "report.html").read_text()


def test_the_terminal_shows_the_end_of_a_traceback_and_why_a_check_does_not_apply(tmp_path: Path) -> None:
    lines = "\n".join(["Traceback (most recent call last):", *(f"  line {n}" for n in range(30)), "KeyError: 'data'"])
    error = check_of("error", message="the suite broke", observed=lines)
    out = io.StringIO()
    taken_out = check_of("not-applicable", message="managed control plane")
    LiveTable(Console(file=out, width=100), {}).conclude(record_of(error, taken_out), tmp_path)
    assert "KeyError: 'data'" in out.getvalue()
    assert "not applicable, managed control plane: spawn.not-applicable" in out.getvalue()


def test_the_committed_example_is_what_the_views_make_today(tmp_path: Path) -> None:
    example = root() / "reports" / "example"
    for path in write_views(RunRecord.load(example), shutil.copytree(example, tmp_path / "run")):
        assert (example / path.name).read_bytes() == path.read_bytes(), f"write_views(record, example): {path.name}"


def test_the_sentence_under_a_pass_is_true_of_the_run() -> None:
    assert meaning(record_of(check_of("pass"))) == "Every check that was selected passed."
    assert "the profile excuses it" in meaning(record_of(check_of("pass"), check_of("known")))
    lesser = judge(record_of(check_of("pass"), check_of("fail", severity="minor")), "critical")
    assert (lesser.verdict, meaning(lesser)[:14]) == ("pass", "Nothing failed")
    assert "lesser promises are broken" in meaning(lesser)
    assert meaning(record_of(check_of("fail"))) == "At least one promise is broken."
