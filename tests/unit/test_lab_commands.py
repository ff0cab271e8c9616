from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest

from hubproof.errors import HubproofError
from hubproof.lab.commands import advice, full_disk_told, run, run_told


@pytest.mark.parametrize(
    ("output", "word"),
    [
        ("write /x: no space left on device", "disk is full"),
        ("dial tcp 1.2.3.4:443: i/o timeout", "registry"),
        ("E: Failed to fetch http://…", "registry"),
        ("error: syntax", ""),
    ],
)
def test_failures_that_every_build_meets_say_what_to_do(output: str, word: str) -> None:
    assert word in advice(output)
    assert bool(word) == bool(advice(output))


def test_a_command_that_fails_shows_the_end_of_what_it_said() -> None:
    with pytest.raises(HubproofError, match="exit 3") as raised:
        run([sys.executable, "-c", "import sys; print('why'); sys.exit(3)"])
    assert "why" in raised.value.happened


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(HubproofError, match="no-such-program is not on this machine"):
        run(["no-such-program"])


def test_a_command_without_end_is_stopped() -> None:
    with pytest.raises(HubproofError, match="no end within"):
        run([sys.executable, "-c", "import time; time.sleep(30)"], timeout=0.2)


def test_lines_of_a_long_command_are_counted_while_it_runs(tmp_path: Path) -> None:
    told: list[int] = []
    run_told([sys.executable, "-c", "print('a'); print('b')"], cwd=tmp_path, env={}, tell=told.append, every=0)
    assert told == [1, 2]


def test_a_long_command_that_fails_shows_why(tmp_path: Path) -> None:
    code = "import sys; print('connection refused'); sys.exit(1)"
    with pytest.raises(HubproofError, match="connection refused") as raised:
        run_told([sys.executable, "-c", code], cwd=tmp_path, env={}, tell=lambda _: None)
    assert "registry" in raised.value.next_step


def test_a_full_disk_is_told_wherever_it_is_met() -> None:
    with pytest.raises(HubproofError) as raised, full_disk_told():
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "disk is full" in raised.value.next_step
    with pytest.raises(PermissionError), full_disk_told():
        raise PermissionError(errno.EACCES, "no")
