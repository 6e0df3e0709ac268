"""What a CSV file's dialect seems to be: a suggestion for a person, never taken by itself."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from platform_assets.connectors.kinds.files.options import FileStream

_SIGNS = (";", "\t", ",", "|")
_DAY = re.compile(r"^\s*(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_COMMA = re.compile(r"^[+-]?\d{1,3}(?:([. '])\d{3}(?:\1\d{3})*)?,\d+$|^[+-]?\d+,\d+$")
_POINT = re.compile(r"^[+-]?\d{1,3}(?:([, '])\d{3})+(?:\.\d+)?$")


@dataclass(frozen=True)
class Sniffed:
    """A suggestion.

    Attributes:
        encoding: by mark, or by what decodes.
        delimiter: by which the lines have the same number of values.
        notes: column -> what its values look like, and what to say in the mapping.
        questions: columns whose dates can be read in two ways.
    """

    encoding: str
    delimiter: str
    notes: dict[str, str] = field(default_factory=dict)
    questions: tuple[str, ...] = ()


def sniff(head: bytes) -> Sniffed:
    """Look at a file's first bytes."""
    encoding, text = _decoded(head)
    lines = text.splitlines()[:200]
    if len(lines) > 1 and len(head) >= 65_536:
        lines.pop()
    delimiter = max(_SIGNS, key=lambda sign: _score(lines, sign))
    rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
    notes: dict[str, str] = {}
    questions = []
    for number, name in enumerate(rows[0] if rows else []):
        values = [row[number].strip() for row in rows[1:] if len(row) == len(rows[0])]
        told, asked = _column([value for value in values if value])
        if told:
            notes[name.strip()] = told
        if asked:
            questions.append(name.strip())
    return Sniffed(encoding, delimiter, notes, tuple(questions))


def described(head: bytes, options: FileStream) -> str:
    """The suggestion in words, with what differs from the stated options."""
    found = sniff(head)
    told = []
    if found.delimiter != options.csv.delimiter:
        told.append(f"delimiter seems to be {found.delimiter!r}.")
    stated = options.csv.encoding.replace("auto", "utf-8")
    if found.encoding not in (stated, f"{stated}-sig") and not found.encoding.startswith("utf-16"):
        told.append(f"encoding seems to be {found.encoding}.")
    told += [f"{name}: {note}." for name, note in found.notes.items()]
    return " ".join(told)


def _decoded(head: bytes) -> tuple[str, str]:
    for mark, name in (
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if head.startswith(mark):
            codec = "utf-8-sig" if name == "utf-8" else name
            return name, head.decode(codec, "replace")
    for cut in range(4):
        try:
            return "utf-8", head[: len(head) - cut].decode()
        except UnicodeDecodeError:
            continue
    if head[1:200:2].count(0) > 50:
        return "utf-16-le", head.decode("utf-16-le", "replace")
    return "cp1252", head.decode("cp1252", "replace")


def _score(lines: Sequence[str], sign: str) -> tuple[float, int]:
    """How many lines have the header's number of values; and that number."""
    widths = [len(row) for row in csv.reader(lines, delimiter=sign) if row]
    if not widths or widths[0] < 2:
        return 0.0, 0
    return sum(width == widths[0] for width in widths) / len(widths), widths[0]


def _column(values: Sequence[str]) -> tuple[str, bool]:  # noqa: PLR0911
    """What to say of a column; whether it must be asked about."""
    if not values:
        return "", False
    days = [match for value in values if (match := _DAY.match(value))]
    if len(days) == len(values):
        sign = days[0][2]
        if any(int(match[1]) > 12 for match in days):
            return f"day before month, `parse: '%d{sign}%m{sign}%Y…'`", False
        if any(int(match[3]) > 12 for match in days):
            return f"month before day, `parse: '%m{sign}%d{sign}%Y…'`", False
        return (
            f"{values[0]!r} is a day in two ways: ask, then say `parse: '%d{sign}%m{sign}%Y…'` "
            f"or `'%m{sign}%d{sign}%Y…'`"
        ), True
    if all(_COMMA.match(value) or value.lstrip("+-").isdigit() for value in values) and any(
        "," in value for value in values
    ):
        signs = {match[1] for value in values if (match := _COMMA.match(value)) and match[1]}
        more = f", `thousands: '{signs.pop()}'`" if len(signs) == 1 else ""
        return f"decimal comma, `decimal: ','`{more}", False
    if any(_POINT.match(value) for value in values) and all(
        _POINT.match(value) or re.fullmatch(r"[+-]?\d+(\.\d+)?", value) for value in values
    ):
        signs = {match[1] for value in values if (match := _POINT.match(value))}
        return f"thousands, `thousands: '{signs.pop()}'`", False
    return "", False
