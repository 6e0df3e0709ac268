"""What became of each micro-batch of a span, and how far its partitions' watermarks got.

A watermark is the running maximum, in offset order, of the event times of rows that passed
the rules. Within a span it runs on from batch to batch, so lateness depends on the log
alone and not on where batches were cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from platform_assets.contracts.model import Contract
from platform_assets.engines.base import BatchCounts, MicroBatch, Published
from platform_assets.transform import rows as transform

_MOMENT = pl.Datetime("us", "UTC")
_BATCH, _PARTITION, _OFFSET = transform.ORDER


class Tally:
    """Counts of one span, filled as it is published."""

    def __init__(
        self,
        contract: Contract,
        batches: Sequence[MicroBatch],
        judged: pl.DataFrame,
        good: pl.DataFrame,
    ) -> None:
        """Count what the row rules decided.

        Args:
            contract: the topic's contract.
            batches: the span.
            judged: at least ``_micro_batch``, ``_rule`` and ``decode_error`` of every row.
            good: the accepted rows: at least micro-batch, ``_kafka_partition``,
                ``_kafka_offset`` and the event time.
        """
        self._contract = contract
        self.counts = {batch.id: BatchCounts() for batch in batches}
        summary = judged.group_by(_BATCH).agg(
            pl.len().alias("records"),
            pl.col(transform.RULE).is_not_null().sum().alias("quarantined"),
            pl.col("decode_error").is_not_null().sum().alias("dead"),
        )
        for batch, records, quarantined, dead in summary.iter_rows():
            counts = self.counts[batch]
            counts.records, counts.quarantined, counts.dead_letters = records, quarantined, dead
        rejected = judged.filter(pl.col(transform.RULE).is_not_null())
        for batch, rule, rows in rejected.group_by(_BATCH, transform.RULE).len().iter_rows():
            self.counts[batch].rules[rule] = rows
        self._late, self.watermarks = self._lateness(batches, good)

    def _lateness(
        self, batches: Sequence[MicroBatch], good: pl.DataFrame
    ) -> tuple[pl.DataFrame, dict[int, dict[int, datetime]]]:
        """Rows behind their partition's watermark by more than the lateness; watermarks after."""
        ordered = sorted(batches, key=lambda batch: batch.id)
        segment_of: dict[int, int] = {}
        starts: dict[tuple[int, int], datetime] = {}
        for index, batch in enumerate(ordered):
            follows = index > 0 and ordered[index - 1].id == batch.id - 1
            segment_of[batch.id] = segment_of[batch.id - 1] if follows else index
            if not follows:
                starts |= {(index, part): moment for part, moment in batch.watermarks.items()}
        rows = good.select(
            _BATCH, _PARTITION, _OFFSET, pl.col(self._contract.event_time).alias("at")
        ).sort(_PARTITION, _BATCH, _OFFSET)
        segment = (
            pl.lit(0, dtype=pl.Int64)
            if len(set(segment_of.values())) == 1
            else pl.col(_BATCH).replace_strict(segment_of, return_dtype=pl.Int64)
        )
        begun = pl.DataFrame(
            [(seg, part, moment) for (seg, part), moment in starts.items()],
            schema={"segment": pl.Int64, _PARTITION: pl.Int32, "start": _MOMENT},
            orient="row",
        )
        lateness = timedelta(seconds=self._contract.lateness_seconds)
        late = (
            rows.with_columns(segment.alias("segment"))
            .join(begun, on=["segment", _PARTITION], how="left", maintain_order="left")
            .with_columns(pl.col("at").cum_max().shift(1).over("segment", _PARTITION).alias("past"))
            .filter(pl.col("at") < pl.max_horizontal("past", "start") - lateness)
            .select(_BATCH, _PARTITION, _OFFSET)
        )
        top = rows.group_by(_BATCH, _PARTITION).agg(pl.col("at").max())
        greatest = {(batch, part): at for batch, part, at in top.iter_rows()}
        after: dict[int, dict[int, datetime]] = {}
        for index, batch in enumerate(ordered):
            follows = index > 0 and ordered[index - 1].id == batch.id - 1
            marks = dict(after[batch.id - 1] if follows else batch.watermarks)
            for (of, part), at in greatest.items():
                if of == batch.id:
                    marks[part] = max(marks[part], at) if part in marks else at
            after[batch.id] = marks
        return late, after

    def published(self, rows: pl.DataFrame, date_of: pl.Expr | None = None) -> Published:
        """Count published rows; what was accepted and is not among them is a duplicate.

        Args:
            rows: at least ``_micro_batch``, ``_kafka_partition``, ``_kafka_offset`` and the
                columns of ``date_of``.
            date_of: the event date, ``event_date`` by default.
        """
        day = pl.col(transform.EVENT_DATE) if date_of is None else date_of
        summary = rows.group_by(_BATCH).agg(pl.len().alias("rows"), day.unique().alias("dates"))
        for batch, number, dates in summary.iter_rows():
            self.counts[batch].published = number
            self.counts[batch].dates = set(dates)
        if len(self._late):
            place = list(transform.ORDER)
            late = self._late.join(rows.select(place), on=place, how="semi")
            for batch, number in late.group_by(_BATCH).len().iter_rows():
                self.counts[batch].late = number
        for counts in self.counts.values():
            settled = counts.published + counts.quarantined + counts.dead_letters
            counts.duplicates = counts.records - settled
        every = set().union(*(counts.dates for counts in self.counts.values()))
        return Published(self.counts, self.watermarks, dates=every)

    @staticmethod
    def displace(published: Published, lost: pl.DataFrame) -> None:
        """Count rows of later micro-batches that yield to an earlier record."""
        for batch, number in lost.group_by(_BATCH).len().iter_rows():
            published.displaced[batch] = number
        if transform.EVENT_DATE in lost.columns:
            published.dates |= set(lost[transform.EVENT_DATE].unique().to_list())
