"""Silver tables that a batch step makes of others: created empty, days replaced as a whole.

They have a contract in ``contracts/derived`` and no topic, so no micro-batch writes them. A day's
rows are what the step makes of silver now: to make a day again changes nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from platform_assets.contracts.model import Contract
from platform_assets.core.retry import Retry
from platform_assets.core.settings import Settings
from platform_assets.engines.delta import Table
from platform_assets.engines.layout import Layout, business, silver

DATE = "event_date"
"""The partition: the UTC date of the contract's event time."""

_ATTEMPTS = 5


def layout(contract: Contract) -> Layout:
    """The contract's columns and ``event_date``, by which the table is divided."""
    schema = pa.schema([*business(contract), (DATE, pa.date32())])
    return replace(silver(contract), schema=schema, statistics=(contract.event_time,))


def ensure(settings: Settings, contract: Contract) -> str:
    """Create the table where it is missing, and add columns that the contract gained.

    Returns:
        Where it is.

    Raises:
        SchemaConflictError: a column has another type in the table.
    """
    return Table(settings.lake_root.rstrip("/"), layout(contract)).uri


@Retry(_ATTEMPTS).on(CommitFailedError).wraps
def replace_day(settings: Settings, contract: Contract, day: date, rows: pl.DataFrame) -> int:
    """Have ``rows`` stand for ``day``, in one commit; other days keep theirs.

    Args:
        settings: where the lake is.
        contract: of the table.
        day: which rows are replaced.
        rows: the contract's columns; none leaves the day empty.

    Returns:
        The table's version with these rows.

    Raises:
        ValueError: a row of another day.
        CommitFailedError: other writers were faster each time.
    """
    shape = layout(contract)
    dated = rows.with_columns(pl.col(contract.event_time).dt.date().alias(DATE))
    if len(dated.filter(pl.col(DATE) != day)):
        raise ValueError(f"{shape.table.sql}: rows of another day than {day}")
    table = DeltaTable(ensure(settings, contract))
    # A conflicting commit is never rebased blindly: the newest version is opened and redone.
    once, predicate = CommitProperties(max_commit_retries=0), f"{DATE} = '{day.isoformat()}'"
    with shape.commit:
        if len(dated):
            arrow = dated.select(shape.schema.names).to_arrow().cast(shape.schema)
            write_deltalake(
                table, arrow, mode="overwrite", predicate=predicate, commit_properties=once
            )
        else:
            table.delete(predicate, commit_properties=once)
    return table.version()


def days(settings: Settings, contract: Contract) -> set[date]:
    """The days that have rows; none where there is no table."""
    uri = f"{settings.lake_root.rstrip('/')}/{contract.topic.silver.path}"
    if not DeltaTable.is_deltatable(uri):
        return set()
    return {date.fromisoformat(str(part[DATE])) for part in DeltaTable(uri).partitions()}
