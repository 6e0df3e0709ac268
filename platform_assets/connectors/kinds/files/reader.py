"""Reads the files of a place, one after the other, page by page."""

from __future__ import annotations

import bisect
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from platform_assets.connectors.kinds.files.bulk import At, bulk_file
from platform_assets.connectors.kinds.files.chunk import Chunk, FileRefusedError, Spot
from platform_assets.connectors.kinds.files.formats import format_of, reader_of
from platform_assets.connectors.kinds.files.options import FileStream
from platform_assets.connectors.kinds.files.packed import Content, PackedError, contents
from platform_assets.connectors.kinds.files.places import FileChangedError, Opened, Place
from platform_assets.connectors.kinds.files.progress import Found, Now, Progress
from platform_assets.connectors.kinds.files.sniff import described
from platform_assets.connectors.seam.reader import (
    Context,
    Cursor,
    Page,
    Refused,
    Slice,
    Stream,
)

FILE, ROW = "_file", "_row"
"""Columns beside those of the file: its name, and the number of the row in it."""

_EMPTY = pa.table({})
_NO_NUMBERS = pa.chunked_array([], pa.int64())


class FilesReader:
    """Reads one place."""

    def __init__(self, place: Place, context: Context) -> None:
        self._place, self._source, self._stop = place, context.source, context.stop
        self._streams: dict[str, FileStream] = dict(context.streams)

    def check(self) -> str:
        """See :class:`~....seam.reader.Reader`."""
        counts = [
            f"{name}: {len(self._place.files(options.names))} files"
            for name, options in self._streams.items()
        ]
        return f"{self._place.shown}: " + (
            ", ".join(counts) or f"{len(self._place.files('*'))} files"
        )

    def discover(self) -> list[Stream]:
        """Each stream by its first file; what its dialect seems to be is in the description."""
        found = []
        for name, options in (self._streams or {"files": FileStream()}).items():
            files = self._place.files(options.names)
            if not files:
                continue
            with self._place.opened(files[0]) as file:
                schema, told = _described(_contents(files[0].name, file, options)[0], options)
            found.append(Stream(name, schema, description=told))
        return found

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~....seam.reader.Reader`."""
        options = self._streams[stream]
        progress = Progress(self._source, cursor, append_only=options.append_only)
        listed = self._place.files(options.names)
        changed: list[str] = []
        for one in listed:
            if self._stop.is_set():
                return
            if progress.knows(one):
                continue
            age = time.time() - one.modified if one.modified is not None else None
            if age is not None and age < options.settled_seconds:
                continue
            try:
                with self._place.opened(one) as file:
                    yield from self._file(one, file, options, progress, listed)
            except FileChangedError:
                changed.append(one.name)
        if changed:
            raise FileChangedError(
                f"{self._place.shown}: {', '.join(changed[:5])} changed while being read",
                "read again from the beginning at the next read; write a file under another name "
                "and rename it when it is whole, or raise `settled_seconds`",
            )

    def slices(
        self,
        stream: str,
        state: Mapping[str, Any],
        position: Mapping[str, Any] | None,
        rows: int,
        size: int,
    ) -> Iterator[Slice]:
        """See :class:`~....seam.reader.BulkReader`."""
        options, at = self._streams[stream], At.of(state, position)
        one = self._as_handed_over(Found(**state["file"]), at.now.digest)
        with self._place.opened(one) as file:
            held: list[_Part] = []
            begin, told = at, ""
            try:
                for part in self._parts(one, file, at.now, options, rows):
                    many = sum(other.rows.num_rows for other in held) + part.rows.num_rows
                    large = sum(other.rows.nbytes for other in held) + part.rows.nbytes
                    another = bool(held) and held[-1].rows.schema != part.rows.schema
                    if held and (another or many > rows or large > size):
                        yield _slice(held, begin, at)
                        held, begin = [], at
                    held.append(part)
                    at = at.behind(part.after, part.next_row)
            except (FileRefusedError, PackedError) as error:
                told = f"{error.message} ({error.hint})" if error.hint else error.message
            file.require_unchanged()
        if held:
            yield _slice(held, begin, at)
        if told:
            refused = (Refused(one.name, b"", f"the file is refused: {told}"),)
            nothing = Page(_EMPTY, None, refused=refused)
            yield Slice(nothing, _NO_NUMBERS, at.record, at.record, at.as_json())

    def _as_handed_over(self, one: Found, digest: str) -> Found:
        """The file as it is listed now, if it is the one that was handed over.

        Raises:
            FileChangedError: it is another one, or gone.
        """
        try:
            self._place.require_unchanged(one)
        except FileChangedError as changed:
            now = self._place.asked(one)
            if now is not None and digest:
                with self._place.opened(now) as file:
                    if file.digest() == digest:
                        return now  # touched, or copied back: the same content
            what = "is gone" if now is None else "has changed"
            raise FileChangedError(
                f"{self._place.shown}: {one.name} {what} since it was handed over",
                "put it back as it was; or give up what is left of it (weir sources files): a "
                "changed file is read by itself",
            ) from changed
        return one

    def close(self) -> None:
        """See :class:`~....seam.reader.Reader`."""
        self._place.close()

    def _file(
        self,
        one: Found,
        file: Opened,
        options: FileStream,
        progress: Progress,
        listed: list[Found],
    ) -> Iterator[Page]:
        """A file's pages; the last one says that it is done."""
        now = progress.now
        if now is None or (now.name, now.tag) != (one.name, one.tag):
            now = Now(one.name, one.tag, file.digest() if self._place.exact or not one.told else "")
            if progress.kept(one, now.digest):
                return
            if progress.has(now.digest):
                yield Page(_EMPTY, progress.finish(one, now.digest, listed))
                return
            if options.bulk_over is not None and file.size > options.bulk_over:
                file.require_unchanged()
                done = progress.finish(one, now.digest, listed)
                yield Page(_EMPTY, done, bulk=bulk_file(one, now.digest))
                return
        last: Page | None = None
        refused: tuple[Refused, ...] = ()
        try:
            for page in self._pages(one, file, now, options, progress):
                if last is not None:
                    yield last
                last = page
        except (FileRefusedError, PackedError) as error:
            told = f"{error.message} ({error.hint})" if error.hint else error.message
            refused = (Refused(one.name, b"", f"the file is refused: {told}"),)
        file.require_unchanged()
        done = progress.finish(one, now.digest, listed)
        if last is None:
            yield Page(_EMPTY, done, refused=refused)
        else:
            yield Page(last.rows, done, last.places, (*last.refused, *refused), lag=last.lag)

    def _pages(
        self, one: Found, file: Opened, now: Now, options: FileStream, progress: Progress
    ) -> Iterator[Page]:
        lag = time.time() - one.modified if one.modified is not None else None
        for part in self._parts(one, file, now, options, options.page_rows):
            yield Page(part.rows, progress.at(part.after), part.places, part.refused, lag=lag)

    def _parts(
        self, one: Found, file: Opened, now: Now, options: FileStream, size: int
    ) -> Iterator[_Part]:
        """A file's rows from a place on, so many at a time."""
        fresh = (now.member, now.spot, now.skip) == (0, Spot(), 0)
        for number, content in enumerate(_contents(one.name, file, options)):
            if number < now.member:
                continue
            spot, skip = (now.spot, now.skip) if number == now.member else (Spot(), 0)
            if fresh or number > now.member:
                content.prove()
            for chunk in reader_of(content, options)(content, options, spot):
                # What a page is made of is of one state of the file, or it is not given.
                file.require_unchanged()
                rows = self._completed(chunk, content, options)
                for start in range(skip, max(rows.num_rows, skip + 1), size):
                    part = rows.slice(start, size)
                    end = start + part.num_rows
                    refused = chunk.refused if start == 0 else ()
                    if not part.num_rows and not refused:
                        continue
                    place, next_row = {"spot": spot, "skip": end}, chunk.after.row + 1
                    if end >= rows.num_rows:
                        place = {"spot": chunk.after, "skip": 0}
                    else:
                        next_row = int(chunk.numbers[end])
                    after = Now(now.name, now.tag, now.digest, number, **place)
                    places = _Places(content.name, chunk, start, part.num_rows)
                    yield _Part(part, after, next_row, places, refused)
                spot, skip = chunk.after, 0

    def _completed(self, chunk: Chunk, content: Content, options: FileStream) -> pa.Table:
        """The chunk's rows with the name of the file and their numbers in it."""
        rows = chunk.rows
        missing = [name for name in options.columns if name not in rows.column_names]
        if missing and options.missing == "refuse":
            raise FileRefusedError(
                f"{content.name}: no column {', '.join(missing)}",
                f"it has {', '.join(rows.column_names[:20])}",
            )
        for name in missing:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, pa.string()))
        if twice := {FILE, ROW} & set(rows.column_names):
            raise FileRefusedError(f"{content.name}: a column has the reserved name {twice.pop()}")
        name = pa.repeat(pa.scalar(content.name), rows.num_rows)
        return rows.append_column(FILE, name).append_column(ROW, pa.array(chunk.numbers))


def _contents(name: str, file: Opened, options: FileStream) -> list[Content]:
    if not file.size:
        raise FileRefusedError(f"{name}: the file is empty")
    return contents(
        name,
        file.size,
        file.raw,
        options.packing,
        options.member,
        int(options.largest_gigabytes * 1e9),
        whole=format_of(name, options) == "excel",
    )


def _described(content: Content, options: FileStream) -> tuple[pa.Schema, str]:
    """What a file's rows have, and what is to be said of it."""
    told: list[str] = []
    schema = pa.schema([])
    try:
        chunk = next(reader_of(content, options)(content, options, Spot()), None)
        if chunk is not None:
            schema = chunk.rows.schema
    except (FileRefusedError, PackedError) as error:
        told.append(str(error))
    if format_of(content.name, options) == "csv":
        told.append(described(content.head(), options))
    return schema, " ".join(filter(None, told))


@dataclass(frozen=True)
class _Part:
    """Rows of one chunk, and the place behind them; ``next_row`` is a number in the member."""

    rows: pa.Table
    after: Now
    next_row: int
    places: _Places
    refused: tuple[Refused, ...]


def _slice(parts: list[_Part], begin: At, end: At) -> Slice:
    """Parts that follow one another, as one."""
    bases = begin.bases([part.after.member for part in parts], [part.next_row for part in parts])
    numbers = [
        pc.add(part.rows[ROW].combine_chunks(), base)
        for part, base in zip(parts, bases, strict=True)
    ]
    rows = pa.concat_tables([part.rows for part in parts])
    refused = tuple(one for part in parts for one in part.refused)
    page = Page(rows, None, _Joined([part.places for part in parts]), refused)
    column = pa.chunked_array(numbers, pa.int64())
    return Slice(page, column, begin.record, end.record, end.as_json())


class _Told(Sequence[str]):
    """Words for each row, made when they are asked for."""

    @overload
    def __getitem__(self, row: int) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> Sequence[str]: ...

    def __getitem__(self, row: int | slice) -> str | Sequence[str]:
        if isinstance(row, slice):
            return [self._of(one) for one in range(*row.indices(len(self)))]
        return self._of(row)

    def _of(self, row: int) -> str:
        raise NotImplementedError


class _Joined(_Told):
    """Places of several parts, one after the other."""

    def __init__(self, parts: list[_Places]) -> None:
        self._parts = parts
        self._ends = list(itertools.accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def _of(self, row: int) -> str:
        part = bisect.bisect_right(self._ends, row)
        return self._parts[part][row - (self._ends[part - 1] if part else 0)]


class _Places(_Told):
    """Where each row stands."""

    def __init__(self, name: str, chunk: Chunk, start: int, count: int) -> None:
        self._name, self._count = name, count
        self._word = "row" if chunk.lines is None else "line"
        numbers: np.ndarray[Any, Any] = chunk.numbers if chunk.lines is None else chunk.lines
        self._numbers = numbers[start : start + count]

    def __len__(self) -> int:
        return self._count

    def _of(self, row: int) -> str:
        return f"{self._name}, {self._word} {self._numbers[row]}"
