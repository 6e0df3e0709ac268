"""Avro bodies in bulk: one exact walk over every body, then one columnar decode.

Bodies joined under one container header are a valid Avro container, which Polars decodes
natively. But a body that is a byte too long or too short would shift every later record of
its block and might decode to silent garbage. So each body is first walked, vectorised over
all rows: field by field, never past its own end, and it must end exactly where its bytes
end. Only bodies that pass are joined.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from typing import Any

import fastavro
import fastavro.schema
import numpy as np
import polars as pl

_SYNC = b"weir-block-sync!"
_ADDRESS = re.compile(r"<[^<>]* at 0x[0-9a-f]+>")
_CONTINUE = np.uint64(0x8080808080808080)
_ONE = np.uint64(1)
_WIDE = 8
_PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "string", "bytes"}
_FIXED_WIDTH = {"float": 4, "double": 8}
_BULK_LOGICAL = {None, "timestamp-micros", "timestamp-millis", "date"}


class UnreadableSchemaError(ValueError):
    """A registered writer schema is not valid Avro."""


@dataclass(frozen=True)
class WriterSchema:
    """A writer's schema, without named references; ``bulk`` where the fast way knows it.

    ``text`` is the schema as it was registered.
    """

    id: int
    schema: Any
    parsed: Any
    bulk: bool
    text: str = ""

    @classmethod
    def parse(cls, schema_id: int, text: str) -> WriterSchema:
        """Parse the registry's JSON.

        Raises:
            UnreadableSchemaError: it is not Avro.
        """
        try:
            parsed = fastavro.parse_schema(json.loads(text))
            expanded = json.loads(
                json.dumps(fastavro.schema.expand_schema(json.loads(text)), default=str)
            )
        except Exception as error:
            raise UnreadableSchemaError(f"schema {schema_id} is not valid Avro: {error}") from error
        clean = _strip(expanded)
        return cls(schema_id, clean, parsed, _bulk(clean), text)


def _strip(node: Any) -> Any:
    """Drop fastavro's own markers."""
    if isinstance(node, dict):
        return {key: _strip(value) for key, value in node.items() if not key.startswith("__")}
    if isinstance(node, list):
        return [_strip(value) for value in node]
    return node


def _kind(node: Any) -> str:
    if isinstance(node, dict):
        return str(node["type"]) if isinstance(node["type"], str) else _kind(node["type"])
    return "union" if isinstance(node, list) else str(node)


def _bulk(node: Any) -> bool:
    """Whether walk and Polars both know the schema: records of nullable primitives."""
    kind = _kind(node)
    if kind == "record":
        return all(_bulk(field["type"]) for field in node["fields"])
    if kind == "union":
        others = [branch for branch in node if _kind(branch) != "null"]
        return len(node) == 2 and len(others) == 1 and _bulk(others[0])
    if isinstance(node, dict) and not isinstance(node["type"], str):
        return False
    logical = node.get("logicalType") if isinstance(node, dict) else None
    return kind in _PRIMITIVES - {"null"} and logical in _BULK_LOGICAL


class _Walk:
    """Positions of a cursor in every row at once."""

    def __init__(self, data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> None:
        padded = np.zeros(len(data) + 2 * _WIDE, dtype=np.uint8)
        padded[: len(data)] = data
        self._wide = np.ndarray(
            shape=(len(data) + _WIDE,), dtype="<u8", buffer=padded.data, strides=(1,)
        )
        self._bytes = padded
        self._ends = ends
        self._starts = starts
        self.bad = np.zeros(len(starts), dtype=bool)

    def run(self, schema: Any) -> np.ndarray:
        """Which rows do not hold exactly one value of the schema."""
        rows = np.arange(len(self._starts))
        position = self._value(schema, rows, self._starts.copy())
        self.bad |= position != self._ends
        return self.bad

    def _settle(self, rows: np.ndarray, position: np.ndarray, wrong: np.ndarray) -> np.ndarray:
        """Mark wrong rows and those past their end, and keep their cursor inside the buffer."""
        wrong = wrong | (position > self._ends[rows])
        if wrong.any():
            self.bad[rows[wrong]] = True
            position = np.where(wrong, self._ends[rows], position)
        return position

    def _varint(
        self, rows: np.ndarray, position: np.ndarray, *, value_matters: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Read zigzag integers: values, positions after them, and rows without a valid one."""
        word = self._wide[position]
        stops = ~word & _CONTINUE
        lowest = stops & (~stops + _ONE)
        length = ((np.bitwise_count(lowest - _ONE) + 1) >> 3).astype(np.int64)
        long = stops == 0
        value = word & np.uint64(0x7F)
        wrong = np.zeros(len(rows), dtype=bool)
        several = np.nonzero((length > 1) | long)[0] if value_matters else np.zeros(0, np.int64)
        if len(several):
            part, count = word[several], length[several]
            total = value[several]
            for place in range(1, _WIDE):
                bits = (part >> np.uint64(8 * place)) & np.uint64(0x7F)
                total |= np.where((count > place) | long[several], bits, 0) << np.uint64(7 * place)
            value[several] = total
        for row in np.nonzero(long)[0]:  # nine and ten bytes: rare, and exactly once each
            at = int(position[row])
            tail = self._bytes[at + _WIDE : at + _WIDE + 2]
            value[row] |= np.uint64(int(tail[0] & 0x7F) << 56)
            length[row] = 9
            if tail[0] & 0x80:
                length[row] = 10
                wrong[row] = tail[1] > 1
                value[row] |= np.uint64(int(tail[1] & 1) << 63)
        signed = (value >> _ONE).astype(np.int64) ^ -(value & _ONE).astype(np.int64)
        return signed, position + length, wrong

    def _value(self, node: Any, rows: np.ndarray, position: np.ndarray) -> np.ndarray:
        kind = _kind(node)
        if kind == "record":
            for field in node["fields"]:
                position = self._value(field["type"], rows, position)
            return position
        if kind == "union":
            return self._union(node, rows, position)
        if kind in _FIXED_WIDTH:
            after = position + _FIXED_WIDTH[kind]
            return self._settle(rows, after, np.zeros(len(rows), dtype=bool))
        if kind == "boolean":
            return self._settle(rows, position + 1, self._bytes[position] > 1)
        value, after, wrong = self._varint(rows, position, value_matters=kind != "long")
        if kind == "int":
            wrong |= (value < -(2**31)) | (value >= 2**31)
        elif kind in {"string", "bytes"}:
            room = self._ends[rows] - after
            wrong |= (value < 0) | (value > room)
            after = after + np.where(wrong, 0, value)
        return self._settle(rows, after, wrong)

    def _union(self, node: Any, rows: np.ndarray, position: np.ndarray) -> np.ndarray:
        null = 0 if _kind(node[0]) == "null" else 1
        tag = self._bytes[position]  # zigzag 0 or 1 is the byte 0 or 2
        position = self._settle(rows, position + 1, (tag != 0) & (tag != 2))
        there = np.nonzero((tag >> 1) != null)[0]
        if len(there) == len(rows):
            return self._value(node[1 - null], rows, position)
        if len(there):
            position[there] = self._value(node[1 - null], rows[there], position[there])
        return position


def _zigzag(number: int) -> bytes:
    number <<= 1
    out = bytearray()
    while number > 0x7F:
        out.append((number & 0x7F) | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _header(schema: Any) -> bytes:
    text = json.dumps(schema).encode()
    return b"".join(
        [
            b"Obj\x01", _zigzag(2),
            _zigzag(11), b"avro.schema", _zigzag(len(text)), text,
            _zigzag(10), b"avro.codec", _zigzag(4), b"null",
            _zigzag(0), _SYNC,
        ]
    )  # fmt: skip


@dataclass(frozen=True)
class Bodies:
    """Bodies joined in one buffer: body ``i`` lies from ``offsets[i]`` to ``offsets[i + 1]``."""

    data: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, values: pl.Series) -> Bodies:
        """Join a binary series without nulls."""
        array = values.rechunk().to_arrow()
        _, offsets, data = array.buffers()
        marks = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
        raw = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, np.uint8)
        return cls(raw[marks[0] : marks[-1]], marks - marks[0])

    def __getitem__(self, index: int) -> bytes:
        return bytes(self.data[self.offsets[index] : self.offsets[index + 1]])


def damaged(writer: WriterSchema, bodies: Bodies) -> np.ndarray:
    """Which bodies do not hold exactly one value of the schema (bulk schemas only)."""
    if not len(bodies.offsets) - 1:
        return np.zeros(0, dtype=bool)
    return _Walk(bodies.data, bodies.offsets[:-1], bodies.offsets[1:]).run(writer.schema)


def decode_bulk(writer: WriterSchema, values: pl.Series) -> tuple[pl.DataFrame, pl.Series]:
    """Decode bodies that :func:`damaged` passed.

    Returns:
        The decoded rows, and a mask of the values that they come from: a body that the
        walk could not fault, yet does not decode (bytes that are no UTF-8), is left out.
    """
    bodies = Bodies.of(values)
    header = _header(writer.schema)
    kept = np.ones(len(values), dtype=bool)
    frames: list[pl.DataFrame] = []

    def part(low: int, high: int) -> None:
        start, end = int(bodies.offsets[low]), int(bodies.offsets[high])
        joined = bodies.data[start:end].data
        block: list[Any] = [_zigzag(high - low), _zigzag(end - start), joined, _SYNC]
        try:
            frame = pl.read_avro(io.BytesIO(b"".join([header, *block])))
            if len(frame) != high - low:
                raise ValueError("row count")  # noqa: TRY301 - same remedy as a decode error
            frames.append(frame)
        except Exception:  # noqa: BLE001 - Polars raises several kinds; all mean: look closer
            if high - low == 1:
                kept[low] = False
                return
            middle = (low + high) // 2
            part(low, middle)
            part(middle, high)

    if len(values):
        part(0, len(values))
    frame = pl.concat(frames, how="vertical_relaxed") if frames else pl.DataFrame()
    return frame, pl.Series(kept)


def decode_one(writer: WriterSchema, body: bytes) -> dict[str, Any]:
    """Decode one body.

    Raises:
        ValueError: it does not hold exactly one value of the schema; says how.
    """
    stream = io.BytesIO(body)
    try:
        record = fastavro.schemaless_reader(stream, writer.parsed, None)
    except Exception as error:
        # An address in memory would make the same record's error differ from run to run.
        cause = _ADDRESS.sub("the body", str(error)) or type(error).__name__
        raise ValueError(f"does not fit schema {writer.id}: {cause}") from error
    if rest := len(body) - stream.tell():
        raise ValueError(f"does not fit schema {writer.id}: {rest} bytes too many")
    if not isinstance(record, dict):
        raise ValueError(f"does not fit schema {writer.id}: not a record")  # noqa: TRY004
    return record
