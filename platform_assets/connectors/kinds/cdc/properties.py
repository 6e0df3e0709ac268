"""What Debezium's connector is configured with, from a source's configuration."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping

from platform_assets.connectors.kinds.cdc.dialects import PREFIX, CdcConfig, CdcStream, Dialect
from platform_assets.core.settings import Settings

UNAVAILABLE = "__debezium_unavailable_value"
"""Stands for a large value that an update did not touch, and so is not in the log."""


def tables_of(streams: Mapping[str, CdcStream]) -> dict[str, str]:
    """Stream -> table."""
    return {name: options.table or name for name, options in streams.items()}


def name_at_source(source: str, given: str) -> str:
    """Of a slot or publication."""
    return given or f"weir_{source}"[:63]


def connector_properties(
    settings: Settings,
    dialect: Dialect,
    source: str,
    config: CdcConfig,
    streams: Mapping[str, CdcStream],
    password: str,
) -> dict[str, str]:
    """The whole configuration of a connector.

    Args:
        settings: where Kafka is.
        dialect: of the database.
        source: the instance's name.
        config: of the source.
        streams: all of them.
        password: a reference that Connect resolves, never the value.
    """
    filled = {
        "host": config.host,
        "port": str(config.port or dialect.port),
        "user": config.user,
        "password": password,
        "database": config.database,
        "slot": name_at_source(source, config.slot),
        "publication": name_at_source(source, config.publication),
        # A server id must be no other replica's.
        "server_id": str(10_000 + zlib.crc32(source.encode()) % 1_000_000_000),
    }
    prefix = f"{PREFIX}.{source}"
    tables = tables_of(streams)
    properties = {
        "name": source,
        "connector.class": dialect.connector,
        "tasks.max": "1",
        "topic.prefix": prefix,
        dialect.tables: ",".join(re.escape(table) for table in sorted(tables.values())),
        "snapshot.mode": "initial",
        "poll.interval.ms": "20",
        # A slot or a place in the binlog goes on also while only other tables change.
        "heartbeat.interval.ms": "10000",
        "topic.heartbeat.prefix": f"{PREFIX}_heartbeat",
        "provide.transaction.metadata": "true",
        "tombstones.on.delete": "false",
        "skipped.operations": "none",
        "decimal.handling.mode": "string",
        "time.precision.mode": "isostring",
        "unavailable.value.placeholder": UNAVAILABLE,
        "topic.creation.default.partitions": "1",
        "topic.creation.default.replication.factor": "-1",
        "topic.creation.default.cleanup.policy": "delete",
    }
    keys = [f"{tables[name]}:{','.join(one.key)}" for name, one in streams.items() if one.key]
    if keys:
        properties["message.key.columns"] = ";".join(sorted(keys))
    if dialect.history:
        properties["schema.history.internal.kafka.bootstrap.servers"] = settings.kafka_bootstrap
        properties["schema.history.internal.kafka.topic"] = f"{prefix}.schema_history"
    properties |= {name: text.format(**filled) for name, text in dialect.properties.items()}
    return properties | {name: _text(value) for name, value in config.settings.items()}


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
