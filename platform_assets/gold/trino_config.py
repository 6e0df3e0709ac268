"""Trino's catalogs and limits, generated from settings; access control is :mod:`.access`.

The PostgreSQL password is named here (``${ENV:WEIR_POSTGRES_PASSWORD}``), never written.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from platform_assets.contracts.model import Contract
from platform_assets.core.files import write_file
from platform_assets.core.naming import TopicName
from platform_assets.core.properties import java_properties
from platform_assets.core.settings import Settings
from platform_assets.gold.access import RULES_FILE, write_rules

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
    hot = {
        "connector.name": "postgresql",
        "connection-url": f"jdbc:postgresql://{address}/live",
        "connection-user": settings.postgres_user,
        "connection-password": f"${{ENV:{PASSWORD_VARIABLE}}}",
    }
    return {**delta, "gold": gold, "hot": hot}


def write(
    settings: Settings,
    etc_dir: Path,
    contracts: Mapping[TopicName, Contract] | None = None,
) -> None:
    """Write ``catalog/*.properties``, access control and limits below ``etc_dir``.

    Idempotent; a running Trino picks up changed access rules within a second, changed
    catalogs at its next start. ``config.properties`` is the caller's; it must hold
    :data:`CONFIG_PROPERTIES`, and Trino must run in the parent folder of ``etc_dir`` (it looks
    for ``etc/access-control.properties``).
    """
    etc_dir = etc_dir.resolve()
    (etc_dir / "catalog").mkdir(parents=True, exist_ok=True)
    for name, properties in catalogs(settings).items():
        write_file(etc_dir / "catalog" / f"{name}.properties", java_properties(properties))
    for layer in ("bronze", "silver"):
        (settings.home / "trino" / "metastore" / layer).mkdir(parents=True, exist_ok=True)
    write_rules(settings, etc_dir, contracts)
    write_file(
        etc_dir / "access-control.properties",
        java_properties(
            {
                "access-control.name": "file",
                "security.config-file": str(etc_dir / RULES_FILE),
                "security.refresh-period": "1s",
            }
        ),
    )
