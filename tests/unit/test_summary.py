from __future__ import annotations

import re

from records import EVIL, check_of, full_record, record_of

from hubproof.record import AnatomyRecord
from hubproof.reporting.summary import markdown_summary

MOST = 1024 * 1024
"""What GitHub takes for the summary of a step; a larger one is thrown away whole."""


def test_the_worst_case_fits_a_job_summary_and_says_what_was_left_out() -> None:
    long = "é" * 5_000
    checks = [
        check_of("fail", id=f"spawn.c{n:04d}", observed=long, promised=long, where=long, repeat=long, message=long)
        for n in range(1_000)
    ]
    gone = {f"ha.c{n:04d}": long for n in range(1_000)}
    text = markdown_summary(record_of(*checks, not_proven=gone, swept=[long] * 1_000))
    assert len(text.encode()) < MOST
    shown = len(re.findall(r"(?m)^- 🔴 \*\*spawn", text))
    assert shown > 10
    assert f"- {1_000 - shown} more to act on: report.html has them all." in text
    assert re.search(r"(?m)^- \d+ more lines: report.html has them all\.$", text)
    assert text.count("| 🔴 spawn.c") == 1_000, "ids and verdicts of a thousand checks fit"


def test_a_usual_run_is_shown_whole() -> None:
    text = markdown_summary(full_record())
    assert " more" not in text.replace("and more", "")
    assert "## Who reaches whom" in text
    assert "| 🟢 hub | a user's pod | open | open |" in text


def test_a_spawn_that_failed_is_not_said_to_be_ready() -> None:
    stages = [{"name": "hub accepts", "at": 0.1, "seconds": 0.1}]
    failed = AnatomyRecord.model_validate({"user": "ada", "seconds": 30.2, "ready": False, "stages": stages})
    assert "| ada | not ready, 30.2 s | hub accepts 0.1 s |" in markdown_summary(record_of(anatomy=[failed]))


def test_no_text_breaks_out_of_its_place() -> None:
    text = markdown_summary(record_of(check_of("fail", observed=f"{EVIL}\n# heading\n- list ![x](http://x)")))
    assert "<script" not in text
    assert not re.search(r"(?m)^# heading", text)
    assert "](http" not in text.replace("\\[x](http", "")
