"""What is in gold: names and row counts."""

from __future__ import annotations

from platform_assets.core.settings import Settings
from platform_assets.core.trino import execute


def tables(settings: Settings) -> list[str]:
    """Gold's tables (no staging views) as ``domain.table``."""
    found = execute(
        settings,
        "select table_schema, table_name from gold.information_schema.tables "
        "where table_type = 'BASE TABLE' "
        "and table_schema not in ('information_schema', 'system', 'staging') order by 1, 2",
    )
    return [f"{schema}.{table}" for schema, table in found.rows]


def row_counts(settings: Settings) -> dict[str, int]:
    """Rows of each gold table, by its name ``domain.table``.

    Raises:
        TrinoUnreachableError: Trino does not answer.
    """
    names = tables(settings)
    if not names:
        return {}
    sql = " union all ".join(
        f"select '{name}', count(*) from gold.{name}"  # noqa: S608
        for name in names
    )
    counts = {str(name): int(rows) for name, rows in execute(settings, sql).rows}
    return {name: counts[name] for name in names}
