"""Points of a stream: a silver table's rows, by series and interval, at one pinned snapshot.

A point is timed by its interval's *start*, in seconds since 1970. An interval is complete when the
stream's event time has passed its end by the grace; a clock that is ahead of ours is not believed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from ml.anomaly.definition import FILLED, Stream
from ml.anomaly.errors import AnomalyError
from platform_assets.contracts.load import load_contracts
from platform_assets.core.settings import Settings

if TYPE_CHECKING:
    from deltalake import DeltaTable

LATE_DAYS = 7
"""Event days, before the last scored one, in which late rows are looked for."""

_BATCH = "_micro_batch"
_DATE = "event_date"


@dataclass(frozen=True)
class Extent:
    """How far a table reaches.

    Attributes:
        first: earliest event, seconds since 1970.
        newest: latest event, but not later than now.
        batch: newest micro-batch.
    """

    first: float
    newest: float
    batch: int


class Snapshot:
    """A stream's silver table as it is now; later commits do not show.

    Args:
        settings: where the lake is.
        stream: what is read.

    Raises:
        AnomalyError: the table is not there, or cannot be read.
    """

    def __init__(self, settings: Settings, stream: Stream) -> None:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError

        self._stream = stream
        self._time = load_contracts()[stream.topic].event_time
        self._path = f"{settings.lake_root.rstrip('/')}/{stream.topic.silver.path}"
        try:
            self._table: DeltaTable = DeltaTable(self._path)
        except TableNotFoundError as error:
            raise AnomalyError(
                f"{stream.name}: {stream.topic.silver.sql} does not exist yet",
                "let the stream run publish its first micro-batch",
            ) from error
        except DeltaError as error:
            raise AnomalyError(
                f"{stream.name}: {self._path} cannot be read: {str(error)[:200]}",
                "check WEIR_LAKE_ROOT and the table's log",
            ) from error

    @property
    def version(self) -> int:
        """The table's version."""
        return int(self._table.version())

    def extent(self, now: float, since: float | None = None) -> Extent | None:
        """How far it reaches; None if there is no row.

        Args:
            now: seconds since 1970.
            since: only days from this moment on are looked at.
        """
        rows = self._rows() if since is None else self._rows(since - 86_400.0 * LATE_DAYS)
        at = self._seconds()
        found = rows.select(
            first=at.min(), newest=at.filter(at <= now).max(), batch=pl.col(_BATCH).max()
        ).collect()
        first, newest, batch = found.row(0)
        if first is None or newest is None:
            return None
        return Extent(first, newest, int(batch or 0))

    def points(
        self, start: float, end: float, known: Collection[str] = (), *, labels: bool = False
    ) -> pl.DataFrame:
        """The points of whole intervals, by time and series.

        Args:
            start: start of the first interval.
            end: end of the last one.
            known: series that count 0 in an interval without rows (sums and counts only).
            labels: with a column ``label``: whether a row is a known anomaly.

        Returns:
            ``series`` (string), ``at`` (float, seconds), a float column for each signal, null
            where an interval has no value.
        """
        stream = self._stream
        at = self._seconds()
        key = pl.col(stream.key).cast(pl.String) if stream.key else pl.lit(stream.name)
        marks = [pl.col(stream.label).is_not_null().any().alias("label")] if labels else []
        frame = (
            self._rows(start, end)
            .filter((at >= start) & (at < end))
            .with_columns(series=key, at=(at / stream.interval).floor() * stream.interval)
            .filter(pl.col("series").is_not_null())
            .group_by("series", "at")
            .agg(*self._signals(), *marks)
            .collect()
        )
        return self._filled(frame, start, end, known).sort("at", "series")

    def late(self, before: float, after_batch: int) -> int:
        """Rows of younger micro-batches that belong to intervals already scored."""
        at = self._seconds()
        rows = self._rows(before - 86_400.0 * LATE_DAYS, before)
        late = (at < before) & (pl.col(_BATCH) > after_batch)
        return int(rows.filter(late).select(pl.len()).collect().item())

    def _rows(self, start: float | None = None, end: float | None = None) -> pl.LazyFrame:
        """The table, without the days outside; the day is its partition."""
        frame = pl.scan_delta(self._table)
        if start is not None:
            frame = frame.filter(pl.col(_DATE) >= _day(start))
        if end is not None:
            frame = frame.filter(pl.col(_DATE) <= _day(end))
        return frame

    def _seconds(self) -> pl.Expr:
        return pl.col(self._time).dt.epoch("us") / 1e6

    def _signals(self) -> list[pl.Expr]:
        made = []
        for signal in self._stream.signals:
            if signal.aggregate == "count":
                expression = pl.len()
            else:
                expression = getattr(pl.col(signal.column), signal.aggregate)()
            made.append(expression.cast(pl.Float64).alias(signal.name))
        return made

    def _filled(
        self, frame: pl.DataFrame, start: float, end: float, known: Collection[str]
    ) -> pl.DataFrame:
        """Zeros where nothing is a value too: from a series' first interval to the end."""
        filled = [s.name for s in self._stream.signals if s.aggregate in FILLED]
        if not filled:
            return frame
        interval = self._stream.interval
        begins = dict(frame.group_by("series").agg(pl.col("at").min()).iter_rows())
        begins |= dict.fromkeys(known, start)
        grid = pl.DataFrame(
            [
                (series, start + n * interval)
                for series, first in begins.items()
                for n in range(round((first - start) / interval), round((end - start) / interval))
            ],
            schema={"series": pl.String, "at": pl.Float64},
            orient="row",
        )
        whole = grid.join(frame, on=["series", "at"], how="left")
        flag = pl.col("label").fill_null(value=False) if "label" in frame.columns else None
        return whole.with_columns(
            *(pl.col(name).fill_null(0.0) for name in filled), *([] if flag is None else [flag])
        )


def _day(seconds: float) -> pl.Expr:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return pl.lit(moment.date())
