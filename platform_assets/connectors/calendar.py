"""Days and moments that no calendar names, as other systems write them: years 0 and 31,000,000.

A date is a number of days in files, messages and databases, a moment one of micro- or
milliseconds; most of those numbers lie outside the years 1 to 9999. Python cannot hold such a
value, and Polars panics when it is to spell one, which no ``except Exception`` catches. Belongs
here: finding them, and taking them for what they are, numbers. Does not belong here: what a
contract says about a value.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl
import pyarrow as pa

_DAYS: Final = (-719_162, 2_932_896)
"""0001-01-01 and 9999-12-31, in days since 1970."""
_SECONDS: Final = (-62_135_596_800, 253_402_300_799)
"""The first and the last second of those days."""
_A_SECOND: Final = {"us": 1_000_000, "ms": 1_000}


def unnamed(values: pl.Series) -> pl.Series:
    """Which values of a column of dates or moments no calendar names; none of other columns."""
    limits = _limits(values.dtype)
    if limits is None:
        return pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(values))
    return ~values.to_physical().is_between(*limits).fill_null(value=True)


def named(values: pl.Series) -> pl.Series:
    """The column without them: null in their place."""
    if _limits(values.dtype) is None:
        return values
    wrong = unnamed(values)
    return values.set(wrong, None) if wrong.any() else values


def value(values: pl.Series, row: int) -> Any:
    """A value as Python has it; the number of one that no calendar names."""
    limits = _limits(values.dtype)
    if limits is not None:
        number = values.to_physical()[row]
        if number is not None and not limits[0] <= number <= limits[1]:
            return number
    return values[row]


def spelled(values: pl.Series) -> pl.Series:
    """The column, as text where it holds such a value, at any depth: ISO 8601, or the number."""
    if not _has_unnamed(values):
        return values
    return pl.select(_spelled(pl.lit(values), values.dtype).alias(values.name)).to_series()


def spelled_rows(rows: pa.Table) -> pa.Table:
    """The same for the columns of a page."""
    for place, column in enumerate(rows.columns):
        if "date" not in str(column.type) and "timestamp" not in str(column.type):
            continue
        values = pl.Series(column)
        told = spelled(values)
        if told is not values:
            rows = rows.set_column(place, rows.column_names[place], told.to_arrow())
    return rows


def _limits(dtype: pl.DataType) -> tuple[int, int] | None:
    """Of the physical numbers; None where each has a name, or the type is another."""
    if dtype == pl.Date:
        return _DAYS
    # Nanoseconds of 64 bits end in the year 2262.
    if isinstance(dtype, pl.Datetime) and dtype.time_unit in _A_SECOND:
        unit = _A_SECOND[dtype.time_unit]
        return _SECONDS[0] * unit, _SECONDS[1] * unit + unit - 1
    return None


def _has_unnamed(values: pl.Series) -> bool:
    dtype = values.dtype
    if isinstance(dtype, pl.Struct):
        return any(_has_unnamed(values.struct.field(field.name)) for field in dtype.fields)
    if isinstance(dtype, pl.List | pl.Array):
        return _has_time(dtype) and _has_unnamed(values.explode())
    limits = _limits(dtype)
    if limits is None or values.null_count() == len(values):
        return False
    # Quicker than a query on a page of few rows, and most pages hold none.
    numbers = values.to_physical()
    return bool(numbers.min() < limits[0] or numbers.max() > limits[1])  # type: ignore[operator]


def _has_time(dtype: Any) -> bool:
    if isinstance(dtype, pl.Struct):
        return any(_has_time(field.dtype) for field in dtype.fields)
    if isinstance(dtype, pl.List | pl.Array):
        return _has_time(dtype.inner)
    return _limits(dtype) is not None


def _spelled(values: pl.Expr, dtype: Any) -> pl.Expr:
    if isinstance(dtype, pl.Struct):
        fields = [
            _spelled(values.struct.field(field.name), field.dtype).alias(field.name)
            for field in dtype.fields
        ]
        return pl.when(values.is_not_null()).then(pl.struct(fields))
    if isinstance(dtype, pl.Array):
        return _spelled(values.arr.to_list(), pl.List(dtype.inner))
    if isinstance(dtype, pl.List):
        return values.list.eval(_spelled(pl.element(), dtype.inner))
    limits = _limits(dtype)
    if limits is None:
        return values
    number = values.to_physical()
    # What is spelled is masked before, as both branches are computed for all rows.
    text = pl.when(number.is_between(*limits)).then(values).dt.to_string("iso")
    return pl.coalesce(text, number.cast(pl.String))
