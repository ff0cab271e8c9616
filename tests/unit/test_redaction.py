from __future__ import annotations

import time

import pytest

from hubproof.redaction import MARK, Redactor, redact_data


def test_known_values_go_also_in_their_quoted_form() -> None:
    redact = Redactor()
    redact.add("p@ss word")
    assert redact("login p@ss word or p%40ss%20word") == f"login {MARK} or {MARK}"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: token abcdef123456",
        "cookie: session=abcdef123456",
        '"Set-Cookie": "a=abcdef123456; Path=/"',
        "curl -H 'Authorization: Bearer abcdef123456'",
        "https://hub/oauth_callback?code=abcdef123456&state=abcdef123456",
        "postgresql://user:abcdef123456@host/db",
        "password=abcdef123456",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.abcdef123456",
    ],
)
def test_what_looks_like_a_secret_goes(text: str) -> None:
    told = Redactor()(text)
    assert "abcdef123456" not in told
    assert MARK in told


def test_ordinary_text_stays() -> None:
    text = "GET /hub/api/users → 200, code 404, tokens: 3, state: running"
    assert Redactor()(text) == text


def test_data_is_redacted_by_key_and_by_value() -> None:
    kept = redact_data({"Cookie": "a=b", "status": 200, "path": "/hub", "list": [True, None, ("x",)]})
    assert kept == {"Cookie": MARK, "status": 200, "path": "/hub", "list": [True, None, ["x"]]}


@pytest.mark.parametrize("unit", ["x", "\n", " ", "a:", "eyJ", "://", "token ", "?code="])
def test_a_long_text_is_redacted_in_time(unit: str) -> None:
    text = unit * (400_000 // len(unit))
    begun = time.monotonic()
    Redactor()(text)
    assert time.monotonic() - begun < 2
