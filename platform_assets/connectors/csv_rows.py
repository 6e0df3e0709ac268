"""A CSV file's bytes to its rows, so that no damage costs more than the rows that have it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from platform_assets.core.errors import WeirError

LONGEST_RECORD = 100
"""Lines of one record. A quote that is never closed would take the rest of the file for its own."""

_FEWEST_TELLING = 4
"""Columns from which on a line inside a quoted value that is a whole row by itself is taken for
one: in prose, that many commas by chance are rare."""

_FOREIGN = (
    (b"\x1f\x8b", "gzip", "unpack it: `gunzip {file}`"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "unpack it, or save it as CSV UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save it as CSV UTF-8"),
    (b"BZh", "bzip2", "unpack it: `bunzip2 {file}`"),
    (b"\xfd7zXZ\x00", "xz", "unpack it: `unxz {file}`"),
    (b"\x28\xb5\x2f\xfd", "zstd", "unpack it: `unzstd {file}`"),
    (b"PAR1", "Parquet", "export it as CSV UTF-8"),
    (b"\xff\xfe\x00\x00", "UTF-32", "convert it: `iconv -f utf-32 -t utf-8 {file} > new.csv`"),
    (b"\x00\x00\xfe\xff", "UTF-32", "convert it: `iconv -f utf-32 -t utf-8 {file} > new.csv`"),
    (b"\xff\xfe", "UTF-16", "convert it: `iconv -f utf-16 -t utf-8 {file} > new.csv`"),
    (b"\xfe\xff", "UTF-16", "convert it: `iconv -f utf-16 -t utf-8 {file} > new.csv`"),
)
"""First bytes, what they say, and the way to a readable file; longer ones first."""


class FileError(WeirError):
    """A file, or what was said about it, cannot be used."""


Row = tuple[int, str, dict[str, str] | str]
"""Line (from 1), raw text, and the row or why it is none."""

Read = Callable[[list[str]], Any]
"""Makes a ``csv.reader`` of lines: of one dialect, and strict."""


def decoded(file: Path, content: bytes, encoding: str = "utf-8-sig") -> str:
    """The file's text.

    Raises:
        FileError: it is packed, a workbook, or of another encoding; the hint says what to do.
    """
    for magic, what, hint in _FOREIGN:
        if content.startswith(magic):
            raise FileError(f"{file}: this is {what}, not text", hint.format(file=file.name))
    if wide := _wide(content[:4096]):
        raise FileError(
            f"{file}: this is UTF-16, not {encoding.removesuffix('-sig')}",
            f"convert it: `iconv -f {wide} -t utf-8 {file.name} > new.csv`",
        )
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileError(
            f"{file}, line {line}: not {encoding.removesuffix('-sig')}: {error.reason}",
            f"convert it from its encoding, e.g. `iconv -f windows-1252 -t utf-8 {file.name}`",
        ) from error


def rows(file: Path, text: str, columns: tuple[str, ...], delimiter: str = ",") -> Iterator[Row]:
    """The rows of a file, each with its line and text.

    A row that is none is given with its reason, and reading goes on at the next line: what a
    stray quote would have swallowed is read line by line.

    Args:
        file: for messages.
        text: its content.
        columns: columns that the header must have.
        delimiter: the character between two values.

    Raises:
        FileError: the header is none, lacks a column, or names one twice.
    """
    # Not splitlines(): it also splits at characters that may stand inside a value.
    lines = list(io.StringIO(text, newline=""))
    read = partial(csv.reader, delimiter=delimiter, strict=True)
    header, at = _header(file, lines, columns, delimiter, read)
    while at < len(lines):
        values, taken, reason = record(lines, at, len(header), read)
        raw = "".join(lines[at : at + taken])
        if reason:
            yield at + 1, raw, reason
        elif values and len(values) != len(header):
            yield at + 1, raw, f"{len(values)} values for {len(header)} columns"
        elif "\0" in raw:
            yield at + 1, raw, "a NUL character"
        elif values:
            yield at + 1, raw, dict(zip(header, values, strict=True))
        at += taken


def _header(
    file: Path, lines: list[str], columns: tuple[str, ...], delimiter: str, read: Read
) -> tuple[list[str], int]:
    header, taken, reason = record(lines, 0, 0, read) if lines else ([], 0, "")
    expected = delimiter.join(columns)
    if reason:
        raise FileError(f"{file}, line 1: wrong header: {reason}", f"expected {expected}")
    # Exports often end each line with empty columns; those are never read.
    counted = Counter(name for name in header if name)
    if twice := [name for name, times in counted.items() if times > 1]:
        raise FileError(
            f"{file}, line 1: wrong header: column {', '.join(twice)} is named twice",
            "which of them counts cannot be told: rename or remove one",
        )
    if missing := [name for name in columns if name not in header]:
        hint = f"expected {expected}"
        if len(header) == 1 and (found := [sign for sign in ",;\t|" if sign in header[0]]):
            wanted = "commas" if delimiter == "," else repr(delimiter)
            hint = f"values are separated by {found[0]!r}, expected {wanted}"
        raise FileError(f"{file}: wrong header: no column {', '.join(missing)}", hint)
    return header, taken


def record(lines: list[str], at: int, width: int, read: Read) -> tuple[list[str], int, str]:
    """Values of the record that begins at a line, how many lines it takes, and why it is none.

    Args:
        lines: of the file, with their ends.
        at: the first line of the record.
        width: columns; 0: a line inside a value is never taken for a row.
        read: of the file's dialect.
    """
    reader = read(lines[at : at + LONGEST_RECORD])
    try:
        values: list[str] = next(reader, [])
    except csv.Error as error:
        if "unexpected end" not in str(error):
            return [], 1, f"not CSV: {error}"
        if at + LONGEST_RECORD < len(lines):
            return [], 1, f"not CSV: a quote is not closed within {LONGEST_RECORD} lines"
        return [], 1, "not CSV: a quote is opened and never closed"
    taken = max(1, reader.line_num)
    if taken > 1 and width >= _FEWEST_TELLING:
        for line in lines[at + 1 : at + taken]:
            if _is_row(line, width, read):
                return [], 1, "not CSV: a quote is opened and takes in the rows below it"
    return values, taken, ""


def _is_row(line: str, width: int, read: Read) -> bool:
    """Whether a line is a whole row by itself."""
    try:
        return len(next(read([line]), [])) == width
    except csv.Error:
        return False


def _wide(start: bytes) -> str:
    """The name of UTF-16 without its mark: every other byte of ASCII text is zero."""
    pairs = len(start) // 2
    if pairs < 2:
        return ""
    if start[1 : 2 * pairs : 2].count(0) > 0.8 * pairs:
        return "utf-16le"
    if start[0 : 2 * pairs : 2].count(0) > 0.8 * pairs:
        return "utf-16be"
    return ""
