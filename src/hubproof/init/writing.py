"""Writes a draft as YAML that a person reads: comments above values, questions in their place."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

from hubproof.init.draft import Ask, Hint, Said
from hubproof.profile_file import ASK_TAG

_WIDTH = 110
_SHORT = 90


def as_yaml(draft: dict[str, Any], head: str) -> str:
    """Return the text of a profile.

    Args:
        draft: key to plain data, `Ask`, `Said` or `Hint`; nested as the profile is.
        head: a comment for the top of the file.

    """
    return "\n".join([*_comment(head, ""), *_mapping(draft, "")]) + "\n"


def _mapping(values: dict[str, Any], indent: str) -> Iterator[str]:
    for key, value in values.items():
        yield from _entry(key, value, indent)
        if not indent:
            yield ""


def _entry(key: str, value: object, indent: str) -> Iterator[str]:
    if isinstance(value, Hint):
        yield from _comment(value.comment, indent)
    elif isinstance(value, Said):
        yield from _comment(value.comment, indent)
        yield from _entry(key, value.value, indent)
    elif isinstance(value, Ask):
        yield f"{indent}{key}: {ASK_TAG} {json.dumps(value.question, ensure_ascii=False)}"
    elif isinstance(value, dict) and (_holds_more_than_data(value) or len(_flow(value)) > _SHORT):
        yield f"{indent}{key}:"
        yield from _mapping(value, indent + "  ")
    elif isinstance(value, list) and value and len(_flow(value)) > _SHORT:
        yield f"{indent}{key}:"
        yield from (f"{indent}  - {_flow(one)}" for one in value)
    else:
        yield f"{indent}{key}: {_flow(value)}"


def _holds_more_than_data(value: object) -> bool:
    if isinstance(value, dict):
        return any(_holds_more_than_data(one) for one in value.values())
    return isinstance(value, Ask | Said | Hint)


def _flow(value: object) -> str:
    if _holds_more_than_data(value):
        return " " * (_SHORT + 1)
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def _comment(text: str, indent: str) -> list[str]:
    lines = []
    for paragraph in text.splitlines():
        lines += textwrap.wrap(paragraph, _WIDTH - len(indent), break_on_hyphens=False) or [""]
    return [f"{indent}# {line}".rstrip() for line in lines]
