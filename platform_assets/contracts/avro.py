"""The canonical envelope of a topic as an Avro schema, generated from its contract.

The wire is permissive (every payload field may be null, with null as its default): rules act
in silver, and adding a column stays backward compatible. ``before`` and ``after`` are two
records with the same fields, because polars reads no named references.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from platform_assets.contracts.model import Column, Contract, LogicalType

_TIMESTAMP = {"type": "long", "logicalType": "timestamp-micros"}
_TYPES: dict[LogicalType, Any] = {
    LogicalType.STRING: "string",
    LogicalType.INTEGER: "long",
    LogicalType.NUMBER: "double",
    LogicalType.BOOLEAN: "boolean",
    LogicalType.DATE: {"type": "int", "logicalType": "date"},
    LogicalType.TIMESTAMP: _TIMESTAMP,
}


def value_schema(contract: Contract) -> dict[str, Any]:
    """The Avro schema of the topic's values."""
    name = "".join(part.capitalize() for part in contract.topic.slug.split("_"))

    def image(suffix: str) -> dict[str, Any]:
        fields = [_nullable(column) for column in contract.payload_columns]
        return {"type": "record", "name": name + suffix, "fields": fields}

    return {
        "type": "record",
        "name": f"{name}Envelope",
        "fields": [
            {"name": "event_id", "type": ["null", "string"], "default": None},
            {"name": "source", "type": "string"},
            {"name": "entity", "type": "string"},
            {"name": "op", "type": "string"},
            {"name": "occurred_at", "type": ["null", _TIMESTAMP], "default": None},
            {"name": "ingested_at", "type": _TIMESTAMP},
            {"name": "before", "type": ["null", image("Before")], "default": None},
            {"name": "after", "type": ["null", image("After")], "default": None},
        ],
    }


def value_schema_text(contract: Contract) -> str:
    """The schema as the registry keeps it."""
    return json.dumps(value_schema(contract), separators=(",", ":"))


def fingerprint(contract: Contract) -> str:
    """SHA-256 over the schema; changes when, and only when, the wire format does."""
    canonical = json.dumps(value_schema(contract), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _nullable(column: Column) -> dict[str, Any]:
    return {"name": column.name, "type": ["null", _TYPES[column.type]], "default": None}
