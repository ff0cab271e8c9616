from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hubproof.errors import HubproofError
from hubproof.lab.holding import hold, holder

OTHER = """
import sys
from pathlib import Path
from hubproof.lab.holding import hold
with hold("another gate", folder=Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def another(folder: Path) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if k != "HUBPROOF_LAB_HELD_BY"}
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_who_holds_the_lab_is_told_and_forgotten(tmp_path: Path) -> None:
    assert holder(tmp_path) == ""
    with hold("gate of run 1", folder=tmp_path):
        assert "gate of run 1" in holder(tmp_path)
    assert holder(tmp_path) == ""


def test_a_command_that_holds_the_lab_may_hold_it_again(tmp_path: Path) -> None:
    with hold("prove", folder=tmp_path):
        with hold("gate", folder=tmp_path, within=0):
            pass
        assert "prove" in holder(tmp_path)


def test_a_second_command_is_told_for_whom_it_waited(tmp_path: Path) -> None:
    process = another(tmp_path)
    try:
        with pytest.raises(HubproofError, match="not free") as raised, hold("mine", folder=tmp_path, within=0.1):
            pass
        assert "another gate" in raised.value.where
    finally:
        process.communicate("\n")


def test_a_command_that_died_holds_nothing(tmp_path: Path) -> None:
    process = another(tmp_path)
    process.kill()
    process.communicate()
    with hold("mine", folder=tmp_path, within=1):
        assert "mine" in holder(tmp_path)


def test_a_child_of_the_holder_goes_straight_through(tmp_path: Path) -> None:
    with hold("hubproof test", folder=tmp_path):
        process = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        )  # fmt: skip
        output, _ = process.communicate("\n", timeout=20)
    assert output == "held\n"
