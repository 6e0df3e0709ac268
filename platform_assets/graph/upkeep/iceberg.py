"""Upkeep of gold's Iceberg tables through Trino."""

from __future__ import annotations

from dataclasses import dataclass

from platform_assets.core.naming import TableName
from platform_assets.core.retry import Retry
from platform_assets.core.settings import Settings
from platform_assets.graph.upkeep.delta import Lock, default_lock

KEEP_SNAPSHOT_DAYS = 7
"""How far time travel in gold reaches back, unless told otherwise."""
SMALL_FILE = "64MB"
_ATTEMPTS = 4
_CONFLICTS = ("ICEBERG_COMMIT_ERROR", "TRANSACTION_CONFLICT")


@dataclass(frozen=True)
class IcebergResult:
    """What the upkeep of one gold table did."""

    table: TableName
    files_before: int
    files_after: int
    snapshots_before: int
    snapshots_after: int
    dry_run: bool = False


def gold_tables(settings: Settings) -> list[TableName]:
    """The tables (not views) of the gold catalog."""
    from platform_assets.core.trino import execute

    rows = execute(
        settings,
        "SELECT table_schema, table_name FROM gold.information_schema.tables "
        "WHERE table_type = 'BASE TABLE' "
        "AND table_schema NOT IN ('information_schema', 'system') ORDER BY 1, 2",
    ).rows
    return [TableName("gold", str(schema), str(name)) for schema, name in rows]


def statements(table: TableName, keep_days: int = KEEP_SNAPSHOT_DAYS) -> list[str]:
    """The upkeep of one table: small files together, old snapshots out, orphans out.

    Raises:
        ValueError: fewer than one day, which could take files from a running query.
    """
    if keep_days < 1:
        raise ValueError(f"{table.sql}: snapshots must be kept a day at least, not {keep_days} d")
    name = _quoted(table)
    return [
        f"ALTER TABLE {name} EXECUTE optimize(file_size_threshold => '{SMALL_FILE}')",
        f"ALTER TABLE {name} EXECUTE expire_snapshots(retention_threshold => '{keep_days}d')",
        f"ALTER TABLE {name} EXECUTE remove_orphan_files(retention_threshold => '{keep_days}d')",
    ]


def session_properties(keep_days: int) -> dict[str, str]:
    """Trino refuses retentions under seven days unless the session lowers its minimum."""
    if keep_days >= KEEP_SNAPSHOT_DAYS:
        return {}
    return {
        "gold.expire_snapshots_min_retention": f"{keep_days}d",
        "gold.remove_orphan_files_min_retention": f"{keep_days}d",
    }


def maintain_gold(
    settings: Settings,
    table: TableName,
    *,
    keep_days: int = KEEP_SNAPSHOT_DAYS,
    lock: Lock | None = None,
    dry_run: bool = False,
) -> IcebergResult:
    """Run the upkeep of one gold table, each statement under the table's writer lock.

    Raises:
        platform_assets.core.trino.TrinoQueryError: Trino refused a statement, or it lost
            against other writers again and again.
        platform_assets.core.trino.TrinoUnreachableError: Trino does not answer.
    """
    files, snapshots = _counts(settings, table)
    if dry_run:
        return IcebergResult(table, files, files, snapshots, snapshots, dry_run=True)
    held = lock or default_lock()
    for statement in statements(table, keep_days):
        for attempt in Retry(_ATTEMPTS, pause=0.5, longest=10).on(_is_conflict):
            with attempt, held(settings, table.sql):
                _execute(settings, statement, session_properties(keep_days))
    files_after, snapshots_after = _counts(settings, table)
    return IcebergResult(table, files, files_after, snapshots, snapshots_after)


def _counts(settings: Settings, table: TableName) -> tuple[int, int]:
    from platform_assets.core.trino import execute

    counts = [
        int(execute(settings, f"SELECT count(*) FROM {_meta(table, kind)}").rows[0][0])  # noqa: S608
        for kind in ("files", "snapshots")
    ]
    return counts[0], counts[1]


def _execute(settings: Settings, statement: str, properties: dict[str, str]) -> None:
    """Run a statement in a session with these properties.

    Session properties belong to a connection, so this one is opened here.
    """
    from platform_assets.core.trino import connect, execute

    if not properties:
        execute(settings, statement)
        return
    connection = connect(settings)
    try:
        cursor = connection.cursor()
        for name, value in properties.items():
            cursor.execute(f"SET SESSION {name} = '{value}'")
            cursor.fetchall()
        cursor.execute(statement)
        cursor.fetchall()
    finally:
        connection.close()  # type: ignore[no-untyped-call]


def _is_conflict(error: BaseException) -> bool:
    return getattr(error, "name", getattr(error, "error_name", "")) in _CONFLICTS


def _quoted(table: TableName) -> str:
    return ".".join(f'"{part}"' for part in (table.layer, table.domain, table.entity))


def _meta(table: TableName, kind: str) -> str:
    return f'"{table.layer}"."{table.domain}"."{table.entity}${kind}"'
