"""Values of a writer's types to the contract's logical types, never losing one silently.

A cast must be lossless: 12 to "12", "12" to 12, 3.0 to 3 pass; "abc" to a number, 3.5 to an
integer, a local time without zone to a timestamp do not. What does not cast becomes null
and a type error, which the implicit rule ``type`` turns into a quarantined row.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

import polars as pl

from platform_assets.connectors import calendar
from platform_assets.contracts.model import LogicalType

POLARS: Final[dict[LogicalType, pl.DataType]] = {
    LogicalType.STRING: pl.String(),
    LogicalType.INTEGER: pl.Int64(),
    LogicalType.NUMBER: pl.Float64(),
    LogicalType.BOOLEAN: pl.Boolean(),
    LogicalType.DATE: pl.Date(),
    LogicalType.TIMESTAMP: pl.Datetime("us", "UTC"),
}
_EXACT_FLOAT = 2**53
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_SHOWN = 60


def fit(values: pl.Series, logical: LogicalType) -> tuple[pl.Series, pl.Series | None]:
    """Cast a column losslessly.

    Returns:
        The column in the logical type, and which values did not cast (None: all did).
    """
    target = POLARS[logical]
    cast = values if values.dtype == target else _cast(values, logical, target)
    cast = _within(cast, logical)
    if cast.null_count() == values.null_count():
        return cast, None
    return cast, cast.is_null() & values.is_not_null()


def explain(name: str, value: object, logical: LogicalType) -> str:
    """Say which value did not cast."""
    text = str(value)
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    article = "an" if logical is LogicalType.INTEGER else "a"
    return f"{name}: {shown!r} is not {article} {logical.value}"


def _cast(values: pl.Series, logical: LogicalType, target: pl.DataType) -> pl.Series:
    values = calendar.named(values)
    if values.dtype == pl.Null:
        return pl.Series(values.name, [None] * len(values), dtype=target)
    if logical is LogicalType.STRING:
        return _to_string(values)
    if logical in (LogicalType.INTEGER, LogicalType.NUMBER):
        return _to_number(values, target)
    if logical is LogicalType.BOOLEAN:
        return _to_boolean(values)
    return _to_time(values, logical, target)


def _nothing(values: pl.Series, target: pl.DataType) -> pl.Series:
    return pl.Series(values.name, [None] * len(values), dtype=target)


def _to_string(values: pl.Series) -> pl.Series:
    if values.dtype.is_nested():
        return _nothing(values, pl.String())
    return values.cast(pl.String, strict=False)


def _to_number(values: pl.Series, target: pl.DataType) -> pl.Series:
    if not (values.dtype.is_numeric() or values.dtype == pl.String):
        return _nothing(values, target)
    cast = values.cast(target, strict=False)
    if values.dtype in {pl.String(), pl.Float32()}:
        return cast
    same = cast.cast(values.dtype, strict=False) == values
    if values.dtype.is_integer() and target == pl.Float64():
        same &= values.abs() <= _EXACT_FLOAT
    return cast.set(~same.fill_null(value=False), None)


def _to_boolean(values: pl.Series) -> pl.Series:
    if values.dtype == pl.String:
        words = {"true": True, "false": False}
        return values.replace_strict(words, default=None, return_dtype=pl.Boolean)
    if values.dtype.is_integer():
        return values.replace_strict({0: False, 1: True}, default=None, return_dtype=pl.Boolean)
    return _nothing(values, pl.Boolean())


def _to_time(values: pl.Series, logical: LogicalType, target: pl.DataType) -> pl.Series:
    dtype = values.dtype
    if logical is LogicalType.DATE:
        return _to_date(values)
    if dtype == pl.String:
        return values.str.strptime(pl.Datetime("us", "UTC"), "%+", strict=False)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return values.dt.convert_time_zone("UTC").cast(target)
    if isinstance(dtype, pl.Datetime):
        # Polars reads Avro's timestamp-millis and timestamp-micros, which are UTC by
        # definition, without a zone; local timestamps do not come this way.
        return values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return _nothing(values, target)


def _to_date(values: pl.Series) -> pl.Series:
    if values.dtype == pl.String:
        return values.str.to_date("%Y-%m-%d", strict=False)
    if isinstance(values.dtype, pl.Datetime):
        cast = values.cast(pl.Date)
        return cast.set((cast.cast(values.dtype) != values).fill_null(value=False), None)
    return _nothing(values, pl.Date())


def _within(values: pl.Series, logical: LogicalType) -> pl.Series:
    """Take out what no reader of the tables could represent."""
    if logical is LogicalType.NUMBER:
        return _unless(values, ~values.is_finite())
    if logical is LogicalType.TIMESTAMP:
        return _unless(values, (values < _FIRST) | (values > _LAST))
    if logical is LogicalType.DATE:
        return _unless(values, (values < date(1, 1, 1)) | (values > date(9999, 12, 31)))
    return values


def _unless(values: pl.Series, wrong: pl.Series) -> pl.Series:
    return values.set(wrong.fill_null(value=False), None) if wrong.any() else values
