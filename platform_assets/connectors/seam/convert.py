"""A column of foreign values as a contract's type: fast where the spelling is plain.

What is plain is converted by Polars, all rows at once. Every other value is given to
:func:`..mapping.convert`, one by one, so that both ways agree by construction; a property test
compares them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import polars as pl

from platform_assets.connectors.mapping import UnmappableError, convert
from platform_assets.contracts.model import Column, LogicalType

_EXACT = 2**53
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}"
_PLAIN: Final = {
    LogicalType.INTEGER: r"^[+-]?[0-9]{1,18}$",
    # Fifteen digits are exact in a 64-bit float, whichever of them are decimals.
    LogicalType.NUMBER: r"^[+-]?[0-9]{1,9}(?:\.[0-9]{1,6})?$",
    LogicalType.DATE: r"^[0-9]{4}-[0-9]{2}-[0-9]{2}Z?$",
    LogicalType.TIMESTAMP: rf"^{_TIME}(?:\.[0-9]{{1,6}})?Z?$",
}

_TYPES: Final = {
    LogicalType.STRING: pl.String,
    LogicalType.INTEGER: pl.Int64,
    LogicalType.NUMBER: pl.Float64,
    LogicalType.BOOLEAN: pl.Boolean,
    LogicalType.DATE: pl.Int64,
    LogicalType.TIMESTAMP: pl.Int64,
}

Converted = tuple[pl.Series, dict[int, str]]
"""Values as :class:`~..avro_arrow.Series` takes them (dates and moments as numbers), and what is
wrong with the rows whose value is no such thing, by row."""


def convert_columns(given: Sequence[tuple[pl.Series, Column]]) -> list[Converted]:
    """Convert the columns of a page.

    Args:
        given: values of any type, all as many as the page has rows, and the contract's column that
            they are for.

    Returns:
        Of each as many values (None for empty text, null, and what is wrong), and the errors by
        row.
    """
    columns = [_scalars(values) for values, _ in given]
    kinds = [column.type for _, column in given]
    frame = pl.DataFrame([values.alias(str(place)) for place, values in enumerate(columns)])
    # One query for all of them: on a page of a few rows it is queries that cost.
    plain = frame.select(
        _fast(pl.col(str(place)), values.dtype, kind).alias(str(place))
        for place, (values, kind) in enumerate(zip(columns, kinds, strict=True))
    )
    return [
        _with_the_rest(fast, values, column)
        for fast, values, (_, column) in zip(plain, columns, given, strict=True)
    ]


def _scalars(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Categorical or isinstance(values.dtype, pl.Enum):
        return values.cast(pl.String)
    if isinstance(values.dtype, (pl.Struct, pl.List, pl.Array)):
        return _as_json(values)
    return values


def _fast(values: pl.Expr, dtype: pl.DataType, kind: LogicalType) -> pl.Expr:
    plain = _of_text(values, kind) if dtype == pl.String else _of_typed(values, dtype, kind)
    return plain.cast(_TYPES[kind])


def _with_the_rest(fast: pl.Series, values: pl.Series, column: Column) -> Converted:
    """What is not plain, one by one."""
    if fast.null_count() == values.null_count():
        return fast, {}
    left = fast.is_null() & values.is_not_null()
    if values.dtype == pl.String:
        # Empty text is null; most of what is left is that.
        left &= values != ""
    found: dict[int, Any] = {}
    errors: dict[int, str] = {}
    for row in left.arg_true().to_list():
        try:
            found[row] = convert(column, _plain(values[row]))
        except UnmappableError as error:
            errors[row] = str(error)
    if found:
        rest = pl.Series(list(found.values()), dtype=_TYPES[column.type])
        fast = fast.scatter(list(found), rest)
    return fast, errors


def as_text(value: Any) -> str:
    """A value that JSON lacks, as text: ``default=`` of :func:`json.dumps`."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def json_value(value: Any) -> Any:
    """A value as it comes back from JSON."""
    return json.loads(json.dumps(value, default=as_text))


def _as_json(values: pl.Series) -> pl.Series:
    """Nested values as JSON text."""
    wrapped = pl.select(pl.struct(values.alias("value")).alias("whole"))["whole"]
    text = wrapped.struct.json_encode()
    # Unwrapped: {"value":...}
    inner = text.str.slice(9).str.head(-1)
    return pl.select(pl.when(values.is_not_null()).then(inner))[inner.name]


def _of_text(values: pl.Expr, kind: LogicalType) -> pl.Expr:
    """Plain spellings converted, all else null."""
    if kind is LogicalType.STRING:
        stripped = values.str.strip_chars(" \t\r\n")
        # Python strips further blanks, and refuses NUL: those are for the careful way.
        plain = ~stripped.str.contains(r"\x00|^\s|\s$|^[\x1c-\x1f]|[\x1c-\x1f]$") & (stripped != "")
        return _where(plain, stripped)
    if kind is LogicalType.BOOLEAN:
        lowered = values.str.to_lowercase()
        known = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
        return lowered.replace_strict(known, default=None, return_dtype=pl.Boolean)
    # There is no year 0 in Python's calendar.
    plain = _where(values.str.contains(_PLAIN[kind]) & ~values.str.starts_with("0000-"), values)
    if kind is LogicalType.INTEGER:
        return plain.cast(pl.Int64, strict=False)
    if kind is LogicalType.NUMBER:
        return plain.cast(pl.Float64, strict=False)
    if kind is LogicalType.DATE:
        days = plain.str.strip_suffix("Z").str.to_date("%Y-%m-%d", strict=False)
        return days.cast(pl.Int32).cast(pl.Int64)
    moments = plain.str.strip_chars_end("Z").str.replace("T", " ", literal=True)
    found = moments.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    # A leap second is no moment of Python's.
    return _where(~moments.str.contains(":60"), found).cast(pl.Int64)


def _of_typed(  # noqa: PLR0911
    values: pl.Expr, dtype: pl.DataType, kind: LogicalType
) -> pl.Expr:
    if kind is LogicalType.INTEGER and dtype.is_integer():
        return values.cast(pl.Int64, strict=False)
    if kind is LogicalType.NUMBER and (dtype.is_integer() or dtype.is_decimal()):
        safe = values.cast(pl.Float64, strict=False)
        return _where(safe.abs() < _EXACT, safe)
    if kind is LogicalType.NUMBER and dtype.is_float():
        return _where(values.is_finite(), values.cast(pl.Float64))
    if kind is LogicalType.BOOLEAN and dtype == pl.Boolean:
        return values
    if kind is LogicalType.DATE and dtype == pl.Date:
        return values.cast(pl.Int32).cast(pl.Int64)
    if kind is LogicalType.TIMESTAMP and isinstance(dtype, pl.Datetime):
        return values.dt.cast_time_unit("us").cast(pl.Int64)
    if kind is LogicalType.TIMESTAMP and dtype == pl.Date:
        return values.cast(pl.Datetime("us")).cast(pl.Int64)
    if kind is LogicalType.STRING and dtype.is_integer():
        return values.cast(pl.String)
    # Of the column, so that it is as long.
    return pl.when(values.is_null() & values.is_not_null()).then(pl.lit(None, dtype=pl.Int64))


def _where(mask: pl.Expr, values: pl.Expr) -> pl.Expr:
    return pl.when(mask).then(values)


def _plain(value: Any) -> Any:
    """A typed value as the careful way takes it: numbers and text."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise UnmappableError(f"{value[:40]!r} is not UTF-8") from None
    if isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
