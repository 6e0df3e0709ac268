"""A topic of its own for a test: records in, tables out, and what an undisturbed run would give.

Belongs here: producing chosen records, running the stream loop until all is published, reading
the tables. Does not belong here: any test.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from platform_assets.connectors.avro_codec import Encoder
from platform_assets.connectors.produce import LogProducer, Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TableName, TopicName
from platform_assets.core.settings import Settings
from platform_assets.engines import open_engine
from platform_assets.streaming.dead_letters import DeadLetters
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.locks import Lease
from platform_assets.streaming.loop import StreamLoop
from platform_assets.streaming.microbatch import Processor
from platform_assets.streaming.plan import Broker
from platform_assets.streaming.topics import TopicStates
from platform_assets.streaming.windows import Windows

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
BUSINESS = ["event_id", "user_id", "product_id", "event_type", "price", "timestamp", "event_date"]


@dataclass
class Lake:
    """One topic under test."""

    settings: Settings
    contract: Contract
    encoder: Encoder
    broker: Broker

    @property
    def topic(self) -> TopicName:
        return self.contract.topic

    def value(self, event_id: str | None, at: datetime, **payload: Any) -> bytes:
        """A framed Avro value of a view event, with fields replaced."""
        fields = {"user_id": 1, "product_id": 2, "event_type": "view", "price": 0.0, **payload}
        return self.encoder.encode(
            {
                "event_id": event_id,
                "source": "test",
                "entity": self.topic.entity,
                "op": "c",
                "occurred_at": at,
                "ingested_at": at,
                "before": None,
                "after": fields,
            }
        )

    def send(self, values: list[tuple[str, bytes]]) -> None:
        """Produce (key, value) pairs in order and wait for the broker."""
        with LogProducer(self.settings) as producer:
            for key, value in values:
                producer.send(Record(str(self.topic), key.encode(), value))

    def send_events(self, ids: range, *, days: int = 3) -> None:
        """Produce plain valid events, spread over a few days."""
        self.send(
            [
                (
                    f"e{n}",
                    self.value(
                        f"e{n}", START + timedelta(hours=n % (24 * days)), user_id=n % 100 + 1
                    ),
                )
                for n in ids
            ]
        )

    def loop(
        self,
        run_id: str = "test",
        unready: Collection[TopicName] = (),
        prepare: Callable[[Contract], object] | None = None,
        **changes: Any,
    ) -> tuple[StreamLoop, Lease]:
        """A loop over this topic alone, under a lease of its own."""
        settings = self.settings.model_copy(update=changes)
        lease = Lease(settings, f"test-{self.topic}", run_id, "1")
        loop = StreamLoop(
            settings,
            [self.contract],
            open_engine=open_engine,
            fingerprints=lambda contract: contract.fingerprint,
            lease=lease,
            run_id=run_id,
            unready=unready,
            prepare=prepare,
        )
        return loop, lease

    def run(self, *, until: int | None = None, **changes: Any) -> int:
        """Run the loop until everything on the broker is published; returns the micro-batches.

        Args:
            until: so many records in all instead, where offsets do not tell.
            changes: of the settings.
        """
        loop, lease = self.loop(**changes)
        count = 0
        with lease:
            for step in loop.steps(0.2):
                count += step is not None
                if step is None and self.caught_up(until):
                    loop.stop()
        return count

    def halted(self) -> str:
        """Run the loop until its topic halts; the reason."""
        loop, lease = self.loop()
        states = TopicStates(self.settings)
        with lease:
            for _ in loop.steps(0.2):
                if states.read(self.topic).halted_contract:
                    loop.stop()
        return states.read(self.topic).error or ""

    def caught_up(self, until: int | None = None) -> bool:
        """Whether every record on the broker (or so many) is published."""
        extents = {} if until is not None else self.broker.extents(self.topic)
        there = sum(extent.high for extent in extents.values()) if until is None else until
        totals = Ledger(self.settings).totals(self.topic)
        return totals.records - totals.open_records >= there

    def rows(self, table: TableName | None = None) -> pl.DataFrame:
        """A table's rows (silver by default)."""
        return pl.read_delta(f"{self.settings.lake_root}/{(table or self.topic.silver).path}")

    def published(self) -> list[tuple[Any, ...]]:
        """Silver's business columns, in order: what two runs must agree on."""
        return self.rows().select(BUSINESS).sort("event_id").rows()

    def processor(self) -> Processor:
        """A processor for replays."""
        settings = self.settings
        return Processor(
            settings,
            open_engine(settings),
            Ledger(settings),
            Windows(settings),
            DeadLetters(settings),
            self.broker,
            "replay",
        )

    def assert_balanced(self) -> None:
        """Nothing dropped, nothing doubled; ledger and tables agree."""
        totals = Ledger(self.settings).totals(self.topic)
        silver, quarantine = self.rows(), self.rows(self.topic.quarantine)
        bronze = self.rows(self.topic.bronze)
        assert totals.open_records == 0
        assert len(bronze) == totals.records
        assert bronze.select("kafka_partition", "kafka_offset").is_duplicated().sum() == 0
        assert len(silver) == totals.published
        assert len(quarantine) == totals.quarantined
        assert totals.records == (
            totals.published + totals.quarantined + totals.duplicates + totals.dead_letters
        )


def open_lake(settings: Settings, **changes: Any) -> Lake:
    """A fresh topic with clickstream's columns and rules; ``changes`` alter its contract."""
    base = load_contracts()[TopicName("commerce", "clickstream")]
    name = TopicName("test", f"events_{uuid.uuid4().hex[:8]}")
    contract = replace(base, topic=name, **changes)
    ids = ensure_topics(settings, [contract])
    return Lake(settings, contract, Encoder(contract, ids[name], "test"), Broker(settings))


def forget(lake: Lake, before: dict[int, int]) -> None:
    """Have the broker drop what lies before these offsets, as retention does."""
    admin = AdminClient({"bootstrap.servers": lake.settings.kafka_bootstrap})
    wanted = [TopicPartition(str(lake.topic), p, at) for p, at in before.items()]
    for future in admin.delete_records(wanted).values():
        future.result(timeout=30)


def in_thread(action: Any) -> threading.Thread:
    """Start an action beside the test."""
    thread = threading.Thread(target=action)
    thread.start()
    return thread
