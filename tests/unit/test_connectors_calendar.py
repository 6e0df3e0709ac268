"""Days and moments that no calendar names are found, and spelled as the numbers that they are."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.connectors import calendar

DAYS = st.lists(st.integers(-(2**31), 2**31 - 1) | st.none(), min_size=1, max_size=6)
MOMENTS = st.lists(st.integers(-(2**63), 2**63 - 1) | st.none(), min_size=1, max_size=6)


def python_holds(number: int, unit: str) -> bool:
    try:
        if unit == "day":
            date.fromordinal(number + date(1970, 1, 1).toordinal())
        else:
            seconds = number // (1000 if unit == "ms" else 1_000_000)
            datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return False
    return True


@given(DAYS)
def test_a_day_is_spelled_or_is_its_number(numbers: list[int | None]) -> None:
    days = pl.Series("d", numbers, dtype=pl.Int32).cast(pl.Date)
    good = [None if number is None else python_holds(number, "day") for number in numbers]
    assert calendar.unnamed(days).to_list() == [one is False for one in good]
    told = calendar.spelled(days)
    if all(one is not False for one in good):
        assert told.dtype == pl.Date
        return
    for number, fine, text in zip(numbers, good, told.to_list(), strict=True):
        assert text == (
            None
            if number is None
            else date.fromordinal(number + 719_163).isoformat()
            if fine
            else str(number)
        )


@pytest.mark.parametrize("unit", ["ms", "us"])
@pytest.mark.parametrize("zone", [None, "UTC"])
@given(numbers=MOMENTS)
def test_a_moment_is_spelled_or_is_its_number(
    unit: Any, zone: str | None, numbers: list[int | None]
) -> None:
    moments = pl.Series("m", numbers, dtype=pl.Int64).cast(pl.Datetime(unit, zone))
    bad = [number is not None and not python_holds(number, unit) for number in numbers]
    assert calendar.unnamed(moments).to_list() == bad
    assert calendar.named(moments).is_null().to_list() == [
        number is None or odd for number, odd in zip(numbers, bad, strict=True)
    ]
    told = calendar.spelled(moments).to_list()
    for number, odd, text in zip(numbers, bad, told, strict=True):
        if odd:
            assert text == str(number)


@given(DAYS)
def test_what_is_nested_is_spelled_at_its_place(numbers: list[int | None]) -> None:
    days = pa.array(numbers, pa.int32()).cast(pa.date32())
    nested = pa.StructArray.from_arrays([days, pa.array(range(len(numbers)))], ["day", "n"])
    rows = pa.table({"id": range(len(numbers)), "nested": nested, "listed": pa.array([[1]]).take(
        pa.array([0] * len(numbers)))})  # fmt: skip
    told = calendar.spelled_rows(rows).to_pylist()
    assert [row["nested"]["n"] for row in told] == list(range(len(numbers)))
    assert len(told) == len(numbers)


def test_lists_of_structs_are_looked_into() -> None:
    days = pl.Series("d", [2**31 - 1, 0], dtype=pl.Int32).cast(pl.Date)
    listed = pl.DataFrame({"d": days}).to_struct("s").implode()
    assert calendar.spelled(listed).to_list() == [[{"d": "2147483647"}, {"d": "1970-01-01"}]]


def test_an_array_is_looked_into() -> None:
    days = pl.Series("d", [2**31 - 1, 0], dtype=pl.Int32).cast(pl.Date).reshape((1, 2))
    assert calendar.spelled(days).to_list() == [["2147483647", "1970-01-01"]]
