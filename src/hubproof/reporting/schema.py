"""The JSON Schema of `report.json`, made from the record's own types; docs/report.schema.json is this, committed."""

from __future__ import annotations

import json

from hubproof.record import SCHEMA, RunRecord


def report_schema() -> str:
    """Return the schema as JSON, with its version as `$id`."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        **RunRecord.model_json_schema(by_alias=True),
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
