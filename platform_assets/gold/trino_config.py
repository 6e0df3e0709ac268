"""Trino's catalogs, limits and access control, generated from settings and contracts.

Users: ``weir`` (``WEIR_TRINO_USER``) does everything; ``analyst`` reads bronze, silver and gold
without the columns that a contract marks as PII; anyone else sees nothing. The PostgreSQL password
is named here (``${ENV:WEIR_POSTGRES_PASSWORD}``), never written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from platform_assets.contracts.model import Contract, TopicKind
from platform_assets.core.naming import TableName, TopicName
from platform_assets.core.properties import java_properties
from platform_assets.core.settings import Settings

ADMIN = "weir"
ANALYST = "analyst"

PEOPLE_MAX_EXECUTION = "120s"
"""Longest that a person's query may run: the server's default, which analysts may not change."""

ADMIN_MAX_EXECUTION = "2h"
"""What Weir's own sessions ask for instead."""

PASSWORD_VARIABLE = "WEIR_POSTGRES_PASSWORD"  # noqa: S105 (the variable's name)

CONFIG_PROPERTIES: Mapping[str, str] = {
    # `select *` then works for a user who may not read every column.
    "hide-inaccessible-columns": "true",
    "query.max-execution-time": PEOPLE_MAX_EXECUTION,
}
"""Lines that ``etc/config.properties`` needs besides addresses and memory."""

REQUIRED_PLUGINS = ("iceberg", "delta-lake", "postgresql", "geospatial")
"""Plugin folders that the catalogs need (postgresql brings the JDBC driver, and geospatial)."""

# A record as it came holds every value of the row, so for a topic with PII its carriers are
# PII as well; so are the messages that quote values.
_BRONZE_CARRIERS = ("kafka_key", "kafka_value", "kafka_headers", "before")
_BRONZE_MESSAGES = ("decode_error", "type_errors")
_QUARANTINE_CARRIERS = ("kafka_key", "kafka_value", "kafka_headers", "reason")


def pii_columns(contract: Contract) -> dict[TableName, tuple[str, ...]]:
    """Columns that analysts must not see, for each table of the contract that has any."""
    named = tuple(column.name for column in contract.columns if column.pii)
    if not named:
        return {}
    topic = contract.topic
    hidden = {
        topic.bronze: (*named, *_BRONZE_CARRIERS, *_BRONZE_MESSAGES),
        topic.silver: named,
        topic.quarantine: (*named, *_QUARANTINE_CARRIERS),
    }
    if contract.kind is TopicKind.CHANGE:
        hidden[topic.history] = named
    return hidden


def access_rules(
    contracts: Iterable[Contract], closed: Iterable[TopicName] = (), admin: str = ADMIN
) -> dict[str, Any]:
    """The rules of Trino's file-based access control.

    Args:
        contracts: whose columns are hidden.
        closed: topics whose contract cannot be read: which of their columns hold personal data
            is not known, so analysts read none of their tables.
        admin: the user that Weir itself is (``WEIR_TRINO_USER``).
    """
    hidden: dict[TableName, tuple[str, ...]] = {}
    for contract in contracts:
        hidden.update(pii_columns(contract))
    everything = {"user": re.escape(admin)}
    tables: list[dict[str, Any]] = [
        {**everything, "privileges": _ALL_TABLE},
        # Staging views run with the rights of their owner and may show PII.
        {"user": ANALYST, "catalog": "gold", "schema": "staging", "privileges": []},
    ]
    tables += [
        {
            "user": ANALYST,
            "catalog": "(bronze|silver)",
            "schema": re.escape(topic.domain),
            "table": f"{re.escape(topic.entity)}(_history|_quarantine)?(\\$.*)?",
            "privileges": [],
        }
        for topic in sorted(closed)
    ]
    tables += [
        {
            "user": ANALYST,
            "catalog": table.layer,
            "schema": re.escape(table.domain),
            # Covers `table$partitions` and its kin: they can quote values of the columns.
            "table": f"{re.escape(table.entity)}(\\$.*)?",
            "privileges": ["SELECT"],
            "columns": [{"name": name, "allow": False} for name in columns],
        }
        for table, columns in sorted(hidden.items())
    ]
    tables.append(
        {"user": ANALYST, "catalog": "(bronze|silver|gold|system)", "privileges": ["SELECT"]}
    )
    return {
        "catalogs": [
            {**everything, "allow": "all"},
            {"user": ANALYST, "catalog": "(bronze|silver|gold|system)", "allow": "read-only"},
            {"allow": "none"},
        ],
        "schemas": [{**everything, "owner": True}, {"owner": False}],
        "tables": tables,
        # Table functions (`table_changes`) and procedures would go round the column rules.
        "functions": [{**everything, "privileges": ["EXECUTE", "GRANT_EXECUTE", "OWNERSHIP"]}],
        "procedures": [{**everything, "privileges": ["EXECUTE"]}],
        "queries": [
            {**everything, "allow": ["execute", "kill", "view"]},
            {"user": ANALYST, "allow": ["execute"]},
            {"allow": []},
        ],
        "system_information": [{**everything, "allow": ["read", "write"]}],
        "system_session_properties": [
            {**everything, "allow": True},
            # The limits must stay what this file says.
            {"user": ANALYST, "property": "(query_|resource_|spill_|memory_).*", "allow": False},
            {"user": ANALYST, "allow": True},
            {"allow": False},
        ],
        "catalog_session_properties": [{**everything, "allow": True}, {"allow": False}],
    }


_ALL_TABLE = ["SELECT", "INSERT", "DELETE", "UPDATE", "OWNERSHIP", "GRANT_SELECT"]


def file_uri(path: str | Path) -> str:
    """A location that Trino and pyiceberg read alike: absolute paths become ``file://`` URIs."""
    text = str(path)
    return f"file://{text}" if text.startswith("/") else text


def catalogs(settings: Settings) -> dict[str, dict[str, str]]:
    """Properties of each catalog of the local profile."""
    local = {"fs.native-local.enabled": "true", "local.location": "/"}
    delta = {
        layer: {
            "connector.name": "delta_lake",
            "hive.metastore": "file",
            # By `file://` the metastore finds each table by name but lists none.
            "hive.metastore.catalog.dir": f"local://{settings.home}/trino/metastore/{layer}",
            "hive.metastore.disable-location-checks": "true",
            "delta.register-table-procedure.enabled": "true",
            "delta.hive-catalog-name": layer,
            **local,
        }
        for layer in ("bronze", "silver")
    }
    jdbc = "iceberg.jdbc-catalog"
    address = f"{settings.postgres_host}:{settings.postgres_port}"
    gold = {
        "connector.name": "iceberg",
        "iceberg.catalog.type": "jdbc",
        f"{jdbc}.driver-class": "org.postgresql.Driver",
        f"{jdbc}.connection-url": f"jdbc:postgresql://{address}/iceberg",
        f"{jdbc}.connection-user": settings.postgres_user,
        f"{jdbc}.connection-password": f"${{ENV:{PASSWORD_VARIABLE}}}",
        f"{jdbc}.catalog-name": "gold",
        f"{jdbc}.default-warehouse-dir": file_uri(f"{settings.lake_root.rstrip('/')}/gold"),
        # V1 of the catalog's tables knows views.
        f"{jdbc}.schema-version": "V1",
        "iceberg.unique-table-location": "true",
        # Statistics on each write cost more than they give on tables this small.
        "iceberg.extended-statistics.enabled": "false",
        # Let a table keep a bounded number of metadata files: a step is a commit.
        "iceberg.allowed-extra-properties": (
            "write.metadata.delete-after-commit.enabled,write.metadata.previous-versions-max"
        ),
        "iceberg.expire-snapshots.min-retention": "1h",
        "iceberg.remove-orphan-files.min-retention": "1h",
        **local,
    }
    return {**delta, "gold": gold}


def write(
    settings: Settings,
    etc_dir: Path,
    contracts: Mapping[TopicName, Contract] | None = None,
) -> None:
    """Write ``catalog/*.properties``, access control and limits below ``etc_dir``.

    Idempotent; a running Trino picks up changed access rules within ten seconds, changed
    catalogs at its next start. ``config.properties`` is the caller's; it must hold
    :data:`CONFIG_PROPERTIES`, and Trino must run in the parent folder of ``etc_dir`` (it looks
    for ``etc/access-control.properties``).
    """
    closed: list[TopicName] = []
    if contracts is None:
        from platform_assets.contracts.load import load_contracts

        contracts = loaded = load_contracts()
        names = [file.name.split(".") for file in loaded.broken]
        closed = [TopicName(*parts) for parts in names if len(parts) == 2]
    etc_dir = etc_dir.resolve()
    (etc_dir / "catalog").mkdir(parents=True, exist_ok=True)
    for name, properties in catalogs(settings).items():
        _properties(etc_dir / "catalog" / f"{name}.properties", properties)
    for layer in ("bronze", "silver"):
        (settings.home / "trino" / "metastore" / layer).mkdir(parents=True, exist_ok=True)
    rules = etc_dir / "access-rules.json"
    found = access_rules(contracts.values(), closed, settings.trino_user)
    _replace(rules, json.dumps(found, indent=2) + "\n")
    _properties(
        etc_dir / "access-control.properties",
        {
            "access-control.name": "file",
            "security.config-file": str(rules),
            "security.refresh-period": "10s",
        },
    )


def _properties(path: Path, properties: Mapping[str, str]) -> None:
    _replace(path, java_properties(properties))


def _replace(path: Path, text: str) -> None:
    # Trino may read the rules at any moment: never let it see half a file.
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_text(text)
    partial.replace(path)
