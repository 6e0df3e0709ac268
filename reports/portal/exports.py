"""Rows as files: CSV and Parquet, written as they are read."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reports.portal.rows import Row, Stream

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text that begins so for a formula."""
_PLAIN: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "varbinary": pa.binary(),
}
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")
_TIMESTAMP = re.compile(r"timestamp(?:\((\d+)\))?( with time zone)?")


def csv_lines(stream: Stream) -> Iterator[bytes]:
    """RFC 4180 with a header, UTF-8; texts that a spreadsheet would run begin with an apostrophe.

    A null and an empty text are both an empty field; Parquet tells them apart.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_csv_text(name) for name in stream.columns])
    yield _taken(text)
    for chunk in stream.chunks:
        writer.writerows([_csv_cell(value) for value in row] for row in chunk)
        yield _taken(text)


def parquet_bytes(stream: Stream) -> Iterator[bytes]:
    """A Parquet file with a row group a chunk; types that Parquet has no match for are texts."""
    fields = [
        (name, arrow_type(kind)) for name, kind in zip(stream.columns, stream.types, strict=True)
    ]
    schema = pa.schema(fields)
    sink = _Sink()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        for chunk in stream.chunks:
            writer.write_table(_table(chunk, schema))
            yield sink.taken()
    yield sink.taken()


def arrow_type(kind: str) -> pa.DataType:
    """The Arrow type of a Trino type name; text for what has no match."""
    kind = kind.lower()
    if kind in _PLAIN:
        return _PLAIN[kind]
    if match := _DECIMAL.fullmatch(kind):
        return pa.decimal128(int(match[1]), int(match[2]))
    if match := _TIMESTAMP.fullmatch(kind):
        return pa.timestamp("us", tz="UTC" if match[2] else None)
    return pa.string()


def _table(chunk: Sequence[Row], schema: pa.Schema) -> pa.Table:
    arrays = []
    for index, field in enumerate(schema):
        values = [row[index] for row in chunk]
        if pa.types.is_string(field.type):
            values = [value if value is None else _text(value) for value in values]
        arrays.append(pa.array(values, type=field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | float | Decimal):
        return value
    return _csv_text(_text(value))


def _text(value: Any) -> str:
    # Arrays, maps and rows are JSON, which other tools read again.
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def _csv_text(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _taken(text: io.StringIO) -> bytes:
    content = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return content


class _Sink(io.RawIOBase):
    """Takes what Parquet writes and hands it on; keeps only what was not yet taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def tell(self) -> int:
        return self._written

    def taken(self) -> bytes:
        content = b"".join(self._parts)
        self._parts.clear()
        return content
