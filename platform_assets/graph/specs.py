"""Asset specs from contracts: one description of a table for every asset that touches it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dagster import (
    AssetKey,
    AssetSpec,
    FreshnessPolicy,
    MetadataValue,
    TableColumn,
    TableColumnConstraints,
    TableColumnDep,
    TableColumnLineage,
    TableSchema,
)

from platform_assets.contracts.model import Contract, LogicalType, TopicKind
from platform_assets.core.naming import TableName
from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.graph.lineage import sources_of
from platform_assets.graph.partitions import window_partitions

LOG_COLUMNS = (
    TableColumn("_micro_batch", "bigint", description="Micro-batch that brought the row."),
    TableColumn("_kafka_partition", "int", description="Kafka partition of the record."),
    TableColumn("_kafka_offset", "bigint", description="Kafka offset of the record."),
    TableColumn("_kafka_timestamp", "timestamp", description="When the broker took it (UTC)."),
)

RECORD_COLUMNS = (
    TableColumn("_micro_batch", "bigint", description="Micro-batch that took the record."),
    TableColumn("ingest_date", "date", description="UTC date of the broker's time."),
    TableColumn("kafka_partition", "int", description="Kafka partition."),
    TableColumn("kafka_offset", "bigint", description="Kafka offset."),
    TableColumn("kafka_timestamp", "timestamp", description="When the broker took it (UTC)."),
    TableColumn("kafka_key", "binary", description="The record's key, as it came."),
    TableColumn("kafka_headers", "array<struct<key,value>>", description="Headers, as they came."),
    TableColumn("kafka_value", "binary", description="The record's bytes, as they came."),
)

_SQL_TYPES = {
    LogicalType.STRING: "string",
    LogicalType.INTEGER: "bigint",
    LogicalType.NUMBER: "double",
    LogicalType.BOOLEAN: "boolean",
    LogicalType.DATE: "date",
    LogicalType.TIMESTAMP: "timestamp",
}


def topic_key(contract: Contract) -> AssetKey:
    """Key of the Kafka topic, an asset that others produce."""
    return AssetKey(["kafka", contract.topic.domain, contract.topic.entity])


def topic_spec(contract: Contract) -> AssetSpec:
    """The Kafka topic itself: where the graph of the lake begins."""
    return AssetSpec(
        topic_key(contract),
        deps=sources_of(str(contract.topic)),
        description=f"Kafka topic `{contract.topic}`. {contract.description}",
        group_name=contract.topic.domain,
        owners=[contract.owner],
        kinds={"kafka", "avro"},
        metadata={
            "topic": str(contract.topic),
            "dead_letter_topic": contract.topic.dead_letters,
            "partitions": contract.topic_policy.partitions,
            "retention_hours": contract.topic_policy.retention_hours,
        },
    )


def bronze_spec(contract: Contract) -> AssetSpec:
    """Every record as it came, with its decoded columns."""
    columns = (
        *RECORD_COLUMNS,
        TableColumn("schema_id", "int", description="Writer's schema in the registry."),
        TableColumn("decode_error", "string", description="Why it cannot be decoded, or null."),
        TableColumn("type_errors", "string", description="Values that do not fit the contract."),
        *contract_columns(contract),
    )
    return _spec(
        contract, contract.topic.bronze, "Every record as it came.", columns, [topic_key(contract)]
    )


def silver_specs(contract: Contract) -> list[AssetSpec]:
    """Silver and quarantine; of a change topic also the history."""
    bronze = AssetKey(contract.topic.bronze.asset_key)
    columns = contract_columns(contract)
    specs = []
    if contract.kind is TopicKind.CHANGE:
        valid = (TableColumn("valid_from", "timestamp", description="From when it holds (UTC)."),)
        until = (TableColumn("valid_to", "timestamp", description="Until when; null: current."),)
        specs.append(
            _spec(
                contract,
                contract.topic.history,
                "All versions of each entity.",
                (*columns, *valid, *until, *LOG_COLUMNS),
                [bronze],
            )
        )
        specs.append(
            _spec(
                contract,
                contract.topic.silver,
                "The current state of each entity.",
                (*columns, *valid, *LOG_COLUMNS),
                [bronze],
                fresh=True,
            )
        )
    else:
        day = (TableColumn("event_date", "date", description="UTC date of the event."),)
        specs.append(
            _spec(
                contract,
                contract.topic.silver,
                "Typed, checked and deduplicated rows.",
                (*columns, *day, *LOG_COLUMNS),
                [bronze],
                fresh=True,
            )
        )
    rejected = (
        TableColumn("rule", "string", description="The first rule that the row broke."),
        TableColumn("rules", "string", description="All rules that the row broke."),
        TableColumn("reason", "string", description="What was wrong, in words."),
    )
    specs.append(
        _spec(
            contract,
            contract.topic.quarantine,
            "Rows that broke a rule, with their bytes.",
            (*RECORD_COLUMNS, *rejected),
            [bronze],
        )
    )
    return specs


def column_lineage(contract: Contract, table: TableName) -> TableColumnLineage:
    """Which columns of the layer below each column of a table comes from."""
    if table.layer == "bronze":
        source = topic_key(contract)
        field = {column.name: column.source for column in contract.columns}
        names = [column.name for column in contract.columns]
        deps = {
            name: [
                TableColumnDep(source, f"after.{name}" if field[name] == "payload" else field[name])
            ]
            for name in names
        }
    else:
        bronze = AssetKey(contract.topic.bronze.asset_key)
        if table == contract.topic.quarantine:
            names = [column.name for column in RECORD_COLUMNS]
        else:
            names = [column.name for column in contract.columns]
        deps = {name: [TableColumnDep(bronze, name)] for name in names}
        if table.layer == "silver" and contract.kind is TopicKind.APPEND and "rule" not in deps:
            deps["event_date"] = [TableColumnDep(bronze, contract.event_time)]
    return TableColumnLineage(deps)


def data_links(settings: Settings, table: TableName) -> dict[str, Any]:
    """Where a table's data is stored and how to read them, as metadata."""
    return {
        "dagster/uri": f"{settings.lake_root}/{table.path}",
        "dagster/table_name": table.sql,
        "query": MetadataValue.md(f"```sql\nselect * from {table.sql} limit 100\n```"),
    }


def contract_columns(contract: Contract) -> tuple[TableColumn, ...]:
    """The contract's columns as Dagster shows them."""
    required = {rule.column for rule in contract.rules if rule.check == "not_null"}
    return tuple(
        TableColumn(
            column.name,
            _SQL_TYPES[column.type],
            description=column.description,
            constraints=TableColumnConstraints(
                nullable=column.name not in required and column.name not in contract.key,
                unique=contract.key == (column.name,),
            ),
            tags={"pii": ""} if column.pii else {},
        )
        for column in contract.columns
    )


def _spec(
    contract: Contract,
    table: TableName,
    what: str,
    columns: tuple[TableColumn, ...],
    deps: list[AssetKey],
    *,
    fresh: bool = False,
) -> AssetSpec:
    path = f"{REPOSITORY}/{contract.path}" if not contract.path.startswith("/") else contract.path
    policy = FreshnessPolicy.time_window(
        fail_window=timedelta(minutes=2 * contract.fresh_within_minutes),
        warn_window=timedelta(minutes=contract.fresh_within_minutes),
    )
    return AssetSpec(
        AssetKey(table.asset_key),
        deps=deps,
        description=f"{what} {contract.description}",
        group_name=contract.topic.domain,
        owners=[contract.owner],
        kinds={"delta", table.layer},
        tags={"layer": table.layer, "topic": str(contract.topic)},
        code_version=contract.fingerprint,
        partitions_def=window_partitions(contract.topic),
        freshness_policy=policy if fresh else None,
        metadata={
            "dagster/column_schema": TableSchema(columns=list(columns)),
            "contract": MetadataValue.path(path),
            "contract_version": contract.version,
            "key": ", ".join(contract.key),
        },
    )
