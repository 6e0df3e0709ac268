"""A sheet of an Excel workbook (xlsx), row by row, as text."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import datetime, time
from typing import Any

import numpy as np
import pyarrow as pa

from platform_assets.connectors.kinds.files.chunk import Chunk, FileRefusedError, Spot
from platform_assets.connectors.kinds.files.options import FileStream
from platform_assets.connectors.kinds.files.packed import Content
from platform_assets.connectors.seam.reader import Refused

_ROWS = 20_000
_LARGEST = 2 * 1024**3
_MOST = 200
_FREE = 64 * 1024**2


def read_excel(content: Content, options: FileStream, spot: Spot) -> Iterator[Chunk]:
    """See :class:`~.chunk.Format`; a formula that has no value with it is refused with its row."""
    with content.seekable() as stream:
        _refuse_bomb(stream, content)
        values, formulas = _sheet(stream, content, options), _sheet(stream, content, options, True)
        header_row = options.excel.header_row
        pairs = zip(
            values.iter_rows(min_row=header_row),
            formulas.iter_rows(min_row=header_row),
            strict=True,
        )
        first = next(pairs, None)
        header = _header(first[0] if first else (), content, header_row)
        record, rows, numbers, lines, refused = 0, [], [], [], []
        for line, (cells, written) in enumerate(pairs, header_row + 1):
            if all(one.value is None for one in (*cells, *written)):
                continue
            record += 1
            if record <= spot.row:
                continue
            if wrong := _wrong(cells, written):
                shown = ", ".join(str(one.value) for one in written if one.value is not None)
                place = f"{content.name}, row {line}"
                refused.append(Refused(place, shown.encode(), wrong))
            else:
                taken = [_text(one.value) for one in cells[: len(header)]]
                rows.append(taken + [None] * (len(header) - len(taken)))
                numbers.append(record)
                lines.append(line)
            if len(rows) + len(refused) == _ROWS:
                spot = Spot(0, record)
                yield _chunk(header, rows, numbers, lines, refused, spot)
                rows, numbers, lines, refused = [], [], [], []
        if rows or refused:
            yield _chunk(header, rows, numbers, lines, refused, Spot(0, record))


def _chunk(
    header: list[str], rows: list[Any], numbers: list[int], lines: list[int],
    refused: list[Refused], after: Spot,
) -> Chunk:  # fmt: skip
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    table = pa.table([pa.array(one, pa.string()) for one in columns], names=header)
    return Chunk(
        table, np.array(numbers, np.int64), after, tuple(refused), np.array(lines, np.int64)
    )


def _refuse_bomb(stream: Any, content: Content) -> None:
    try:
        infos = zipfile.ZipFile(stream).infolist()
    except zipfile.BadZipFile as error:
        raise FileRefusedError(
            f"{content.name}: no workbook (xlsx), damaged or cut off: {error}"
        ) from error
    size, packed = sum(one.file_size for one in infos), sum(one.compress_size for one in infos)
    if size > min(_LARGEST, content.largest, max(_FREE, packed * _MOST)):
        raise FileRefusedError(f"{content.name}: unpacks to {size:,} bytes", "it may be a bomb")
    stream.seek(0)


def _sheet(stream: Any, content: Content, options: FileStream, formulas: bool = False) -> Any:
    from openpyxl import load_workbook

    try:
        book = load_workbook(stream, read_only=True, data_only=not formulas, keep_links=False)
    except Exception as error:
        raise FileRefusedError(f"{content.name}: no workbook (xlsx): {error}") from error
    shown = [one.title for one in book.worksheets if one.sheet_state == "visible"]
    hidden = [one.title for one in book.worksheets if one.sheet_state != "visible"]
    told = f"sheets: {', '.join(shown)}" + (f"; hidden: {', '.join(hidden)}" if hidden else "")
    name = options.excel.sheet
    if not name and len(shown) != 1:
        raise FileRefusedError(f"{content.name}: which sheet?", f"say `excel.sheet`; {told}")
    if name and name not in (*shown, *hidden):
        raise FileRefusedError(f"{content.name}: no sheet {name!r}", told)
    sheet = book[name or shown[0]]
    # What the file says of its size may be wrong.
    sheet.reset_dimensions()
    return sheet


def _header(cells: Any, content: Content, line: int) -> list[str]:
    names = [str(one.value).strip() if one.value is not None else "" for one in cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise FileRefusedError(f"{content.name}, row {line}: no header", "say `excel.header_row`")
    if twice := sorted({one for one in names if one and names.count(one) > 1}):
        raise FileRefusedError(f"{content.name}, row {line}: column {twice[0]} is named twice")
    return [one or f"_column_{number}" for number, one in enumerate(names, 1)]


def _wrong(cells: Any, written: Any) -> str:
    """Why a row cannot be used."""
    for cell, source in zip(cells, written, strict=False):
        if source.value is not None and source.data_type == "f" and cell.value is None:
            return f"cell {source.coordinate}: a formula without its value: save it in Excel"
        if cell.data_type == "e":
            return f"cell {cell.coordinate}: {cell.value}"
    return ""


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.isoformat()
    return None if value is None else str(value)
