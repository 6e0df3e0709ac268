"""The engine seam: what an engine supplies, and the values that cross it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TableName

if TYPE_CHECKING:
    import polars as pl

Frame = Any
"""An engine's own frame: ``polars.DataFrame`` or ``pyspark.sql.DataFrame``."""


@dataclass(frozen=True, order=True)
class OffsetRange:
    """Offsets ``start`` (inclusive) to ``end`` (exclusive) of one Kafka partition.

    A partition below zero is not the broker's: ``-n`` is bulk file ``n`` of the topic, and its
    offsets are the numbers of the file's records, from 1.
    """

    partition: int
    start: int
    end: int

    @property
    def is_file(self) -> bool:
        """Whether it is of a bulk file."""
        return self.partition < 0

    @property
    def offsets(self) -> int:
        """Offsets in the range: at most so many records (aborted and compacted ones have gaps)."""
        return self.end - self.start


@dataclass(frozen=True)
class MicroBatch:
    """One recorded micro-batch of a topic.

    Attributes:
        id: position in the topic's sequence, from 1.
        ranges: its exact offset ranges, one for each Kafka partition that had records.
        watermarks: per Kafka partition the greatest valid event time before the batch.
        generation: which making of the topic the offsets belong to.
        schemas: what schema ids meant when it was taken (id to Avro schema); the registry is
            asked for ids that are not named.
    """

    id: int
    ranges: tuple[OffsetRange, ...]
    watermarks: Mapping[int, datetime] = field(default_factory=dict)
    generation: int = 0
    schemas: Mapping[int, str] = field(default_factory=dict)

    @property
    def is_file(self) -> bool:
        """Whether it is of a bulk file, so that the log never held its records."""
        return any(item.is_file for item in self.ranges)


@dataclass(frozen=True)
class Taken:
    """Records read from the log: the raw frame and the ranges it really covers."""

    frame: Frame
    ranges: tuple[OffsetRange, ...]
    records: int
    bytes: int


@dataclass
class BatchCounts:
    """What became of one micro-batch.

    records = published + quarantined + duplicates + dead_letters.

    ``late`` counts published rows that came after their partition's watermark had passed
    them by more than the contract's lateness; ``rules`` counts rejected rows by first
    broken rule; ``dates`` are the event dates whose published rows changed.
    """

    records: int = 0
    published: int = 0
    quarantined: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    late: int = 0
    rules: dict[str, int] = field(default_factory=dict)
    dates: set[date] = field(default_factory=set)


@dataclass
class Checked:
    """A decoded frame after the row rules, before deduplication against the table.

    Attributes:
        frame: bronze columns plus ``_rule`` (first broken rule or null) and ``_rules``.
        batches: records of each micro-batch that has any.
        records, quarantined, dead_letters: totals over the frame.
    """

    frame: Frame
    batches: Mapping[int, int]
    records: int
    quarantined: int
    dead_letters: int


@dataclass
class Published:
    """The result of publishing a span of micro-batches.

    Attributes:
        counts: per micro-batch id.
        watermarks: per micro-batch id and Kafka partition, the watermark after it.
        displaced: rows of *other* (later) micro-batches that had to yield to an earlier
            record with the same key: micro-batch id -> rows moved from published to duplicates.
        redo: micro-batches to publish again, because a key that they lost is now free.
        freed: whether any key is now free.
        dates: event dates whose published rows changed, removed rows included.
    """

    counts: dict[int, BatchCounts]
    watermarks: dict[int, dict[int, datetime]]
    displaced: dict[int, int] = field(default_factory=dict)
    redo: set[int] = field(default_factory=set)
    freed: bool = False
    dates: set[date] = field(default_factory=set)


class RangeGoneError(RuntimeError):
    """The log no longer holds a range (retention), so it cannot be read again from Kafka."""


class Engine(Protocol):
    """Reads the log by offsets, decodes, and writes Delta, exactly.

    Every write of a span replaces exactly the rows of its micro-batches (a predicate on
    ``_micro_batch``), so writing the same span again changes nothing. The caller holds the
    table's writer lock around :meth:`write_bronze` and around :meth:`publish`.
    """

    name: str

    def ensure_tables(self, contract: Contract) -> None:
        """Create the contract's tables, empty, where they are not there; add new columns."""
        ...

    def take(
        self,
        contract: Contract,
        ranges: Sequence[OffsetRange],
        max_bytes: int | None,
        schemas: Mapping[int, str] | None = None,
    ) -> Taken:
        """Read exactly these ranges; with ``max_bytes`` stop early and say so in ``ranges``.

        An engine that decodes on the way does it by ``schemas`` (see :class:`MicroBatch`).

        Raises:
            RangeGoneError: the log starts after a range's start.
        """
        ...

    def given(self, contract: Contract, rows: pl.DataFrame, ranges: Sequence[OffsetRange]) -> Taken:
        """Records that did not come from the log.

        Args:
            contract: of the topic.
            rows: by offset; columns of ``layout.RAW``, or bronze rows that are decoded.
            ranges: that they cover.
        """
        ...

    def decode(self, contract: Contract, batches: Sequence[MicroBatch], taken: Taken) -> Frame:
        """Raw records to bronze rows, each with its ``_micro_batch``.

        Schema ids must mean the same in all these micro-batches.
        """
        ...

    def schema_of(self, schema_id: int) -> str | None:
        """The Avro schema that the registry has under this id; None where it has none."""
        ...

    def write_bronze(self, contract: Contract, batches: Sequence[MicroBatch], frame: Frame) -> int:
        """Replace the span's rows in bronze by ``frame``; returns rows written."""
        ...

    def read_bronze(self, contract: Contract, batches: Sequence[MicroBatch]) -> Frame:
        """Read the span's bronze rows, decoded again from their bytes as :meth:`decode` does."""
        ...

    def rows(self, contract: Contract, table: TableName, ids: Iterable[int]) -> dict[int, int]:
        """How many rows each of these micro-batches has in a table of the topic; 0 where none."""
        ...

    def check(self, contract: Contract, bronze: Frame) -> Checked:
        """Apply the contract's types and row rules."""
        ...

    def publish(
        self,
        contract: Contract,
        batches: Sequence[MicroBatch],
        checked: Checked,
        intend: Callable[[Published], None] = lambda _: None,
    ) -> Published:
        """Deduplicate against the table and replace the span's rows in silver and quarantine.

        ``intend`` is told the whole result before the first commit, and may refuse it by an
        exception; where another writer was faster, again. Of a change topic the current rows are
        committed before the history: they follow from it, so after a crash between the two all
        is as if it had not begun.
        """
        ...

    def close(self) -> None:
        """Release consumers and sessions."""
        ...
