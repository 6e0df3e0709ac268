"""The transformation's plans for Polars, made once a contract and run on every micro-batch.

Translating a contract's rules from Narwhals into Polars costs about 20 ms of CPU, more than
running them on the few hundred rows of a live micro-batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import narwhals as nw
import polars as pl
from polars.io.plugins import register_io_source

LazyFunction = Callable[[nw.LazyFrame[pl.LazyFrame]], nw.LazyFrame[pl.LazyFrame]]


class Compiled:
    """A plan that keeps until its input has another schema; for one thread.

    Args:
        function: from the input's rows to the result's, over any Narwhals LazyFrame.
    """

    def __init__(self, function: LazyFunction) -> None:
        self._function = function
        self._schema: pl.Schema | None = None
        self._plan = pl.LazyFrame()
        self._input = pl.DataFrame()

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Run it on a frame's rows."""
        if frame.schema != self._schema:
            source = register_io_source(self._rows, schema=frame.schema, is_pure=False)
            self._plan = nw.to_native(self._function(nw.from_native(source)))
            self._schema = frame.schema
        self._input = frame
        try:
            return self._plan.collect()
        finally:
            self._input = pl.DataFrame()

    def _rows(
        self,
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,  # noqa: ARG002
    ) -> Iterator[pl.DataFrame]:
        frame = self._input if with_columns is None else self._input.select(with_columns)
        if n_rows is not None:
            frame = frame.head(n_rows)
        if predicate is not None:
            frame = frame.filter(predicate)
        yield frame
