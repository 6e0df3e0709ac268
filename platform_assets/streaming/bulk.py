"""A topic's bulk files as a log: slices of rows, each with its exact range of record numbers."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import polars as pl
import structlog

from platform_assets.connectors.produce import LogProducer, Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.seam.bulk import BulkFiles, HandedOver
from platform_assets.connectors.seam.columns import ColumnarMapping
from platform_assets.connectors.seam.definition import SourceDefinition, load_sources
from platform_assets.connectors.seam.personal import PersonalValues
from platform_assets.connectors.seam.pull import StreamOutcome, mapping_of, open_reader
from platform_assets.connectors.seam.reader import BulkReader, ConnectorError, Slice
from platform_assets.connectors.seam.refused import Letter, dead_letter, refused_rows, too_large
from platform_assets.connectors.seam.state import SourceStates
from platform_assets.connectors.seam.transaction import LARGEST
from platform_assets.contracts.model import Contract
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.engines import layout
from platform_assets.engines.base import MicroBatch, OffsetRange
from platform_assets.engines.decode import Known, decoded
from platform_assets.streaming.faults import is_away
from platform_assets.streaming.ledger import Ledger, Progress
from platform_assets.streaming.microbatch import Processor, Step

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0
"""How often a topic without bulk files looks for one."""
LONGEST_PAUSE_SECONDS = 60.0
"""Between two tries of a file that cannot be read on."""


@dataclass(frozen=True)
class BulkSlice:
    """A part of a bulk file, ready to be a micro-batch.

    Attributes:
        file: whose.
        range: its records; empty where it only says why the file ends here.
        rows: as an engine is given them.
        letters: dead letters of what could not be mapped.
        after: where the next slice begins.
        watermark: of the file before it.
    """

    file: HandedOver
    range: OffsetRange
    rows: pl.DataFrame
    letters: tuple[Record, ...]
    after: Slice
    watermark: datetime | None = None


@dataclass
class _Open:
    """A file under way: its slices, and the one that is read ahead."""

    file: HandedOver
    reader: BulkReader
    slices: Generator[BulkSlice]
    record: int
    ahead: Future[BulkSlice | None] | None = None


@dataclass
class BulkLog:
    """Reads one topic's bulk files; for one thread, beside which it reads a slice ahead.

    A file that cannot be read on waits, with its error: the topic and its other files go on.

    Attributes:
        schema_id: of the topic's records as the contract is now.
    """

    settings: Settings
    contract: Contract
    ledger: Ledger
    files: BulkFiles
    schema_id: Callable[[], int] | None = None
    _open: _Open | None = None
    _looked: float = -LOOK_SECONDS
    _tries: dict[int, int] = field(default_factory=dict)
    _waits: dict[int, float] = field(default_factory=dict)
    _worker: ThreadPoolExecutor | None = None
    _states: SourceStates | None = None

    def next(self) -> BulkSlice | None:
        """The next slice; None where no file waits, or the one that did is at its end.

        Raises:
            WeirError: a server does not answer.
        """
        now = time.monotonic()
        if self._open is None and now - self._looked < LOOK_SECONDS:
            return None
        self._looked = now
        waits = tuple(number for number, until in self._waits.items() if until > now)
        file = self.files.next_open(str(self.contract.topic), waits)
        if file is None:
            self.reset()
            return None
        record, watermark = self.ledger.bulk.progress(self.contract.topic, file.partition)
        try:
            found = self._next_of(file, record)
        except Exception as error:
            self.reset()
            if is_away(error):
                raise
            self._failed(file, error)
            return None
        if file.error is not None:
            self.files.failed(file, None)
        self._tries.pop(file.number, None)
        if found is None:
            self.files.finish(file)
            self.reset()
            self._looked = -LOOK_SECONDS
            return None
        return BulkSlice(file, found.range, found.rows, found.letters, found.after, watermark)

    def prepare(self, found: BulkSlice) -> None:
        """What must be on record before the slice is: its dead letters, and where it ends.

        Raises:
            WeirError: a server does not answer, or refuses.
        """
        if found.letters:
            with LogProducer(self.settings) as producer:
                producer.send_all(found.letters)
        if found.range.offsets:
            start, end = found.range.start, found.range.end
            self.files.note_position(found.file, start, end, found.after.after)

    def tell(self, found: BulkSlice, seconds: float) -> None:
        """Add a slice to the source's sums, which are for people."""
        outcome = StreamOutcome(
            found.file.stream, found.file.topic, len(found.rows), len(found.letters),
            bytes=int(found.rows.estimated_size()), seconds=seconds,
        )  # fmt: skip
        with contextlib.suppress(WeirError):
            if self._states is None:
                self._states = SourceStates(self.settings)
            self._states.add(found.file.source, outcome)

    def reset(self) -> None:
        """Let go of the file under way; it is gone on with where the ledger says."""
        if self._open is None:
            return
        if self._open.ahead is not None:
            with contextlib.suppress(Exception):
                self._open.ahead.result()
        self._open.slices.close()
        self._open.reader.close()
        self._open = None

    def close(self) -> None:
        """Give everything back."""
        self.reset()
        if self._worker is not None:
            self._worker.shutdown()
        if self._states is not None:
            self._states.close()

    def _next_of(self, file: HandedOver, record: int) -> BulkSlice | None:
        under_way = self._open
        if under_way is None or under_way.file.number != file.number or under_way.record != record:
            self.reset()
            under_way = self._open = self._begin(file, record)
        worker = self._worker = self._worker or ThreadPoolExecutor(1, "bulk")
        ahead = under_way.ahead or worker.submit(next, under_way.slices, None)
        under_way.ahead = None
        found = ahead.result()
        if found is not None:
            under_way.record = found.range.end
            under_way.ahead = worker.submit(next, under_way.slices, None)
        return found

    def _begin(self, file: HandedOver, record: int) -> _Open:
        source = self._source(file)
        stream = source.stream(file.stream)
        id_of = self.schema_id or self._registered
        known = Known(source.name, self.contract.topic.entity, id_of())
        mapping = mapping_of(source, stream, self.contract, known.schema_id)
        if not isinstance(mapping, ColumnarMapping):
            raise ConnectorError(
                f"source {source.name}, stream {stream.stream}: bulk files need `columns`",
                "map by columns, or leave `bulk_over` out and give the file up",
            )
        reader = cast("BulkReader", open_reader(self.settings, source))
        limits = self.settings.batch_max_records, self.settings.batch_max_bytes
        found = reader.slices(file.stream, file.state, self.files.position(file, record), *limits)

        personal = PersonalValues(stream, self.contract)

        def made() -> Generator[BulkSlice]:
            for one in found:
                rows, refused = _records(
                    one, self.contract, mapping, known, file.partition, personal
                )
                letters = tuple(
                    dead_letter(source.name, stream, self.contract, letter) for letter in refused
                )
                covered = OffsetRange(file.partition, one.start, one.end)
                yield BulkSlice(file, covered, rows, letters, one)

        return _Open(file, reader, made(), record)

    def _registered(self) -> int:
        return ensure_topics(self.settings, [self.contract])[self.contract.topic]

    def _source(self, file: HandedOver) -> SourceDefinition:
        found = load_sources()
        if file.source not in found:
            raise ConnectorError(
                f"source {file.source} is not defined any more, and {file.name} is not taken whole",
                "put its folder back, or give the file up: weir sources files",
            )
        return found[file.source]

    def _failed(self, file: HandedOver, error: Exception) -> None:
        tries = self._tries[file.number] = self._tries.get(file.number, 0) + 1
        pause = min(LONGEST_PAUSE_SECONDS, 2.0 ** min(tries, 10))
        self._waits[file.number] = time.monotonic() + random.uniform(0.5, 1.0) * pause  # noqa: S311
        log.warning("bulk file waits", topic=file.topic, file=file.name, error=str(error))
        self.files.failed(file, str(error))


def land(processor: Processor, bulk: BulkLog, found: BulkSlice, progress: Progress) -> Step | None:
    """Take a slice as the topic's next micro-batch, then land and publish it.

    Returns:
        What it did; None where the slice has no records and only says why.
    """
    bulk.prepare(found)
    if not found.range.offsets:
        return None
    marks = {} if found.watermark is None else {found.range.partition: found.watermark}
    number = progress.generation.number
    batch = MicroBatch(progress.last_id + 1, (found.range,), marks, number)
    taken = processor.engine.given(bulk.contract, found.rows, batch.ranges)
    step = processor.first(bulk.contract, batch, taken)
    bulk.tell(found, step.seconds)
    return step


def _records(
    part: Slice,
    contract: Contract,
    mapping: ColumnarMapping,
    known: Known,
    partition: int,
    personal: PersonalValues,
) -> tuple[pl.DataFrame, list[Letter]]:
    """A slice as records of the topic, decoded where that is known, and what was refused."""
    mapped = mapping.columns(part.page)
    letters = refused_rows(part.page, mapped.refused, personal)
    count = len(mapped.values)
    # The broker's clock has milliseconds.
    arrived = datetime.now(UTC)
    arrived = arrived.replace(microsecond=arrived.microsecond // 1000 * 1000)
    raw = pl.DataFrame(
        {
            "kafka_offset": part.numbers.to_numpy()[mapped.rows],
            "kafka_key": pl.Series(mapped.keys, dtype=pl.Binary),
            "kafka_value": pl.Series(mapped.values, dtype=pl.Binary),
        }
    ).select(
        pl.repeat(partition, count, dtype=pl.Int32).alias("kafka_partition"),
        "kafka_offset",
        pl.repeat(arrived, count, dtype=pl.Datetime("us", "UTC")).alias("kafka_timestamp"),
        "kafka_key",
        pl.repeat(None, count, dtype=_HEADERS).alias("kafka_headers"),
        "kafka_value",
    )
    sizes = raw["kafka_value"].bin.size() + raw["kafka_key"].bin.size().fill_null(0)
    large = raw.filter(sizes > LARGEST)
    if len(large):
        refused = zip(large["kafka_key"], large["kafka_value"], strict=True)
        letters = [too_large(key, value) for key, value in refused] + letters
        return raw.filter(sizes <= LARGEST), letters
    if mapped.made is None or mapped.made.before is not None:
        return raw, letters
    return decoded(contract, raw, mapped.made, known), letters


_HEADERS = pl.DataFrame(layout.RAW.empty_table())["kafka_headers"].dtype
