"""Delta tables of bronze and silver, made known to Trino, with public views beside PII."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TableName
from platform_assets.core.settings import Settings
from platform_assets.core.trino import TrinoQueryError, execute
from platform_assets.gold.access import PUBLIC_SUFFIX, former_columns, pii_columns
from platform_assets.gold.trino_config import file_uri

_LAYERS = ("bronze", "silver")
_AT_ONCE = 4


def register_tables(settings: Settings, contracts: Iterable[Contract]) -> list[str]:
    """Register every existing Delta table and (re)make the public views.

    Idempotent, and cheap when nothing changed. A table that does not exist yet is passed over:
    call again once it does. Run it again after a contract gained a column, so that the view
    shows it.

    Returns:
        SQL names of the tables that were newly registered.

    Raises:
        TrinoUnreachableError: Trino does not answer.
        TrinoQueryError: Trino refused a registration; names the table and the reason.
    """
    contracts = list(contracts)
    hidden = {
        table: columns
        for contract in contracts
        for table, columns in pii_columns(contract, former_columns(settings, contract)).items()
    }
    present = [
        table for contract in contracts for table in contract.tables if _exists(settings, table)
    ]
    known = _known(settings)
    missing = [table for table in present if (table.layer, table.domain, table.entity) not in known]
    for layer, domain in sorted({(table.layer, table.domain) for table in missing}):
        execute(settings, f"create schema if not exists {layer}.{domain}")
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        made = [pool.submit(_register, settings, table) for table in missing]
        wait(made)
        made += [
            pool.submit(_public_view, settings, table, hidden[table])
            for table in present
            if table in hidden
        ]
    # Every other table is shown before the first that cannot be is told.
    for one in made:
        one.result()
    return sorted(table.sql for table in missing)


def location(settings: Settings, table: TableName) -> str:
    """Where the table lies, as Trino names it."""
    return file_uri(f"{settings.lake_root.rstrip('/')}/{table.path}")


def _exists(settings: Settings, table: TableName) -> bool:
    root = settings.lake_root
    if root.startswith("/"):
        return any(Path(root, table.path, "_delta_log").glob("*.json"))
    from deltalake import DeltaTable

    return bool(DeltaTable.is_deltatable(f"{root.rstrip('/')}/{table.path}"))


def _known(settings: Settings) -> set[tuple[str, str, str]]:
    sql = " union all ".join(
        f"select '{layer}', table_schema, table_name from {layer}.information_schema.tables"  # noqa: S608
        for layer in _LAYERS
    )
    return {(str(row[0]), str(row[1]), str(row[2])) for row in execute(settings, sql).rows}


def _register(settings: Settings, table: TableName) -> None:
    where = location(settings, table)
    try:
        execute(
            settings,
            f"call {table.layer}.system.register_table(schema_name => '{table.domain}', "
            f"table_name => '{table.entity}', table_location => '{where}')",
        )
    except TrinoQueryError as error:
        # Two processes may register at once; the other's registration is as good.
        if error.name == "ALREADY_EXISTS" or "already exists" in str(error):
            return
        raise TrinoQueryError(
            f"cannot register {table.sql} from {where}: {error.message}",
            error.name,
            "check that Trino may read that folder and that its _delta_log is complete",
        ) from error


def _public_view(settings: Settings, table: TableName, hidden: tuple[str, ...]) -> None:
    described = execute(
        settings,
        f"select column_name from {table.layer}.information_schema.columns "  # noqa: S608
        f"where table_schema = '{table.domain}' and table_name = '{table.entity}' "
        "order by ordinal_position",
    )
    columns = ", ".join(f'"{row[0]}"' for row in described.rows if row[0] not in hidden)
    query = f"select {columns} from {table.sql}"  # noqa: S608 (names come from contracts)
    view = f"{table.sql}{PUBLIC_SUFFIX}"
    execute(settings, f"create or replace view {view} security definer as {query}")
