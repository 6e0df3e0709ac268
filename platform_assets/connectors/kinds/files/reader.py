"""Reads the files of a place, one after the other, page by page."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa

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
    Stream,
)

FILE, ROW = "_file", "_row"
"""Columns beside those of the file: its name, and the number of the row in it."""

_EMPTY = pa.table({})


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
                for start in range(skip, max(rows.num_rows, skip + 1), options.page_rows):
                    part = rows.slice(start, options.page_rows)
                    end = start + part.num_rows
                    refused = chunk.refused if start == 0 else ()
                    if not part.num_rows and not refused:
                        continue
                    place = {"spot": spot, "skip": end}
                    if end >= rows.num_rows:
                        place = {"spot": chunk.after, "skip": 0}
                    at = Now(now.name, now.tag, now.digest, number, **place)
                    places = _Places(content.name, chunk, start, part.num_rows)
                    yield Page(part, progress.at(at), places, refused, lag=lag)
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


class _Places(Sequence[str]):
    """Where each row stands, told when it is asked."""

    def __init__(self, name: str, chunk: Chunk, start: int, count: int) -> None:
        self._name, self._count = name, count
        self._word = "row" if chunk.lines is None else "line"
        numbers: np.ndarray[Any, Any] = chunk.numbers if chunk.lines is None else chunk.lines
        self._numbers = numbers[start : start + count]

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, row: int) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> Sequence[str]: ...

    def __getitem__(self, row: int | slice) -> str | Sequence[str]:
        if isinstance(row, slice):
            return [self[one] for one in range(*row.indices(self._count))]
        return f"{self._name}, {self._word} {self._numbers[row]}"
