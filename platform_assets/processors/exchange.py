"""Records in, results and the position after them out: one Kafka transaction.

The group's members share the partitions. A member's transactional id and its place in the group
are its number, so one that is started again after a kill fences the one before, aborts what that
one left open, and has its partitions at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from platform_assets.connectors import kafka, transactions
from platform_assets.connectors.produce import Record, producer_config
from platform_assets.core.settings import Settings
from platform_assets.processors.model import FencedError, ProcessorError

LINGER_SECONDS = 0.05
"""How long a batch waits for more once it has a record: judging one costs as much as fifty."""

_SECONDS = 30
"""For one step of a transaction, and until the broker aborts one whose owner is gone."""
_FENCED = (*transactions.FENCED, KafkaError.FENCED_INSTANCE_ID)


def consumer_config(settings: Settings) -> dict[str, object]:
    """What every consumer of the speed layer has."""
    return {
        **kafka.client_config(settings),
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "fetch.queue.backoff.ms": 20,
        # A record of any size that a broker may hold is read.
        "receive.message.max.bytes": 2**31 - 1,
        "queued.max.messages.kbytes": 16_384,
        "check.crcs": True,
    }


def group_of(name: str) -> str:
    """Consumer group of a processor."""
    return f"weir-processor-{name}"


class Exchange:
    """One member of a processor's group; use as a context manager, in one thread.

    Args:
        settings: where the broker is.
        name: the processor's.
        topics: what it reads.
        member: its number among the processes that run the processor, from 0.
    """

    def __init__(
        self, settings: Settings, name: str, topics: Sequence[str], member: int = 0
    ) -> None:
        self._settings, self._name, self._topics = settings, name, list(topics)
        self._held: list[Message] = []
        self.rebalances = 0
        who = f"{group_of(name)}-{member}"
        self._producer = Producer(
            {
                **producer_config(settings, _SECONDS),
                "transactional.id": who,
                "transaction.timeout.ms": _SECONDS * 1000,
                "linger.ms": 0,
            }
        )
        self._consumer = Consumer(
            {
                **consumer_config(settings),
                "group.id": group_of(name),
                "group.instance.id": who,
                "auto.offset.reset": "earliest",
                "session.timeout.ms": 10_000,
                "heartbeat.interval.ms": 3_000,
            }
        )

    def __enter__(self) -> Exchange:
        """Take the place of a member that is gone, and join.

        Raises:
            BrokerUnreachableError: no broker answers in time.
        """
        try:
            self._producer.init_transactions(_SECONDS)
        except KafkaException as error:
            self._consumer.close()
            raise self._explained(error) from error
        self._consumer.subscribe(self._topics, on_revoke=self._revoked, on_lost=self._revoked)
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.purge()
        self._consumer.close()

    def take(self, most: int, wait: float) -> list[Message]:
        """The next records, at most so many; none when none came for ``wait`` seconds.

        Raises:
            FencedError: another process has this member's number.
            ProcessorError: the broker refuses.
        """
        self._held = []
        end: float | None = None
        while len(self._held) < most:
            # One by one: what a rebalance takes away is told in between, and dropped.
            message = self._consumer.poll(wait if end is None else max(0.0, end - time.monotonic()))
            if message is None:
                break
            if (error := message.error()) is not None:
                if not kafka.may_pass(error):
                    raise self._explained(KafkaException(error))
                continue
            self._held.append(message)
            end = end or time.monotonic() + LINGER_SECONDS
        return self._held

    def commit(self, records: Iterable[Record], taken: Sequence[Message]) -> None:
        """Commit results and the position after the records that they were made of.

        Raises:
            FencedError: another process has this member's number.
            BrokerUnreachableError: the broker did not commit in time. Whether it did is settled
                when the exchange is opened again.
            ProcessorError: it refuses; nothing is in the log.
        """
        after: dict[tuple[str, int], int] = {}
        for message in taken:
            place = (str(message.topic()), int(message.partition() or 0))
            after[place] = max(after.get(place, 0), int(message.offset() or 0) + 1)
        places = [TopicPartition(topic, number, at) for (topic, number), at in after.items()]
        try:
            self._producer.begin_transaction()
            for record in records:
                transactions.hand_over(self._producer, record, _SECONDS)
            group = self._consumer.consumer_group_metadata()
            self._producer.send_offsets_to_transaction(places, group, _SECONDS)
            transactions.end(self._producer, _SECONDS)
        except KafkaException as error:
            transactions.abort(self._producer, _SECONDS)
            raise self._explained(error) from error
        except BaseException:
            transactions.abort(self._producer, _SECONDS)
            raise

    def lag(self) -> int:
        """Offsets that wait in this member's partitions, as the last fetch saw them."""
        waiting = 0
        for place in self._consumer.position(self._consumer.assignment()):
            if place.offset >= 0:
                _, high = self._consumer.get_watermark_offsets(place, cached=True)
                waiting += max(0, high - place.offset)
        return waiting

    def _revoked(self, _consumer: Consumer, _places: list[TopicPartition]) -> None:
        """All partitions are handed out anew, from the committed positions on."""
        self.rebalances += 1
        self._held.clear()

    def _explained(self, error: KafkaException) -> Exception:
        told = error.args[0]
        if told.code() in _FENCED:
            return FencedError(
                f"processor {self._name}: another process runs it; this one ends",
                "nothing to do: the other one goes on from the last committed position",
            )
        if kafka.may_pass(error):
            return kafka.unreachable(self._settings, error)
        return ProcessorError(f"processor {self._name}: the broker refuses: {told.str()}")
