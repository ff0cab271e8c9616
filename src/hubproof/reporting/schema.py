"""The JSON Schema of `report.json`, made from the record's own types; docs/report.schema.json is this, committed.

Further fields are allowed in it: a later hubproof may add some, and what it writes must stay valid for today's readers.
"""

from __future__ import annotations

import json
from typing import Any

from hubproof.record import SCHEMA, RunRecord


def report_schema() -> str:
    """Return the schema as JSON, with its version as `$id`."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        **_open(RunRecord.model_json_schema(by_alias=True, mode="serialization")),
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _open(part: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without its ban on further fields."""
    return {
        key: _open(value) if isinstance(value, dict) else value
        for key, value in part.items()
        if key != "additionalProperties" or value is not False
    }
