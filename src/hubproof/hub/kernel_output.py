"""Quotes what a kernel printed without telling what nobody asked it for: a user's start-up files may print secrets."""

from __future__ import annotations

import builtins
import errno
import os
import re

from hubproof.redaction import MARK

_WORD = re.compile(r"\w+")
_LONGEST_NUMBER = 15
_OTHERS = ("ok", "n", "t", "killed", "no", "module", "named", "ca", "crt", "token", "namespace")
_ORDINARY = frozenset(
    word.lower()
    for text in (
        *dir(builtins),
        *map(os.strerror, errno.errorcode),
        "ok n t r b killed module named no ca crt token namespace",
    )
    for word in _WORD.findall(text)
)
"""Words that say nothing: Python's own, and those of the system's error messages."""


def shown(text: str, code: str) -> str:
    """Return an output with every word masked that is neither in the cell's own code, nor ordinary, nor a number.

    Args:
        text: what the kernel printed or returned.
        code: of the cell that asked for it.

    """
    known = {word.lower() for word in _WORD.findall(code)}

    def mask(found: re.Match[str]) -> str:
        word = found[0]
        number = word.isdigit() and len(word) <= _LONGEST_NUMBER
        return word if number or word.lower() in known or word.lower() in _ORDINARY else MARK

    return _WORD.sub(mask, text)
