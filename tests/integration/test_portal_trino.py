"""The rows behind a number on a real Trino: order, time travel, and whose permissions count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from platform_assets.core.naming import TableName
from platform_assets.core.settings import Settings
from platform_assets.core.trino import TrinoQueryError, connect, execute
from reports.portal.rows import RowsExpiredError, TrinoRows
from tests.trino_tables import show_to_analysts

TABLE = "gold.portal_rows.sales"
ROWS = 130


@pytest.fixture(scope="module")
def pinned(trino_stack: Settings) -> Iterator[str]:
    """Statement of a table's rows at a snapshot, after which more were written."""
    values = ", ".join(
        f"('c{number % 3}', {number}, map(array['k'], array[{number}]))" for number in range(ROWS)
    )
    show_to_analysts(trino_stack, TableName("gold", "portal_rows", "sales"))
    execute(trino_stack, "CREATE SCHEMA IF NOT EXISTS gold.portal_rows")
    execute(
        trino_stack,
        f"CREATE TABLE {TABLE} AS SELECT * FROM (VALUES {values}) AS v (country, day, extra)",
    )
    snapshots = execute(
        trino_stack, 'SELECT snapshot_id FROM gold.portal_rows."sales$snapshots"'
    ).rows
    execute(trino_stack, f"INSERT INTO {TABLE} VALUES ('late', 999, map())")
    yield f"SELECT * FROM {TABLE} FOR VERSION AS OF {snapshots[0][0]};"
    execute(trino_stack, f"DROP TABLE {TABLE}")
    execute(trino_stack, "DROP SCHEMA gold.portal_rows")


def test_pages_together_are_the_rows_of_the_snapshot(trino_stack: Settings, pinned: str) -> None:
    rows = TrinoRows(trino_stack)
    pages = [rows.page(pinned, "analyst", offset, 50) for offset in (0, 50, 100)]
    assert [page.more for page in pages] == [True, True, False]
    days = [row[1] for page in pages for row in page.rows]
    assert sorted(days) == list(range(ROWS))
    assert days == sorted(days, key=lambda day: (day % 3, day))
    assert rows.page(pinned, "analyst", 100_000, 50).rows == []


def test_a_stream_is_cut_and_says_so(trino_stack: Settings, pinned: str) -> None:
    rows = TrinoRows(trino_stack)
    whole = rows.stream(pinned, "analyst", ROWS)
    assert not whole.cut
    assert sum(len(chunk) for chunk in whole.chunks) == ROWS
    part = rows.stream(pinned, "analyst", ROWS - 1)
    assert part.cut
    assert sum(len(chunk) for chunk in part.chunks) == ROWS - 1


def test_the_readers_own_permissions_count(trino_stack: Settings, pinned: str) -> None:
    rows = TrinoRows(trino_stack)
    with pytest.raises(TrinoQueryError) as refused:
        rows.page(pinned, "stranger", 0, 50)
    assert refused.value.name == "PERMISSION_DENIED"
    with pytest.raises(TrinoQueryError) as refused:
        rows.stream(pinned, "stranger", 50)
    assert refused.value.name == "PERMISSION_DENIED"


def test_rows_of_a_snapshot_that_was_expired_are_said_to_be_gone(trino_stack: Settings) -> None:
    table = "gold.portal_rows_expired.sales"
    show_to_analysts(trino_stack, TableName("gold", "portal_rows_expired", "sales"))
    execute(trino_stack, "CREATE SCHEMA IF NOT EXISTS gold.portal_rows_expired")
    execute(trino_stack, f"CREATE TABLE {table} AS SELECT 1 AS day")
    [(snapshot,)] = execute(
        trino_stack, 'SELECT snapshot_id FROM gold.portal_rows_expired."sales$snapshots"'
    ).rows
    execute(trino_stack, f"INSERT INTO {table} VALUES 2")
    rows, sql = TrinoRows(trino_stack), f"SELECT * FROM {table} FOR VERSION AS OF {snapshot}"
    assert rows.page(sql, "analyst", 0, 50).rows == [(1,)]
    with closing(connect(trino_stack)) as connection:
        cursor = connection.cursor()
        for statement in (
            "SET SESSION gold.expire_snapshots_min_retention = '0s'",
            f"ALTER TABLE {table} EXECUTE expire_snapshots(retention_threshold => '0s')",
        ):
            cursor.execute(statement)
            cursor.fetchall()
    with pytest.raises(RowsExpiredError, match="keep_snapshot_days"):
        rows.page(sql, "analyst", 0, 50)
    # Asked by somebody who has not seen their columns either.
    with pytest.raises(RowsExpiredError, match=str(snapshot)):
        TrinoRows(trino_stack).stream(sql, "analyst", 50)
    execute(trino_stack, f"DROP TABLE {table}")
    execute(trino_stack, "DROP SCHEMA gold.portal_rows_expired")


@pytest.mark.parametrize(
    "sql", [f"DELETE FROM {TABLE}", f"SELECT 1) ; DROP TABLE {TABLE} --", f"DROP TABLE {TABLE}"]
)
def test_nothing_can_be_written(trino_stack: Settings, pinned: str, sql: str) -> None:
    with pytest.raises(TrinoQueryError):
        TrinoRows(trino_stack).page(sql, "analyst", 0, 50)
    assert execute(trino_stack, f"SELECT count(*) FROM {TABLE}").rows == [(ROWS + 1,)]
