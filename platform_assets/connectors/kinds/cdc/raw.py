"""A raw topic: made, read from an offset, looked back into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from platform_assets.connectors.kafka import admin, client_config, may_pass, metadata, unreachable
from platform_assets.connectors.seam.reader import ConnectorError
from platform_assets.core.settings import Settings

_IDLE_SECONDS = 0.5
_GATHER_SECONDS = 0.01


def ensure(settings: Settings, topics: Iterator[str], keep_hours: float) -> None:
    """Make the topics that are missing, of one partition: a table's changes keep their order.

    Raises:
        BrokerUnreachableError: no broker answers in time.
        ConnectorError: the broker refuses one.
    """
    config = {
        "cleanup.policy": "delete",
        "retention.ms": str(round(keep_hours * 3_600_000)),
        "compression.type": "lz4",
    }
    wanted = [NewTopic(topic, 1, -1, config=config) for topic in topics]
    client = admin(settings)
    made = client.create_topics(wanted, request_timeout=settings.request_timeout_seconds)
    for topic, future in made.items():
        try:
            future.result(timeout=settings.request_timeout_seconds + 5)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise _explained(settings, topic, error) from error


def delete(settings: Settings, prefix: str, *names: str) -> list[str]:
    """Delete the topics whose name begins so, or is one of these; their names.

    Raises:
        BrokerUnreachableError, BrokerRefusedError: as the broker answers.
        ConnectorError: it refuses one.
    """
    client = admin(settings)
    there = metadata(client, settings).topics
    found = [name for name in there if name.startswith(prefix) or name in names]
    if not found:
        return []
    seconds = settings.request_timeout_seconds
    for topic, future in client.delete_topics(found, request_timeout=seconds).items():
        try:
            future.result(timeout=seconds + 5)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise _explained(settings, topic, error) from error
    return sorted(found)


class RawTopic:
    """One table's events, in order.

    Args:
        settings: where Kafka is.
        topic: its name.
        offset: where to begin; None: with the oldest that is kept.

    Raises:
        BrokerUnreachableError: no broker answers in time.
        ConnectorError: what follows the offset is not there any more.
    """

    def __init__(self, settings: Settings, topic: str, offset: int | None) -> None:
        self._settings, self._topic = settings, topic
        self._consumer = self._consumer_at(OFFSET_BEGINNING if offset is None else offset)
        try:
            low, high = self._consumer.get_watermark_offsets(
                TopicPartition(topic, 0), timeout=settings.request_timeout_seconds
            )
        except KafkaException as error:
            self._consumer.close()
            raise _explained(settings, topic, error) from error
        if offset is not None and not low <= offset <= high:
            self._consumer.close()
            raise ConnectorError(
                f"topic {topic} holds offsets {low} to {high}, the cursor is at {offset}: "
                "changes in between are lost to it",
                "reset the cursor and drop the source's connector to read the table anew",
            )

    def _consumer_at(self, offset: int) -> Consumer:
        config: dict[str, Any] = {
            **client_config(self._settings),
            "group.id": "weir-cdc",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
        consumer = Consumer(config)
        consumer.assign([TopicPartition(self._topic, 0, offset)])
        return consumer

    def close(self) -> None:
        """Give the connection back."""
        self._consumer.close()

    def next(self, most: int) -> list[Any]:
        """The next records, those that are there by now; none after half a second without any.

        Raises:
            BrokerUnreachableError, ConnectorError: as the broker answers.
        """
        found = self._good(self._consumer.consume(1, _IDLE_SECONDS))
        if found and most > 1:
            found += self._good(self._consumer.consume(most - 1, _GATHER_SECONDS))
        return found

    def before(self, offset: int, most: int) -> Iterator[Any]:
        """The records before an offset, at most so many."""
        consumer = self._consumer_at(max(0, offset - most))
        try:
            low, _ = consumer.get_watermark_offsets(
                TopicPartition(self._topic, 0), timeout=self._settings.request_timeout_seconds
            )
            if low >= offset:
                return
            if low > offset - most:
                consumer.assign([TopicPartition(self._topic, 0, low)])
            while True:
                records = self._good(consumer.consume(1000, _IDLE_SECONDS))
                for record in records:
                    if record.offset() >= offset:
                        return
                    yield record
                    if record.offset() == offset - 1:
                        return
        except KafkaException as error:
            raise _explained(self._settings, self._topic, error) from error
        finally:
            consumer.close()

    def _good(self, records: list[Any]) -> list[Any]:
        good = []
        for record in records:
            if (error := record.error()) is None:
                good.append(record)
            elif error.code() != KafkaError._PARTITION_EOF:
                raise _explained(self._settings, self._topic, KafkaException(error))
        return good


def _explained(settings: Settings, topic: str, error: KafkaException) -> Exception:
    if may_pass(error):
        return unreachable(settings, error)
    return ConnectorError(f"topic {topic}: the broker refuses: {error.args[0].str()}")
