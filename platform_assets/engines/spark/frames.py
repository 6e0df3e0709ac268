"""Frames that several steps of one micro-batch read.

A small frame is computed once, brought to the driver and from then on is a local relation:
Spark folds filters and projections over it into the plan, so most later steps start no job.
A large frame stays where it was computed, persisted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from platform_assets.engines.spark.tables import columns, local_frame

SMALL = 10_000
"""Records up to which a micro-batch is small."""


class Frames:
    """The kept frames of one engine, until the next micro-batch."""

    def __init__(self, session: Callable[[], Any], small: int) -> None:
        self._session = session
        self._small = small
        self._persisted: list[Any] = []
        self._local: dict[int, tuple[Any, pa.Table]] = {}

    def is_small(self, records: int) -> bool:
        """Whether frames of this many records are kept on the driver."""
        return records <= self._small

    def local(self, table: pa.Table) -> Any:
        """An Arrow table as a frame."""
        frame = local_frame(self._session(), table, columns(table.schema))
        self._local[id(frame)] = frame, table  # holds the frame, so its id stays its own
        return frame

    def table(self, frame: Any) -> pa.Table | None:
        """The Arrow table of a small frame; None for any other."""
        known = self._local.get(id(frame))
        return None if known is None else known[1]

    def persist(self, frame: Any) -> Any:
        """Keep a frame where it is computed."""
        kept = frame.persist()
        self._persisted.append(kept)
        return kept

    def fix(self, frame: Any, at_most: int) -> Any:
        """Compute a frame once.

        Args:
            frame: what several steps will read.
            at_most: about how many rows it can have; decides where it is kept.
        """
        if not self.is_small(at_most):
            return self.persist(frame)
        table = frame.toArrow()
        fixed = local_frame(self._session(), table, frame.schema)
        self._local[id(fixed)] = fixed, table
        return fixed

    def polars(self, frame: Any, names: Sequence[str]) -> pl.DataFrame:
        """Columns of a frame here, in this process."""
        table = self.table(frame)
        if table is not None:
            return pl.DataFrame(table.select(list(names)))
        return pl.DataFrame(frame.select(*names).toArrow())

    def forget(self) -> None:
        """Let go of everything that was kept."""
        for frame in self._persisted:
            frame.unpersist()
        self._persisted, self._local = [], {}
