"""Parquet, ORC and Avro: files that carry their types."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from platform_assets.connectors.kinds.files.chunk import Chunk, FileRefusedError, Spot, counted
from platform_assets.connectors.kinds.files.options import FileStream
from platform_assets.connectors.kinds.files.packed import Content

_ROWS = 65_536


def read_parquet(content: Content, options: FileStream, spot: Spot) -> Iterator[Chunk]:  # noqa: ARG001
    """See :class:`~.chunk.Format`; a row group is never in memory as a whole."""
    from pyarrow import parquet

    with content.seekable() as stream:
        try:
            file = parquet.ParquetFile(stream, pre_buffer=False)
            row = 0
            for group in range(file.num_row_groups):
                size = file.metadata.row_group(group).num_rows
                if row + size <= spot.row:
                    row += size
                    continue
                for batch in file.iter_batches(_ROWS, row_groups=[group]):
                    if row >= spot.row:
                        yield counted(pa.table(batch), Spot(0, row), 0)
                    row += batch.num_rows
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _refused(content, "Parquet", error) from error


def read_orc(content: Content, options: FileStream, spot: Spot) -> Iterator[Chunk]:  # noqa: ARG001
    """See :class:`~.chunk.Format`; a stripe is a chunk."""
    from pyarrow import orc

    with content.seekable() as stream:
        try:
            # The library does not see that a tail is missing; a whole file ends so.
            stream.seek(-4, 2)
            if stream.read(3) != b"ORC":
                raise ValueError("cut off")  # noqa: TRY301
            file = orc.ORCFile(stream)
            row = 0
            for number in range(file.nstripes):
                rows = pa.table(file.read_stripe(number))
                if row >= spot.row:
                    yield counted(rows, Spot(0, row), 0)
                row += rows.num_rows
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _refused(content, "ORC", error) from error


def read_avro(content: Content, options: FileStream, spot: Spot) -> Iterator[Chunk]:  # noqa: ARG001
    """See :class:`~.chunk.Format`."""
    import fastavro

    try:
        if spot == Spot():
            # Cut off in the middle: not even its first row.
            with content.open() as stream:
                for _ in fastavro.block_reader(stream):
                    pass
        with content.open() as stream:
            records: Iterator[Any] = iter(fastavro.reader(stream))
            for _ in itertools.islice(records, spot.row):
                pass
            while some := list(itertools.islice(records, _ROWS)):
                rows = [one if isinstance(one, dict) else {"value": one} for one in some]
                chunk = counted(pa.Table.from_pylist(rows), spot, 0)
                spot = chunk.after
                yield chunk
    except (ValueError, EOFError, TypeError, KeyError, IndexError, pa.ArrowException) as error:
        raise _refused(content, "Avro", error) from error


def _refused(content: Content, what: str, error: Exception) -> FileRefusedError:
    told = " ".join(str(error).split())[:200] or "cut off"
    return FileRefusedError(
        f"{content.name}: not {what}, damaged or cut off: {told}", "bring the whole file again"
    )
