"""Envelopes to bytes: Confluent frame and Avro body, one by one or a column at a time.

The column encoder exists because record-by-record encoding of nested unions costs five to ten
times as much (docs/adr/0104-avro-by-columns.md); a property test holds both equal.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import fastavro
import numpy as np

from platform_assets.contracts.avro import value_schema
from platform_assets.contracts.model import Contract, LogicalType

FRAME = struct.Struct(">bI")
"""Magic byte 0 and the schema's id."""

_NULL = b"\x00"
_SOME = b"\x02"
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def varint(value: int) -> bytes:
    """A number in Avro's zigzag variable-length coding."""
    rest = (value << 1) ^ (value >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append((rest & 0x7F) | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


@dataclass
class Columns:
    """Envelopes of one topic, a list a field, all of one length.

    Attributes:
        event_ids: None where the id is missing.
        ops: c, u, d or r.
        occurred_at: microseconds, None where missing.
        ingested_at: microseconds.
        after: payload columns; values as Python numbers, strings, None.
        before: payload columns of the entity before, or None for an append topic.
        has_after, has_before: which rows carry the image; None: all do (for ``before`` only
            where ``before`` is given).
    """

    event_ids: list[str | None]
    ops: list[str]
    occurred_at: list[int | None]
    ingested_at: list[int]
    after: dict[str, list[Any]]
    before: dict[str, list[Any]] | None = None
    has_after: list[bool] | None = None
    has_before: list[bool] | None = None

    def __len__(self) -> int:
        return len(self.event_ids)


class Encoder:
    """Encodes envelopes of one contract under one schema id.

    Attributes:
        schema_id: of the registry.
    """

    def __init__(self, contract: Contract, schema_id: int, source: str) -> None:
        self.schema_id = schema_id
        self._schema = fastavro.parse_schema(value_schema(contract))
        self._frame = FRAME.pack(0, schema_id)
        self._constant = string(source) + string(contract.topic.entity)
        self._columns = contract.payload_columns

    def encode(self, envelope: Mapping[str, Any]) -> bytes:
        """One envelope (see :meth:`Envelope.as_dict`) to a framed value."""
        buffer = io.BytesIO()
        buffer.write(self._frame)
        fastavro.schemaless_writer(buffer, self._schema, dict(envelope))
        return buffer.getvalue()

    def encode_columns(self, columns: Columns) -> list[bytes]:
        """Many envelopes to framed values; equal to :meth:`encode` of each."""
        count = len(columns)
        pieces: list[Sequence[bytes]] = [
            [self._frame] * count,
            _strings(columns.event_ids),
            [self._constant] * count,
            _required_strings(columns.ops),
            _longs(columns.occurred_at),
            [piece[1:] for piece in _longs(columns.ingested_at)],
            self._image(columns.before, columns.has_before, count),
            self._image(columns.after, columns.has_after, count),
        ]
        return [b"".join(parts) for parts in zip(*pieces, strict=True)]

    def _image(
        self, image: dict[str, list[Any]] | None, present: list[bool] | None, count: int
    ) -> Sequence[bytes]:
        if image is None:
            return [_NULL] * count
        fields = [_ENCODERS[column.type](image[column.name]) for column in self._columns]
        rows = [_SOME + b"".join(parts) for parts in zip(*fields, strict=True)]
        if present is None:
            return rows
        return [row if there else _NULL for row, there in zip(rows, present, strict=True)]


_LENGTHS = [varint(length) for length in range(256)]


def string(value: str) -> bytes:
    """A text in Avro's coding: its length, its bytes."""
    raw = value.encode()
    return (_LENGTHS[len(raw)] if len(raw) < 256 else varint(len(raw))) + raw


def _required_strings(values: Sequence[str]) -> list[bytes]:
    known = {value: string(value) for value in set(values)}
    return [known[value] for value in values]


def _strings(values: Sequence[str | None]) -> list[bytes]:
    known: dict[str | None, bytes] = {
        value: _SOME + string(value) for value in set(values) if value is not None
    }
    known[None] = _NULL
    return [known[value] for value in values]


def _longs(values: Sequence[int | None]) -> list[bytes]:
    """Union tag and zigzag varint, all rows at once: ten rounds over a byte matrix."""
    missing = np.fromiter((value is None for value in values), bool, len(values))
    numbers = np.fromiter((value or 0 for value in values), np.int64, len(values))
    rest = ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)
    matrix = np.zeros((len(values), 11), np.uint8)
    matrix[:, 0] = _SOME[0]
    length = np.full(len(values), 2, np.int64)
    for place in range(1, 11):
        matrix[:, place] = (rest & np.uint64(0x7F)).astype(np.uint8)
        rest = rest >> np.uint64(7)
        more = rest > 0
        matrix[more, place] |= 0x80
        length += more
        if not more.any():
            break
    matrix[missing, 0] = 0
    length[missing] = 1
    data = matrix.tobytes()
    return [
        data[start : start + size]
        for start, size in zip(range(0, 11 * len(values), 11), length.tolist(), strict=True)
    ]


def _doubles(values: Sequence[float | None]) -> list[bytes]:
    packed = np.zeros(len(values), np.dtype([("tag", "u1"), ("value", "<f8")]))
    packed["tag"] = _SOME[0]
    packed["value"] = np.fromiter(
        (0.0 if value is None else value for value in values), np.float64, len(values)
    )
    data = packed.tobytes()
    return [
        _NULL if value is None else data[9 * row : 9 * row + 9] for row, value in enumerate(values)
    ]


def _booleans(values: Sequence[bool | None]) -> list[bytes]:
    return [_NULL if value is None else _SOME + bytes((value,)) for value in values]


def _dates(values: Sequence[date | int | None]) -> list[bytes]:
    return _longs(
        [
            value.toordinal() - _EPOCH_ORDINAL if isinstance(value, date) else value
            for value in values
        ]
    )


_ENCODERS: dict[LogicalType, Callable[[Any], list[bytes]]] = {
    LogicalType.STRING: _strings,
    LogicalType.INTEGER: _longs,
    LogicalType.NUMBER: _doubles,
    LogicalType.BOOLEAN: _booleans,
    LogicalType.DATE: _dates,
    LogicalType.TIMESTAMP: _longs,
}
