"""What a format gives: rows of a file, and the spot after them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from platform_assets.connectors.kinds.files.options import FileStream
from platform_assets.connectors.kinds.files.packed import Content
from platform_assets.connectors.seam.reader import Refused
from platform_assets.core.errors import WeirError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class FileRefusedError(WeirError):
    """A file cannot be used; it is remembered, and the others are read."""


@dataclass(frozen=True)
class Spot:
    """Where a chunk begins.

    Attributes:
        at: in the format's own measure: bytes of unpacked text, a row group.
        row: records before it, with those that were refused.
        line: lines before it.
    """

    at: int = 0
    row: int = 0
    line: int = 0

    def as_json(self) -> list[int]:
        """For the cursor."""
        return [self.at, self.row, self.line]


@dataclass(frozen=True)
class Chunk:
    """Rows that were read together.

    Attributes:
        rows: as the file has them.
        numbers: int64, the number of each row among the file's records, from 1.
        after: where the next chunk begins.
        refused: records that are no rows.
        lines: int64, the line on which each row begins; None: the file has no lines.
    """

    rows: pa.Table
    numbers: np.ndarray[Any, np.dtype[np.int64]]
    after: Spot
    refused: tuple[Refused, ...] = ()
    lines: np.ndarray[Any, np.dtype[np.int64]] | None = None


class Format(Protocol):
    """Reads one format."""

    def __call__(self, content: Content, options: FileStream, spot: Spot) -> Iterator[Chunk]:
        """Chunks from a spot on; the same chunks whenever it begins at the same spot.

        Raises:
            FileRefusedError: the file cannot be used.
        """
        ...


def counted(rows: pa.Table, spot: Spot, at: int) -> Chunk:
    """A chunk whose records are all rows."""
    import numpy as np

    numbers = np.arange(spot.row + 1, spot.row + 1 + rows.num_rows, dtype=np.int64)
    return Chunk(rows, numbers, Spot(at, spot.row + rows.num_rows, spot.line))
