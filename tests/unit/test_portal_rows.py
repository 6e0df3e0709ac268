"""Rows behind a number: their order, what happens without Trino, and their files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.settings import Settings
from platform_assets.core.trino import TrinoUnreachableError
from reports.portal.exports import arrow_type, csv_lines, parquet_bytes
from reports.portal.rows import NotAReaderError, Row, Stream, TrinoRows, paged_sql


def test_pages_have_an_order_that_is_always_the_same() -> None:
    types = ("varchar", "map(varchar, bigint)", "decimal(12,2)", "json")
    sql = " ".join(paged_sql("SELECT * FROM t; \n", types, 50, 51).split())
    assert sql == "SELECT * FROM (SELECT * FROM t ) ORDER BY 1, 3 OFFSET 50 ROWS LIMIT 51"
    assert "ORDER" not in paged_sql("SELECT m FROM t", ("json",), 0, 1)
    assert paged_sql("SELECT 1 -- end", ("integer",), 0, 1).startswith(
        "SELECT * FROM (SELECT 1 -- end\n)"
    )


def test_without_trino_it_says_what_to_do(tmp_path: Path) -> None:
    rows = TrinoRows(Settings(home=tmp_path, trino_port=1))
    with pytest.raises(TrinoUnreachableError, match="weir up"):
        rows.page("SELECT 1", "analyst", 0, 50)
    with pytest.raises(TrinoUnreachableError, match="weir up"):
        rows.stream("SELECT 1", "analyst", 50)


@pytest.mark.parametrize("user", ["weir", "loader", "", " loader ", " "])
def test_nobody_reads_rows_as_the_user_who_writes(tmp_path: Path, user: str) -> None:
    rows = TrinoRows(Settings(home=tmp_path, trino_port=1, trino_user="loader"))
    with pytest.raises(NotAReaderError, match="read-only"):
        rows.page("SELECT 1", user, 0, 50)
    with pytest.raises(NotAReaderError, match="read-only"):
        rows.stream("SELECT 1", user, 50)


def stream(columns: Sequence[str], types: Sequence[str], rows: Sequence[Row]) -> Stream:
    def chunks() -> Iterator[Sequence[Row]]:
        for start in range(0, len(rows), 3):
            yield rows[start : start + 3]

    return Stream(tuple(columns), tuple(types), chunks(), cut=False)


CELLS = {
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "varchar": st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    "boolean": st.booleans(),
    "double": st.floats(allow_nan=False),
    "date": st.dates(),
    "decimal(12,2)": st.decimals(-(10**9), 10**9, places=2),
    "timestamp(6) with time zone": st.datetimes(
        min_value=datetime(1900, 1, 1),  # noqa: DTZ001 (hypothesis wants it plain)
        max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    ).map(lambda moment: moment.replace(tzinfo=UTC)),
    "varbinary": st.binary(max_size=8),
}
ROWS = st.lists(st.tuples(*(st.none() | cell for cell in CELLS.values())), max_size=8)


@given(ROWS)
def test_parquet_gives_back_the_rows(rows: list[Row]) -> None:
    content = b"".join(parquet_bytes(stream(list(CELLS), list(CELLS), rows)))
    table = pq.read_table(io.BytesIO(content))
    assert [tuple(row.values()) for row in table.to_pylist()] == rows


@given(ROWS)
def test_no_cell_of_a_csv_is_a_formula(rows: list[Row]) -> None:
    content = b"".join(csv_lines(stream(list(CELLS), list(CELLS), rows))).decode()
    lines = list(csv.reader(io.StringIO(content, newline="")))
    assert len(lines) == 1 + len(rows)
    position = list(CELLS).index("varchar")
    for line, row in zip(lines[1:], rows, strict=True):
        cell = line[position]
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert cell.removeprefix("'") == (row[position] or "").removeprefix("'")


def test_types_without_a_match_are_texts() -> None:
    assert str(arrow_type("row(a bigint)")) == "string"
    content = b"".join(parquet_bytes(stream(["a"], ["array(date)"], [([date(2010, 1, 2)],)])))
    table = pq.read_table(io.BytesIO(content))
    assert table.to_pylist() == [{"a": '["2010-01-02"]'}]
