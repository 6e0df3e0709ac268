"""A topic's log in memory over a real ledger and real tables: for replays, without a broker.

Belongs here: a processor over such a log, and what ledger and tables must agree on. Does not
belong here: any test.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from platform_assets.contracts.model import Contract, TopicKind
from platform_assets.core.naming import TableName, TopicName
from platform_assets.core.settings import Settings
from platform_assets.engines.base import MicroBatch, OffsetRange, RangeGoneError, Taken
from platform_assets.engines.local.engine import LocalEngine
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.microbatch import Processor
from platform_assets.streaming.windows import Windows
from tests import engine_rows as rows


class MemoryEngine(LocalEngine):
    """The local engine over a log in memory, of which retention may have taken all."""

    def __init__(self, settings: Settings, log: rows.Log, *, gone: bool) -> None:
        super().__init__(settings, rows.schemas(log.contract))
        self._log, self._gone = log, gone

    def take(
        self,
        contract: Contract,
        ranges: Sequence[OffsetRange],
        max_bytes: int | None,
        schemas: Mapping[int, str] | None = None,
    ) -> Taken:
        if self._gone:
            raise RangeGoneError("the log starts later")
        batch = replace(self._log.batches[0], ranges=tuple(ranges))
        raw = self._log.raw([batch])
        return Taken(raw, tuple(ranges), len(raw), 0)


@dataclass
class Letters:
    """Dead letters that nobody reads."""

    sent: int = 0

    def send(self, contract: Contract, batches: Sequence[MicroBatch], bronze: Any) -> int:
        self.sent += 1
        return 0


class NoBroker:
    """Gives topics no id."""

    def topic_id(self, topic: TopicName) -> None:
        return None


@dataclass
class Replays:
    """One topic: its log, its ledger and its tables below a folder of its own."""

    settings: Settings
    log: rows.Log
    letters: Letters = field(default_factory=Letters)
    gone: bool = False

    @property
    def contract(self) -> Contract:
        return self.log.contract

    @property
    def topic(self) -> TopicName:
        return self.contract.topic

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.settings)

    def processor(self) -> Processor:
        """A fresh one, as after a restart: it remembers nothing."""
        engine = MemoryEngine(self.settings, self.log, gone=self.gone)
        letters: Any = self.letters
        broker: Any = NoBroker()
        windows = Windows(self.settings)
        return Processor(self.settings, engine, self.ledger, windows, letters, broker, "test")

    def land(self) -> None:
        """Take every micro-batch of the log, one after another."""
        processor = self.processor()
        processor.engine.ensure_tables(self.contract)
        for batch in self.log.batches:
            taken = processor.take(self.contract, batch.ranges)
            processor.first(self.contract, batch, taken)

    def land_rest(self) -> None:
        """Take the micro-batches of the log that were not taken yet."""
        processor, taken = self.processor(), set(self.counts())
        for batch in self.log.batches:
            if batch.id not in taken:
                read = processor.take(self.contract, batch.ranges)
                processor.first(self.contract, batch, read)

    def comparable(self) -> tuple[object, ...]:
        """Tables (in order, whatever their names) and counts."""
        found = list(self.tables().values())
        for row in (row for table in found for row in table):
            for name in ("kafka_partition", "_kafka_partition"):
                # A hand-over that was not committed leaves its number unused.
                if row.get(name, 0) < 0:
                    row[name] = -1
        return found, self.counts()

    def window(self) -> str:
        """The window of all its micro-batches."""
        return Windows(self.settings).keys(self.topic)[0]

    def replay(self, ids: Sequence[int]) -> None:
        """Publish these micro-batches again, under the contract as it is now."""
        processor = self.processor()
        batches = processor.ledger.batches_by_id(self.topic, ids)
        for _ in processor.replay_silver(self.contract, batches, accept=True):
            pass

    def change_contract(self, **changes: Any) -> None:
        """From now on the topic has another contract."""
        self.log.contract = replace(self.contract, **changes)

    def rows(self, table: TableName) -> pl.DataFrame:
        return pl.read_delta(f"{self.settings.lake_root}/{table.path}")

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Every table's rows, in a fixed order."""
        return rows.tables(self.settings.lake_root, self.contract)

    def counts(self) -> dict[int, tuple[int, ...]]:
        """Per micro-batch what the ledger says became of it."""
        with self.ledger._database.borrow() as connection:
            found = connection.execute(
                """SELECT id, records, published, quarantined, duplicates, dead_letters
                   FROM micro_batch WHERE topic = %s ORDER BY id""",
                (str(self.topic),),
            ).fetchall()
        return {row[0]: tuple(row[1:]) for row in found}

    def changed_dates(self) -> set[Any]:
        """Event dates that gold was told of."""
        dates, _ = self.ledger.changed_dates("test", [self.topic], 10_000)
        return set(dates.get(self.topic, []))

    def assert_agrees(self) -> None:
        """Ledger and tables say the same of every micro-batch, and nothing was dropped."""
        published = self.rows(self.contract.published_table)
        by_batch = dict(published["_micro_batch"].value_counts().iter_rows())
        for number, (records, done, *others) in self.counts().items():
            assert records == done + sum(others), f"micro-batch {number} is out of balance"
            assert done == by_batch.get(number, 0), f"micro-batch {number} in the table"
        if self.contract.kind is TopicKind.CHANGE:
            held = published.filter(pl.col("valid_to").is_null() & (pl.col("op") != "d"))
            place = ["_kafka_partition", "_kafka_offset"]
            current = self.rows(self.topic.silver)
            assert sorted(current.select(place).rows()) == sorted(held.select(place).rows())


def open_replays(settings: Settings, root: Path, log: rows.Log) -> Replays:
    """The log under a topic of its own, with empty tables."""
    entity = f"{log.contract.topic.entity}_{uuid.uuid4().hex[:8]}"
    contract = replace(log.contract, topic=TopicName("test", entity))
    log = rows.Log(contract, log.values, log.batches)
    return Replays(settings.model_copy(update={"lake_root": str(root)}), log)


def clicks(*values: dict[str, Any] | bytes, sizes: Sequence[int] = ()) -> rows.Log:
    """A log of clicks in one partition, cut into micro-batches of these sizes and the rest."""
    return _log(rows.CLICKS, values, sizes)


def changes(*values: dict[str, Any] | bytes, sizes: Sequence[int] = ()) -> rows.Log:
    """The same of changes of customers."""
    return _log(rows.CUSTOMERS, values, sizes)


def _log(
    contract: Contract, values: Sequence[dict[str, Any] | bytes], sizes: Sequence[int]
) -> rows.Log:
    encoded: list[bytes | None] = [
        value if isinstance(value, bytes) else rows.HEADER + rows.encode(contract, value)
        for value in values
    ]
    return rows.cut(contract, {0: encoded}, sizes)
