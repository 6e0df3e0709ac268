"""The tables' columns and properties, free of any engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from platform_assets.contracts.model import Column, Contract, LogicalType, TopicKind
from platform_assets.core.commit_points import CommitPoint
from platform_assets.core.naming import TableName

TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
HEADERS: Final = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))
ARROW: Final = {
    LogicalType.STRING: pa.string(),
    LogicalType.INTEGER: pa.int64(),
    LogicalType.NUMBER: pa.float64(),
    LogicalType.BOOLEAN: pa.bool_(),
    LogicalType.DATE: pa.date32(),
    LogicalType.TIMESTAMP: TIMESTAMP,
}

RAW: Final = pa.schema(
    [
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
        ("kafka_timestamp", TIMESTAMP),
        ("kafka_key", pa.binary()),
        ("kafka_headers", HEADERS),
        ("kafka_value", pa.binary()),
    ]
)
"""What a record is in the log."""

_ENVELOPE: Final = [
    ("event_id", pa.string()),
    ("source", pa.string()),
    ("entity", pa.string()),
    ("op", pa.string()),
    ("occurred_at", TIMESTAMP),
    ("ingested_at", TIMESTAMP),
]
_PROVENANCE: Final = [
    ("_micro_batch", pa.int64()),
    ("_kafka_partition", pa.int32()),
    ("_kafka_offset", pa.int64()),
    ("_kafka_timestamp", TIMESTAMP),
]


_BRONZE, _SILVER, _HISTORY, _QUARANTINE = (
    CommitPoint(f"rows of {role}") for role in ("bronze", "silver", "history", "quarantine")
)


class SchemaConflictError(RuntimeError):
    """A contract asks for another type than the table's column has."""


@dataclass(frozen=True)
class Layout:
    """A Delta table as Weir creates it.

    Attributes:
        table: its name.
        schema: columns with Arrow types.
        partition: partition column, or None.
        statistics: columns whose minimum and maximum Delta keeps per file.
        commit: around each commit of rows.
    """

    table: TableName
    schema: pa.Schema
    partition: str | None
    statistics: tuple[str, ...]
    commit: CommitPoint

    @property
    def properties(self) -> dict[str, str]:
        """Delta table properties.

        Deletion vectors stay off (not every reader knows them); checkpoints come every 100
        commits, for a stream run commits often.
        """
        return {
            "delta.appendOnly": "false",
            "delta.checkpointInterval": "100",
            "delta.logRetentionDuration": "interval 7 days",
            "delta.deletedFileRetentionDuration": "interval 7 days",
            "delta.dataSkippingStatsColumns": ",".join(self.statistics),
        }


def bronze_schema(contract: Contract) -> pa.Schema:
    """Columns of a bronze table: the record, its decoded envelope, its payload."""
    fields: list[tuple[str, pa.DataType]] = [
        ("_micro_batch", pa.int64()),
        ("ingest_date", pa.date32()),
        *((field.name, field.type) for field in RAW),
        ("schema_id", pa.int32()),
        ("decode_error", pa.string()),
        ("type_errors", pa.string()),
        *_ENVELOPE,
        ("before", pa.string()),
    ]
    taken = {name for name, _ in fields}
    fields += [(c.name, ARROW[c.type]) for c in payload(contract) if c.name not in taken]
    return pa.schema(fields)


def payload(contract: Contract) -> tuple[Column, ...]:
    """The payload columns; they may not shadow a column that bronze has anyway.

    Raises:
        ValueError: one does.
    """
    reserved = (
        {name for name, _ in _ENVELOPE}
        | {"_micro_batch", "ingest_date", "schema_id", "decode_error", "type_errors", "before"}
        | set(RAW.names)
    )
    for column in contract.payload_columns:
        if column.name in reserved:
            raise ValueError(
                f"contract {contract.topic}: payload column {column.name!r} has the name of a "
                "bronze column; rename it"
            )
    return contract.payload_columns


def business(contract: Contract) -> list[tuple[str, pa.DataType]]:
    """The contract's columns with Arrow types."""
    return [(column.name, ARROW[column.type]) for column in contract.columns]


def bronze(contract: Contract) -> Layout:
    """Every record as it came."""
    return Layout(
        contract.topic.bronze,
        bronze_schema(contract),
        "ingest_date",
        ("_micro_batch", "kafka_partition", "kafka_offset", "kafka_timestamp"),
        _BRONZE,
    )


def silver(contract: Contract) -> Layout:
    """Silver rows of an append topic, current rows of a change topic."""
    if contract.kind is TopicKind.CHANGE:
        schema = pa.schema([*business(contract), ("valid_from", TIMESTAMP), *_PROVENANCE])
        keep = ("_micro_batch", *contract.key)
        return Layout(contract.topic.silver, schema, None, keep, _SILVER)
    schema = pa.schema([*business(contract), ("event_date", pa.date32()), *_PROVENANCE])
    keep = ("_micro_batch", contract.event_time, "_kafka_timestamp")
    return Layout(contract.topic.silver, schema, "event_date", keep, _SILVER)


def history(contract: Contract) -> Layout:
    """Versions of a change topic's rows."""
    schema = pa.schema(
        [
            *business(contract),
            ("op", pa.string()),
            ("valid_from", TIMESTAMP),
            ("valid_to", TIMESTAMP),
            *_PROVENANCE,
        ]
    )
    keep = ("_micro_batch", *contract.key)
    return Layout(contract.topic.history, schema, None, keep, _HISTORY)


def quarantine(contract: Contract) -> Layout:
    """Rejected rows with their bytes."""
    schema = pa.schema(
        [
            ("_micro_batch", pa.int64()),
            ("ingest_date", pa.date32()),
            ("rule", pa.string()),
            ("rules", pa.string()),
            ("reason", pa.string()),
            *((field.name, field.type) for field in RAW),
            ("event_id", pa.string()),
        ]
    )
    keep = ("_micro_batch",)
    return Layout(contract.topic.quarantine, schema, "ingest_date", keep, _QUARANTINE)


def layouts(contract: Contract) -> tuple[Layout, ...]:
    """Every table of a topic."""
    tables = [bronze(contract), silver(contract), quarantine(contract)]
    if contract.kind is TopicKind.CHANGE:
        tables.append(history(contract))
    return tuple(tables)


def of(contract: Contract, table: TableName) -> Layout:
    """The layout of one of the topic's tables."""
    return next(shape for shape in layouts(contract) if shape.table == table)


def span(ids: Iterable[int]) -> str:
    """A predicate for the rows of these micro-batches."""
    ordered = sorted(set(ids))
    if ordered[-1] - ordered[0] + 1 == len(ordered):
        return f"_micro_batch >= {ordered[0]} AND _micro_batch <= {ordered[-1]}"
    return f"_micro_batch IN ({', '.join(map(str, ordered))})"
