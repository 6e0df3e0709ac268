"""Whole columns to framed Avro values, by NumPy and Arrow; equal to :class:`.avro_codec.Encoder`.

Each field becomes an array of byte strings, one a row; Arrow joins them row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from platform_assets.connectors.avro_codec import FRAME, string
from platform_assets.contracts.model import Contract, LogicalType

_BINARY = pa.large_binary()
_NOTHING = pa.scalar(b"", _BINARY)
_NULL = pa.scalar(b"\x00", _BINARY)
_SOME = b"\x02"

Pieces = list[Any]
"""Arrays of bytes without nulls, of one length, and constants."""
Flags = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Series:
    """Envelopes of one topic, a series a field, all of one length.

    Attributes:
        event_ids: text.
        ops: text; c, u, d or r.
        occurred_at: 64-bit microseconds, null where missing.
        ingested_at: microseconds, of all.
        after, before: payload columns; dates and moments as 64-bit numbers.
        has_after, has_before: which rows carry the image; None: all do.
    """

    event_ids: pl.Series
    ops: pl.Series
    occurred_at: pl.Series
    ingested_at: int
    after: Mapping[str, pl.Series]
    before: Mapping[str, pl.Series] | None = None
    has_after: pl.Series | None = None
    has_before: pl.Series | None = None

    def filter(self, rows: pl.Series) -> Series:
        """Only some rows."""
        before, has_after, has_before = self.before, self.has_after, self.has_before
        return Series(
            self.event_ids.filter(rows),
            self.ops.filter(rows),
            self.occurred_at.filter(rows),
            self.ingested_at,
            {name: values.filter(rows) for name, values in self.after.items()},
            None if before is None else {n: v.filter(rows) for n, v in before.items()},
            None if has_after is None else has_after.filter(rows),
            None if has_before is None else has_before.filter(rows),
        )


class SeriesEncoder:
    """Encodes envelopes of one contract under one schema id."""

    def __init__(self, contract: Contract, schema_id: int, source: str) -> None:
        self._columns = contract.payload_columns
        self._frame = pa.scalar(FRAME.pack(0, schema_id), _BINARY)
        self._constant = pa.scalar(string(source) + string(contract.topic.entity), _BINARY)

    def encode(self, rows: Series) -> list[bytes]:
        """Framed values, in order."""
        found: list[bytes] = self.array(rows).to_pylist()
        return found

    def array(self, rows: Series) -> pa.LargeBinaryArray:
        """Framed values, in order, as a column."""
        return _joined([self._frame, *self._body(rows, rows.ingested_at)], len(rows.event_ids))

    def said(self, rows: Series) -> list[bytes]:
        """What each record says: its value but for the moment of ingestion."""
        found: list[bytes] = _joined(self._body(rows, 0), len(rows.event_ids)).to_pylist()
        return found

    def _body(self, rows: Series, ingested_at: int) -> Pieces:
        moment = _varints(pa.array([ingested_at]))[0].as_py()[1:]
        return [
            *_strings(rows.event_ids),
            self._constant,
            *_required(rows.ops),
            _longs(rows.occurred_at),
            pa.scalar(moment, _BINARY),
            *self._image(rows.before, rows.has_before),
            *self._image(rows.after, rows.has_after),
        ]

    def _image(self, image: Mapping[str, pl.Series] | None, present: pl.Series | None) -> Pieces:
        if image is None:
            return [_NULL]
        pieces: Pieces = [pa.scalar(_SOME, _BINARY)]
        for column in self._columns:
            pieces += _ENCODERS[column.type](image[column.name])
        if present is None or bool(present.all()):
            return pieces
        count = len(present)
        whole = pc.binary_join_element_wise(*_as_arrays(pieces, count), _NOTHING)
        return [pc.if_else(pa.array(present), whole, _NULL)]


def _joined(pieces: Pieces, count: int) -> pa.LargeBinaryArray:
    if not count:
        return pa.array([], _BINARY)
    return pc.binary_join_element_wise(*_as_arrays(pieces, count), _NOTHING)


def _as_arrays(pieces: Pieces, count: int) -> Pieces:
    """At least one array, so that constants have a length."""
    if any(isinstance(piece, pa.Array) for piece in pieces):
        return pieces
    return [pa.repeat(pieces[0], count), *pieces[1:]]


def _required(values: pl.Series) -> Pieces:
    texts = values.to_arrow()
    known = pc.unique(texts).to_pylist()
    coded = {value: string(value) for value in known}
    if len(known) == 1:
        return [pa.scalar(coded[known[0]], _BINARY)]
    return [pa.array([coded[value] for value in texts.to_pylist()], _BINARY)]


def _strings(values: pl.Series) -> Pieces:
    if values.dtype != pl.String:
        values = values.cast(pl.String)
    texts = values.to_arrow().cast(pa.large_string()).cast(_BINARY)
    return [_varints(pc.binary_length(texts)), _filled(texts, b"")]


def _longs(values: pl.Series) -> pa.LargeBinaryArray:
    return _varints(values.cast(pl.Int64).to_arrow())


# Arrow and NumPy here: a Polars query a step would cost more than the step on a page of few rows.


def _filled(values: pa.Array, value: Any) -> pa.Array:
    return pc.fill_null(values, value) if values.null_count else values


def _missing(values: pa.Array) -> Flags:
    found: Flags = values.is_null().to_numpy(zero_copy_only=False)
    return found


def _varints(values: pa.Array) -> pa.LargeBinaryArray:
    """Union tag and zigzag varint: ten rounds over a byte matrix."""
    missing = _missing(values)
    numbers = _filled(values, 0).to_numpy(zero_copy_only=False)
    rest = ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)
    matrix = np.zeros((len(values), 11), np.uint8)
    matrix[:, 0] = _SOME[0]
    sizes = np.full(len(values), 2, np.int64)
    width = 2
    for place in range(1, 11):
        matrix[:, place] = (rest & np.uint64(0x7F)).astype(np.uint8)
        rest >>= np.uint64(7)
        more = rest > 0
        if not more.any():
            break
        matrix[more, place] |= 0x80
        sizes += more
        width += 1
    matrix[missing, 0] = 0
    sizes[missing] = 1
    return _ragged(matrix[:, :width], sizes)


def _doubles(values: pl.Series) -> Pieces:
    floats = values.cast(pl.Float64).to_arrow()
    missing = _missing(floats)
    packed = np.zeros(len(values), np.dtype([("tag", "u1"), ("value", "<f8")]))
    packed["tag"] = np.where(missing, 0, _SOME[0])
    packed["value"] = _filled(floats, 0.0).to_numpy(zero_copy_only=False)
    matrix = packed.view(np.uint8).reshape(len(values), 9)
    return [_ragged(matrix, np.where(missing, 1, 9))]


def _booleans(values: pl.Series) -> Pieces:
    bits = values.cast(pl.UInt8).to_arrow()
    missing = _missing(bits)
    matrix = np.zeros((len(values), 2), np.uint8)
    matrix[:, 0] = np.where(missing, 0, _SOME[0])
    matrix[:, 1] = _filled(bits, 0).to_numpy(zero_copy_only=False)
    return [_ragged(matrix, np.where(missing, 1, 2))]


def _ragged(matrix: np.ndarray[Any, Any], sizes: np.ndarray[Any, Any]) -> pa.LargeBinaryArray:
    """The first so many bytes of each row."""
    count, width = matrix.shape
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    if offsets[-1] == count * width:
        data = np.ascontiguousarray(matrix).tobytes()
    else:
        data = matrix[np.arange(width) < sizes[:, None]].tobytes()
    return pa.LargeBinaryArray.from_buffers(
        _BINARY, count, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data)]
    )


_ENCODERS: dict[LogicalType, Callable[[pl.Series], Pieces]] = {
    LogicalType.STRING: _strings,
    LogicalType.INTEGER: lambda values: [_longs(values)],
    LogicalType.NUMBER: _doubles,
    LogicalType.BOOLEAN: _booleans,
    LogicalType.DATE: lambda values: [_longs(values)],
    LogicalType.TIMESTAMP: lambda values: [_longs(values)],
}
