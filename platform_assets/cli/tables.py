"""Every table that ``weir`` prints: for people it fits their window, for programs JSON or CSV.

A table that is too wide first leaves out its empty columns, then folds its texts, then leaves out
the columns that its :class:`Layout` can spare, and says so. Where that is not enough it prints one
record below another, as psql's expanded display does. No value is ever cut.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from platform_assets.core.errors import WeirError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Record = Mapping[str, Any]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON document.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="For programs: CSV with a header.")]

_GAP = 2
_LEAST = 24
"""Cells that a folded text is given at least; a word longer than 40 is cut over lines."""
_LONGEST_WORD = 40
_UNLIMITED = 100_000
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        title: its heading.
        key: of the value in a record; the title where it is empty.
        show: the text for people, from the whole record; without it the value as plain text.
        style: a colour by record, for terminals.
        right: numbers; whole ones get thousands separators.
        fold: a text that may go over several lines.
        spare: left out of a narrow window, the highest number first; 0 stays.
    """

    title: str
    key: str = ""
    show: Callable[[Record], str] | None = None
    style: Callable[[Record], str] | None = None
    right: bool = False
    fold: bool = False
    spare: int = 0

    def text(self, record: Record) -> str:
        """What people read; control characters are spelled out."""
        if self.show:
            return _spelled(self.show(record))
        return _spelled(_plain(record.get(self.key or self.title), self.right))


@dataclass(frozen=True)
class Layout:
    """The columns of one table of the shell.

    Attributes:
        command: prints it, without ``weir``, e.g. "streams"; it takes ``--json`` and ``--csv``.
        columns: from left to right.
    """

    command: str
    columns: tuple[Column, ...]

    def show(
        self,
        records: Sequence[Record],
        *,
        as_json: bool = False,
        as_csv: bool = False,
        document: Any = None,
        lines: bool = False,
        title: str = "",
        console: Console | None = None,
    ) -> None:
        """Print the records.

        Args:
            records: one for each row; a program gets all of their values, shown or not.
            as_json: print one JSON document and nothing else.
            as_csv: print CSV and nothing else.
            document: for JSON instead of the records.
            lines: for JSON one object a line instead of a list.
            title: above the table, for people.
            console: for people; standard output where it is not given.

        Raises:
            WeirError: both formats are asked for.
        """
        check_formats(as_json, as_csv)
        if as_json and lines:
            for record in records:
                typer.echo(json_text(record, indent=None))
        elif as_json:
            typer.echo(json_text(list(records) if document is None else document))
        elif as_csv:
            typer.echo(self.csv_text(records), nl=False)
        else:
            console = console or people()
            console.print(self.render(records, console.width, title))

    def csv_text(self, records: Sequence[Record]) -> str:
        """The records as CSV with a header: the columns' keys, then what else the records have."""
        names = [column.key or column.title for column in self.columns]
        more = [key for record in records for key in record]
        fields = list(dict.fromkeys([*names, *more] if not records else more))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(fields)
        writer.writerows([_csv_value(record.get(name)) for name in fields] for record in records)
        return text.getvalue()

    def render(self, records: Sequence[Record], width: int, title: str = "") -> RenderableType:
        """The table in a window of ``width`` cells."""
        from rich.console import Group
        from rich.text import Text

        cells = [[column.text(record) for column in self.columns] for record in records]
        found = _fit(self.columns, cells, width)
        parts: list[RenderableType] = [Text(title, style="bold")] if title else []
        if found is None:
            return Group(*parts, *self._stacked(records, cells, width))
        parts.append(self._table(records, cells, found))
        missing = [
            column.title
            for index, column in enumerate(self.columns)
            if index not in found and any(row[index] for row in cells)
        ]
        if missing:
            why = f"left out: {', '.join(missing)}; widen the window, or use --json or --csv"
            parts.append(Text(why, style="dim"))
        return Group(*parts)

    def _table(
        self, records: Sequence[Record], cells: Sequence[Sequence[str]], widths: Mapping[int, int]
    ) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
        for index, width in widths.items():
            column = self.columns[index]
            table.add_column(
                Text(column.title),
                width=width,
                no_wrap=not column.fold,
                overflow="fold",
                justify="right" if column.right else "left",
            )
        for record, row in zip(records, cells, strict=True):
            table.add_row(*(Text(row[i], style=_style(self.columns[i], record)) for i in widths))
        return table

    def _stacked(
        self, records: Sequence[Record], cells: Sequence[Sequence[str]], width: int
    ) -> list[RenderableType]:
        from rich.table import Table
        from rich.text import Text

        names = max(_cells(column.title) for column in self.columns)
        # A name that takes half of the window is folded as well.
        names = min(names, max(1, width // 2 - _GAP))
        parts: list[RenderableType] = []
        for number, (record, row) in enumerate(zip(records, cells, strict=True), start=1):
            head = f"-[ {number} ]"
            parts.append(Text(head + "-" * max(0, min(width, 60) - len(head)), style="dim"))
            grid = Table.grid(padding=(0, _GAP, 0, 0))
            grid.add_column(width=names, overflow="fold")
            grid.add_column(width=max(1, width - names - _GAP), overflow="fold")
            for column, text in zip(self.columns, row, strict=True):
                grid.add_row(
                    Text(column.title, style="bold"), Text(text, style=_style(column, record))
                )
            parts.append(grid)
        return parts


def check_formats(as_json: bool, as_csv: bool) -> None:
    """Refuse two formats at once.

    Raises:
        WeirError: both are asked for.
    """
    if as_json and as_csv:
        raise WeirError("--json and --csv cannot be combined", "choose one")


def people(stream: IO[str] | None = None) -> Console:
    """A console for text that is never markup, as wide as its window.

    ``COLUMNS`` sets the width; without it and without a terminal (a pipe, a file) nothing is
    folded or left out.
    """
    from rich.console import Console

    stream = stream or sys.stdout
    return Console(file=stream, width=width_of(stream), highlight=False, markup=False, emoji=False)


def width_of(stream: IO[str]) -> int:
    """Cells of the window that a stream ends in."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _UNLIMITED
    except (OSError, ValueError):
        return _UNLIMITED


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """A value as JSON that every parser takes: numbers that are none become texts, as in Trino."""
    return json.dumps(_json_value(value), indent=indent, ensure_ascii=False, allow_nan=False)


def unique(names: Sequence[str]) -> list[str]:
    """Names of columns without repetitions: a, a_2; SQL may name two columns alike."""
    found: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in found or (number > 1 and candidate in names):
            number += 1
            candidate = f"{name}_{number}"
        found.append(candidate)
    return found


def _fit(
    columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int
) -> dict[int, int] | None:
    """Columns that are shown, with their widths; None where even the needed ones do not fit."""
    everything = list(range(len(columns)))
    naturals = [
        max([_cells(columns[i].title), *(_lines(row[i]) for row in cells)]) for i in everything
    ]
    leasts = [_least(columns[i], naturals[i], [row[i] for row in cells]) for i in everything]
    filled = [i for i in everything if not cells or any(row[i] for row in cells)]
    steps = [everything, filled]
    for index in sorted(filled, key=lambda i: (-columns[i].spare, -i)):
        if columns[index].spare:
            steps.append([i for i in steps[-1] if i != index])
    for number, kept in enumerate(steps):
        room = width - _GAP * (len(kept) - 1)
        if sum(naturals[i] for i in kept) <= room:
            return {i: naturals[i] for i in kept}
        if number and sum(leasts[i] for i in kept) <= room:
            return _spread(kept, naturals, leasts, room)
    return None


def _least(column: Column, natural: int, texts: Sequence[str]) -> int:
    if not column.fold:
        return natural
    words = [_cells(word) for text in texts for word in text.split()]
    longest = min(max(words, default=0), _LONGEST_WORD)
    return min(natural, max(_LEAST, longest, _cells(column.title)))


def _spread(
    kept: Sequence[int], naturals: Sequence[int], leasts: Sequence[int], room: int
) -> dict[int, int]:
    """The least widths, and what is left over shared among the columns that want more."""
    widths = {i: leasts[i] for i in kept}
    spare = room - sum(widths.values())
    while spare > 0 and (wanting := [i for i in kept if widths[i] < naturals[i]]):
        each = max(1, spare // len(wanting))
        for index in wanting:
            more = min(each, naturals[index] - widths[index], spare)
            widths[index] += more
            spare -= more
    return widths


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _lines(text: str) -> int:
    return max((_cells(line) for line in text.split("\n")), default=0)


def _style(column: Column, record: Record) -> str:
    return column.style(record) if column.style else ""


def _spelled(text: str) -> str:
    """A text without what would move the cursor, ring or turn the line around."""
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    return "".join(
        char.encode("unicode_escape").decode()
        if (unicodedata.category(char) in ("Cc", "Cs") and char != "\n") or ord(char) in _BIDI
        else char
        for char in text
    )


def _plain(value: Any, number: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and number:
        return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(_plain(item, number) for item in value)
    return str(value)


def _json_value(value: Any) -> Any:
    found: Any = str(value)
    if value is None or isinstance(value, bool | int):
        found = value
    elif isinstance(value, float):
        found = value if math.isfinite(value) else _NOT_FINITE[str(value)]
    elif isinstance(value, str):
        found = value.encode("utf-8", "backslashreplace").decode()
    elif isinstance(value, Mapping):
        found = {str(key): _json_value(item) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        found = [_json_value(item) for item in value]
    elif isinstance(value, set | frozenset):
        found = sorted(map(_json_value, value))
    elif isinstance(value, bytes | bytearray):
        found = bytes(value).hex()
    elif isinstance(value, datetime | date):
        found = value.isoformat()
    return found


def _csv_value(value: Any) -> str:
    found = _json_value(value)
    if found is None:
        return ""
    if isinstance(found, str):
        return found
    return json.dumps(found, ensure_ascii=False)
