"""JSON: a document with an array of rows, or a row a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa

from platform_assets.connectors.kinds.files.chunk import Chunk, FileRefusedError, Spot, counted
from platform_assets.connectors.kinds.files.options import FileStream
from platform_assets.connectors.kinds.files.packed import Content
from platform_assets.connectors.kinds.files.text import Text, text_of, whole_lines
from platform_assets.connectors.messages.rows import table_of
from platform_assets.connectors.seam.reader import Refused

_LARGEST = 1024**3
_LONG_NUMBER = re.compile(rb"[0-9.]{16}")
"""Digits that a 64-bit float may not hold: a column of whole and broken numbers would round."""


def read_jsonl(content: Content, options: FileStream, spot: Spot) -> Iterator[Chunk]:  # noqa: ARG001
    """See :class:`~.chunk.Format`; a line that is no object is refused alone."""
    text = text_of(content.head(), "auto", content.name)
    if text.encoding != "utf-8":
        raise FileRefusedError(f"{content.name}: this is {text.encoding}, JSON lines are UTF-8")
    if spot == Spot():
        spot = Spot(text.begin)
    with content.open(spot.at) as stream:
        for raw, _ in whole_lines(stream, Text("utf-8", 0), content.name):
            chunk = _lines(bytes(raw), spot, content.name)
            del raw[:]
            spot = chunk.after
            yield chunk


def read_json(content: Content, options: FileStream, spot: Spot) -> Iterator[Chunk]:
    """See :class:`~.chunk.Format`; the whole document is in memory."""
    with content.open() as stream:
        raw = stream.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise FileRefusedError(
            f"{content.name}: a document of more than {_LARGEST:,} bytes", "bring JSON lines"
        )
    try:
        found = json.loads(raw.decode(text_of(raw, "auto", content.name).encoding).lstrip("\ufeff"),
                           parse_float=_exact)  # fmt: skip
    except (ValueError, RecursionError) as error:
        raise FileRefusedError(f"{content.name}: not JSON: {error}") from error
    for name in filter(None, options.document.rows.split(".")):
        if not isinstance(found, dict) or name not in found:
            raise FileRefusedError(f"{content.name}: nothing at {options.document.rows!r}")
        found = found[name]
    rows = found if isinstance(found, list) else [found]
    if wrong := next((n for n, one in enumerate(rows, 1) if not isinstance(one, dict)), 0):
        raise FileRefusedError(f"{content.name}, row {wrong}: no object")
    if rows and spot.row < len(rows):
        yield counted(table_of(rows[spot.row :]), spot, 0)


def _exact(text: str) -> float | str:
    """A number; its text where a float would round it."""
    return text if len(text) > 15 and repr(float(text)) != text else float(text)


def _lines(data: bytes, spot: Spot, name: str) -> Chunk:
    lines = data.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    filled = np.array([bool(line.strip()) for line in lines], bool)
    at = np.flatnonzero(filled)
    numbers = np.arange(spot.row + 1, spot.row + 1 + len(at), dtype=np.int64)
    after = Spot(spot.at + len(data), spot.row + len(at), spot.line + len(lines))
    where = at + spot.line + 1
    if not len(at):
        return Chunk(pa.table({}), numbers, after, (), where)
    if (fast := _fast(data, len(at))) is not None:
        return Chunk(fast, numbers, after, (), where)
    rows, good, refused = [], np.ones(len(at), bool), []
    for number, line in enumerate(at.tolist()):
        try:
            row = json.loads(lines[line], parse_float=_exact)
            if not isinstance(row, dict):
                raise TypeError("no object")  # noqa: TRY301
            rows.append(row)
        except (ValueError, TypeError, RecursionError) as error:
            good[number] = False
            place = f"{name}, line {where[number]}"
            refused.append(Refused(place, lines[line], f"not JSON: {error}"))
    return Chunk(table_of(rows), numbers[good], after, tuple(refused), where[good])


def _fast(data: bytes, wanted: int) -> pa.Table | None:
    """All lines at once by Polars; None where one needs care."""
    if _LONG_NUMBER.search(data):
        return None
    try:
        frame = pl.read_ndjson(data, infer_schema_length=None)
    except (pl.exceptions.PolarsError, ValueError):
        return None
    return frame.to_arrow() if len(frame) == wanted else None
