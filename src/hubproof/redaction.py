"""Keeps secrets out of everything that is written down: known values first, then what looks like one."""

from __future__ import annotations

import re
from urllib.parse import quote

MARK = "•••"
_SHORTEST = 4  # a shorter value would blank out half of every text; such a password is a finding of its own
_HEADERS = re.compile(
    r"(?im)^([ \t]{0,200}[\"']?(?:authorization|proxy-authorization|cookie|set-cookie|x-xsrftoken|cf-access-[a-z-]+)"
    r"[\"']?\s*[:=]\s*).+$"
)
_TOKENS = re.compile(r"\b(token|bearer)(\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_QUERY = re.compile(r"([?&](?:token|code|state|_xsrf|access_token|id_token|code_challenge|nonce)=)[^&\s\"'<>]+")
_ASSIGNED = re.compile(
    r"(?i)\b((?:password|passwd|secret|api_?key|(?:api_?)?token)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&}]{4,}"
)
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")
_URL_PASSWORD = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[^/\s:@]{1,200}:)[^@\s/]+(@)")
# Every pattern is bounded where it begins: a log may hold a line of a megabyte, or a megabyte of empty lines.


class Redactor:
    """Replaces secrets in text by a mark. Values are added as they become known in this process."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def add(self, value: str) -> None:
        """Make a value unspeakable, also in its URL-quoted form."""
        if len(value) >= _SHORTEST:
            self._values |= {value, quote(value, safe="")}

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, MARK)
        text = _HEADERS.sub(rf"\g<1>{MARK}", text)
        text = _TOKENS.sub(rf"\g<1>\g<2>{MARK}", text)
        text = _QUERY.sub(rf"\g<1>{MARK}", text)
        text = _JWT.sub(MARK, text)
        text = _URL_PASSWORD.sub(rf"\g<1>{MARK}\g<2>", text)
        return _ASSIGNED.sub(rf"\g<1>{MARK}", text)


redact = Redactor()
"""The redactor of this process: what one part of the run learns, no other part may print."""


_SECRET_KEY = re.compile(r"(?i)^(authorization|cookie|set-cookie|password|passwd|token|api_token|secret|x-xsrftoken)$")


def redact_data(value: object) -> object:
    """Return plain data (as JSON knows it) without secrets; what JSON does not know becomes text."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {str(k): MARK if _SECRET_KEY.match(str(k)) else redact_data(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_data(one) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))
