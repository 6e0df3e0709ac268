"""Files of fixed width: a row a line, each column at its place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from platform_assets.connectors.kinds.files.chunk import Chunk, FileRefusedError, Spot
from platform_assets.connectors.kinds.files.options import FileStream
from platform_assets.connectors.kinds.files.packed import Content
from platform_assets.connectors.kinds.files.text import text_of, whole_lines
from platform_assets.connectors.seam.reader import Refused


def read_fixed(content: Content, options: FileStream, spot: Spot) -> Iterator[Chunk]:
    """See :class:`~.chunk.Format`; a line that ends before its last column begins is refused."""
    fixed = options.fixed
    if fixed is None:
        raise FileRefusedError(f"{content.name}: of fixed width", "say `fixed:` and its columns")
    text = text_of(content.head(), fixed.encoding, content.name)
    if spot == Spot():
        spot = Spot(text.begin)
    shortest = max(one.start for one in fixed.columns)
    with content.open(spot.at) as stream:
        for raw, _ in whole_lines(stream, text, content.name):
            try:
                decoded = bytes(raw).decode(text.encoding)
            except UnicodeDecodeError as error:
                raise FileRefusedError(
                    f"{content.name}: not {text.encoding} after line {spot.line}: {error.reason}"
                ) from error
            lines = pl.Series("line", decoded.removesuffix("\n").split("\n"), dtype=pl.String)
            lines = lines.str.strip_suffix("\r")
            at = np.arange(spot.line + 1, spot.line + 1 + len(lines), dtype=np.int64)
            record = ((lines.str.strip_chars() != "").to_numpy()) & (at > fixed.skip_lines)
            numbers = spot.row + np.cumsum(record, dtype=np.int64)
            good = record & (lines.str.len_chars() >= shortest).to_numpy()
            refused = [
                Refused(
                    f"{content.name}, line {at[row]}",
                    lines[row].encode(),
                    f"{len(lines[row])} characters; the last column begins at {shortest}",
                )
                for row in np.flatnonzero(record & ~good).tolist()
            ]
            frame = pl.DataFrame(
                {
                    one.name: lines.filter(pl.Series(good))
                    .str.slice(one.start - 1, one.length)
                    .str.strip_chars()
                    for one in fixed.columns
                }
            )
            spot = Spot(spot.at + len(raw), spot.row + int(record.sum()), int(at[-1]))
            del raw[:]
            yield Chunk(frame.to_arrow(), numbers[good], spot, tuple(refused), at[good])
