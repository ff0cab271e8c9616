"""What a kernel printed is quoted by the words of its own cell; anything else might be somebody's secret."""

from __future__ import annotations

import pytest

from hubproof.hub.kernel import Execution
from hubproof.hub.kernel_output import shown
from hubproof.redaction import MARK

CODE = 'print("to stdout", 6 * 7)'


@pytest.mark.parametrize(
    ("output", "quoted"),
    [
        ("to stdout 42\n", "to stdout 42\n"),
        ("to stdout 41\n", "to stdout 41\n"),
        ("to stdout 42\nconnecting with hunter2hunter2\n", f"to stdout 42\n{MARK} {MARK} {MARK}\n"),
        ("ModuleNotFoundError: No module named 'lake'", f"ModuleNotFoundError: No module named '{MARK}'"),
        ("OSError: [Errno 111] Connection refused", f"OSError: [{MARK} 111] Connection refused"),
        ("4111111111111111111", MARK),
    ],
)
def test_only_known_words_are_shown(output: str, quoted: str) -> None:
    assert shown(output, CODE) == quoted


def test_a_result_that_is_missing_is_said_to_be() -> None:
    assert Execution(code=CODE).quoted(None) == "nothing"
