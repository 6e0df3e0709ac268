"""CSV in chunks: plain lines by Arrow, all at once; each odd one by the careful reader.

A line is plain when it holds a whole row by itself. What is not (a value of several lines, a
quote that is never closed, a wrong count of values, damaged text) goes record by record through
Python's ``csv``, and reading goes on at the line after: no damage costs more than its own rows.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import csv as arrow_csv

from platform_assets.connectors.csv_rows import LONGEST_RECORD, record
from platform_assets.connectors.kinds.files.chunk import Chunk, FileRefusedError, Spot
from platform_assets.connectors.kinds.files.options import CsvOptions, FileStream
from platform_assets.connectors.kinds.files.packed import Content
from platform_assets.connectors.kinds.files.text import Text, text_of, whole_lines
from platform_assets.connectors.seam.reader import Refused

_LINE_FEED = 10

Numbers = np.ndarray[Any, np.dtype[np.int64]]


def read_csv(content: Content, options: FileStream, spot: Spot) -> Iterator[Chunk]:
    """See :class:`~.chunk.Format`."""
    head = content.head(1024 * 1024)
    text = text_of(head, options.csv.encoding, content.name)
    header, begin, lines = _header(head, text, content.name, options)
    if not header:
        return
    block = Block(options.csv, header, text.encoding, content.name)
    if spot == Spot():
        spot = Spot(begin, 0, lines)
    with content.open(spot.at) as stream:
        for raw, last in whole_lines(stream, text, content.name):
            chunk = block.read(bytes(raw), spot, last=last)
            del raw[: chunk.after.at - spot.at]
            spot = chunk.after
            yield chunk


def _header(head: bytes, text: Text, name: str, options: FileStream) -> tuple[list[str], int, int]:
    """The columns, the bytes before the first row, and the lines."""
    dialect = options.csv
    start = head[text.begin :]
    decoded = codecs.getincrementaldecoder(text.encoding)("replace").decode(start)
    lines = list(io.StringIO(decoded, newline=""))
    at = dialect.skip_lines
    if not dialect.header:
        used = "".join(lines[:at])
        return list(options.columns), text.begin + len(used.encode(text.encoding)), at
    if len(lines) <= at or not "".join(lines[at:]).strip():
        if not decoded.strip():
            return [], 0, 0
        raise FileRefusedError(f"{name}: no header after {at} lines")
    values, taken, reason = _record(lines[at:], dialect, 0)
    if reason or "�" in "".join(values):
        why = reason or f"not {text.encoding}"
        raise FileRefusedError(f"{name}, line {at + 1}: wrong header: {why}")
    header = _named(values, name, at + 1)
    missing = [one for one in options.columns if one not in header]
    if missing and options.missing == "refuse":
        signs = [sign for sign in ",;\t|" if sign in header[0]] if len(header) == 1 else []
        hint = f"values are separated by {signs[0]!r}" if signs else f"it has {', '.join(header)}"
        raise FileRefusedError(
            f"{name}, line {at + 1}: wrong header: no column {', '.join(missing)}", hint
        )
    used = "".join(lines[: at + taken])
    return header, text.begin + len(used.encode(text.encoding)), at + taken


def _named(values: list[str], name: str, line: int) -> list[str]:
    """Names of all columns; those without one are numbered, and nobody reads them."""
    stripped = [value.strip() for value in values]
    twice = sorted({one for one in stripped if one and stripped.count(one) > 1})
    if twice:
        raise FileRefusedError(
            f"{name}, line {line}: wrong header: column {', '.join(twice)} is named twice",
            "which of them counts cannot be told: rename or remove one",
        )
    return [one or f"_column_{number}" for number, one in enumerate(stripped, 1)]


def _record(lines: list[str], dialect: CsvOptions, width: int) -> tuple[list[str], int, str]:
    # Without quotes no value takes in rows.
    return record(lines, 0, width if dialect.quote else 0, partial(_csv, dialect=dialect))


def _csv(lines: list[str], dialect: CsvOptions) -> Any:
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        escapechar=dialect.escape or None,
        doublequote=not dialect.escape,
        strict=True,
    )


@dataclass(frozen=True)
class _Careful:
    """A record that was read alone: where it begins, its values, or why it is none."""

    at: int
    line: int
    raw: str
    values: list[str]
    reason: str


class Block:
    """Reads blocks of whole lines."""

    def __init__(self, dialect: CsvOptions, header: list[str], encoding: str, name: str) -> None:
        self._dialect, self._header, self._encoding, self._name = dialect, header, encoding, name
        self._schema = pa.schema([(one, pa.string()) for one in header])
        sign, quote = re.escape(dialect.delimiter), re.escape(dialect.quote)
        value = rf"(?:[^{sign}{quote}]*|{quote}(?:[^{quote}]|{quote}{quote})*{quote})"
        self._plain_line = rf"^{value}(?:{sign}{value}){{{len(header) - 1}}}\r?$"

    def read(self, raw: bytes, spot: Spot, *, last: bool) -> Chunk:
        """Rows of a block; all of it but a record that goes on behind its end.

        Raises:
            FileRefusedError: it is not of the stated encoding, and no line of it can be told.
        """
        data = self._utf8(raw)
        starts, ends = _lines(data)
        odd, blank = self._odd(data, starts, ends)
        careful, taken, used = self._read_odd(data, starts, odd, last=last)
        inside = starts < used
        plain = inside & ~odd & ~blank & ~taken
        table = self._read_plain(data, starts, plain)
        where = np.concatenate((starts[plain], np.array([one.at for one in careful], np.int64)))
        lines = np.concatenate(
            (np.flatnonzero(plain), np.array([one.line for one in careful], np.int64))
        )
        numbers = np.empty(len(where), np.int64)
        numbers[np.argsort(where, kind="stable")] = np.arange(len(where))
        lines, numbers = lines + spot.line + 1, numbers + spot.row + 1
        good = np.ones(len(where), bool)
        refused = []
        for number, one in enumerate(careful, table.num_rows):
            if one.reason:
                good[number] = False
                place = f"{self._name}, line {lines[number]}"
                told = one.raw.encode("utf-8", "surrogateescape")
                refused.append(Refused(place, told, one.reason))
        if careful:
            values = [one.values for one in careful if not one.reason]
            columns = [[row[at] for row in values] for at in range(len(self._header))]
            more = pa.table([pa.array(c, pa.string()) for c in columns], schema=self._schema)
            order = np.argsort(numbers[good], kind="stable")
            table = pa.concat_tables([table, more]).take(pa.array(order))
            numbers, lines = numbers[good][order], lines[good][order]
        size = len(raw)
        if used < len(data):
            size = len(self._encoded(data[:used]))
        after = Spot(spot.at + size, spot.row + len(where), spot.line + int(inside.sum()))
        return Chunk(table, numbers, after, tuple(refused), lines)

    def _utf8(self, raw: bytes) -> bytes:
        """The text in UTF-8; a byte that is no text stays as it is."""
        if self._encoding == "utf-8":
            return raw
        try:
            text = raw.decode(self._encoding, "surrogateescape")
            return text.encode("utf-8", "surrogateescape")
        except (UnicodeDecodeError, UnicodeEncodeError) as error:
            raise FileRefusedError(f"{self._name}: not {self._encoding}: {error.reason}") from error

    def _encoded(self, data: bytes) -> bytes:
        if self._encoding == "utf-8":
            return data
        text = data.decode("utf-8", "surrogateescape")
        return text.encode(self._encoding, "surrogateescape")

    def _odd(self, data: bytes, starts: Numbers, ends: Numbers) -> tuple[Any, Any]:
        """Which lines need care, and which are blank."""
        signs = np.frombuffer(data, np.uint8)

        def count(sign: int, until: Numbers) -> Numbers:
            places = np.flatnonzero(signs == sign)
            if not len(places):
                return np.zeros(len(starts), np.int64)
            return np.searchsorted(places, until) - np.searchsorted(places, starts)

        returns = (ends > starts) & (signs[np.maximum(ends - 1, 0)] == 13)
        content_ends = ends - returns
        blank = content_ends == starts
        quoted = np.zeros(len(starts), bool)
        if self._dialect.quote:
            quoted = count(ord(self._dialect.quote), ends) > 0
        odd = count(ord(self._dialect.delimiter), ends) != len(self._header) - 1
        odd &= ~quoted & ~blank
        odd |= count(13, content_ends) > 0
        for sign in ("\0", self._dialect.escape):
            if sign:
                odd |= count(ord(sign), ends) > 0
        if not data.isascii():
            for line in _damaged(data, starts, ends):
                odd[line] = True
        if quoted.any():
            at = np.flatnonzero(quoted & ~odd)
            texts = [data[a:b] for a, b in zip(starts[at].tolist(), ends[at].tolist(), strict=True)]
            found = pl.Series(texts, dtype=pl.Binary).cast(pl.String)
            odd[at] = ~found.str.contains(self._plain_line).to_numpy()
        return odd, blank & ~odd

    def _read_odd(
        self, data: bytes, starts: Numbers, odd: Any, *, last: bool
    ) -> tuple[list[_Careful], Any, int]:
        """Records of the odd lines, the lines that they take, and the bytes that are used."""
        taken = np.zeros(len(starts), bool)
        found: list[_Careful] = []
        after = 0
        for first in np.flatnonzero(odd).tolist():
            if first < after:
                continue
            at, line = int(starts[first]), first
            while True:
                lines, values, count, reason = self._record(data, at, line, starts)
                if reason.endswith("never closed") and not last:
                    return found, taken, at
                raw = "".join(lines[:count])
                if values or reason:
                    found.append(
                        _Careful(at, line, raw, values, reason or self._wrong(raw, values))
                    )
                at += len(raw.encode("utf-8", "surrogateescape"))
                after = int(np.searchsorted(starts, at))
                taken[line:after] = True
                if after >= len(starts) or starts[after] == at:
                    break
                line = after - 1
            if at >= len(data):
                break
        return found, taken, len(data)

    def _record(
        self, data: bytes, at: int, line: int, starts: Numbers
    ) -> tuple[list[str], list[str], int, str]:
        # Few lines at first: most records are short, and each is looked at alone.
        for size in (2, 16, LONGEST_RECORD + 1):
            end = int(starts[line + size]) if line + size < len(starts) else len(data)
            text = data[at:end].decode("utf-8", "surrogateescape")
            lines = list(io.StringIO(text, newline=""))
            values, taken, reason = _record(lines, self._dialect, len(self._header))
            if not reason.endswith("never closed") or end == len(data):
                break
        return lines, values, taken, reason

    def _wrong(self, raw: str, values: list[str]) -> str:
        if len(values) != len(self._header):
            return f"{len(values)} values for {len(self._header)} columns"
        if "\0" in raw:
            return "a NUL character"
        if not raw.isascii() and re.search("[\udc80-\udcff]", raw):
            return f"not {self._encoding}"
        return ""

    def _read_plain(self, data: bytes, starts: Numbers, plain: Any) -> pa.Table:
        wanted = int(plain.sum())
        if not wanted:
            return self._schema.empty_table()
        if wanted < len(starts):
            sizes = np.diff(np.append(starts, len(data)))
            data = np.frombuffer(data, np.uint8)[np.repeat(plain, sizes)].tobytes()
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            arrow_csv.ReadOptions(
                column_names=self._header, block_size=len(data) + 1, use_threads=False
            ),
            arrow_csv.ParseOptions(
                delimiter=self._dialect.delimiter,
                quote_char=self._dialect.quote or False,
                double_quote=True,
                newlines_in_values=False,
            ),
            arrow_csv.ConvertOptions(column_types=self._schema, strings_can_be_null=False),
        )
        if table.num_rows != wanted:
            raise FileRefusedError(
                f"{self._name}: {table.num_rows} rows in {wanted} lines", "please report this file"
            )
        return table


def _lines(data: bytes) -> tuple[Numbers, Numbers]:
    """Where each line begins, and where it ends before its line feed."""
    feeds = np.flatnonzero(np.frombuffer(data, np.uint8) == _LINE_FEED).astype(np.int64)
    starts = np.concatenate((np.zeros(1, np.int64), feeds + 1))
    ends = np.append(feeds, len(data))
    if starts[-1] == len(data):
        return starts[:-1], ends[:-1]
    return starts, ends


def _damaged(data: bytes, starts: Numbers, ends: Numbers) -> list[int]:
    """Lines that are not UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        pass
    else:
        return []
    found = []
    for line, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        try:
            data[start:end].decode()
        except UnicodeDecodeError:
            found.append(line)
    return found
