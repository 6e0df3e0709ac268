"""A processor's output into the hot path, from the position that the hot path itself holds."""

from __future__ import annotations

import time
from dataclasses import dataclass

import polars as pl
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from platform_assets.connectors import kafka
from platform_assets.contracts.model import Contract
from platform_assets.core.settings import Settings
from platform_assets.engines.registry import Lookup
from platform_assets.processors.exchange import LINGER_SECONDS, consumer_config
from platform_assets.processors.hot.store import Added, HotStore
from platform_assets.processors.model import ProcessorError
from platform_assets.processors.records import Judge

_PARTITIONS_SECONDS = 60.0
"""How often it looks whether the topic has more partitions."""


@dataclass(frozen=True)
class Stored:
    """A batch that was stored.

    Attributes:
        added: what became of its rows.
        latencies: of each new row the seconds from the broker's time of the source's record.
    """

    added: Added
    latencies: list[float]


class Sink:
    """Takes one topic of results in; use as a context manager, in one thread.

    Args:
        settings: where the broker is.
        contract: of the topic.
        lookup: of writer schemas.
        store: the hot path.
    """

    def __init__(
        self, settings: Settings, contract: Contract, lookup: Lookup, store: HotStore
    ) -> None:
        self._settings, self._contract, self._store = settings, contract, store
        self._topic = str(contract.topic)
        self._judge = Judge(contract, lookup)
        self._positions: dict[int, int] = {}
        self._partitions: set[int] = set()
        self._looked = 0.0
        self._consumer = Consumer(
            {
                **consumer_config(settings),
                "group.id": "weir-hot-path",
                "auto.offset.reset": "error",
            }
        )

    def __enter__(self) -> Sink:
        self._positions = self._store.positions(self._topic)
        self._assign()
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def step(self, most: int, wait: float) -> Stored | None:
        """Store what comes next; None when nothing came for ``wait`` seconds.

        Raises:
            PositionConflictError: another process stores the same topic; open it again.
            DatabaseError: PostgreSQL does not answer; open it again.
            ProcessorError: the log does not hold the position any more, or the broker refuses.
        """
        if time.monotonic() - self._looked > _PARTITIONS_SECONDS:
            self._assign()
        messages = self._take(most, wait)
        if not messages:
            return None
        after = dict(self._positions)
        for message in messages:
            partition = int(message.partition() or 0)
            after[partition] = max(after.get(partition, 0), int(message.offset() or 0) + 1)
        rows = hot_rows(self._contract, self._judge(messages).rows)
        added = self._store.add(self._topic, self._positions, after, rows)
        self._positions = after
        now = time.time()
        arrived = rows.filter(pl.col("event_id").is_in(list(added.new)))["arrived_at"]
        return Stored(added, [now - at for at in (arrived.dt.epoch("us") / 1e6)])

    def _take(self, most: int, wait: float) -> list[Message]:
        found: list[Message] = []
        end: float | None = None
        while len(found) < most:
            message = self._consumer.poll(wait if end is None else max(0.0, end - time.monotonic()))
            if message is None:
                break
            if (error := message.error()) is not None:
                self._failed(error)
                continue
            found.append(message)
            end = end or time.monotonic() + LINGER_SECONDS
        return found

    def _failed(self, error: KafkaError) -> None:
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            raise ProcessorError(
                f"hot path of {self._topic}: the log does not hold its position any more: "
                f"{error.str()}",
                "records between were not taken in; they are in silver. Delete the topic's rows of "
                "hot_position (database live), and it begins with what the log has",
            )
        if not kafka.may_pass(error):
            raise ProcessorError(f"hot path of {self._topic}: the broker refuses: {error.str()}")

    def _assign(self) -> None:
        """Stand at the stored positions, new partitions at their beginning."""
        self._looked = time.monotonic()
        seconds = min(10.0, self._settings.request_timeout_seconds)
        try:
            topics = self._consumer.list_topics(self._topic, timeout=seconds).topics
            found = set(topics[self._topic].partitions)
            if found == self._partitions:
                return
            starts = {number: self._positions.get(number, -1) for number in found}
            for number, at in starts.items():
                if at < 0:
                    place = TopicPartition(self._topic, number)
                    starts[number] = self._consumer.get_watermark_offsets(place, timeout=seconds)[0]
        except KafkaException as error:
            if kafka.may_pass(error):
                raise kafka.unreachable(self._settings, error) from error
            raise ProcessorError(
                f"hot path of {self._topic}: the broker refuses: {error.args[0].str()}"
            ) from error
        self._partitions = found
        self._consumer.assign(
            [TopicPartition(self._topic, number, at) for number, at in starts.items()]
        )


def hot_rows(contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that pass the contract of results, as table ``understood`` has them."""
    return rows.with_columns(
        pl.col(contract.event_time).dt.date().alias("day"),
        pl.col(contract.event_time).alias("occurred_at"),
        pl.col("kafka_partition").alias("log_partition"),
        pl.col("kafka_offset").alias("log_offset"),
    )
