"""Copies what cannot be decoded to the topic's dead-letter topic."""

from __future__ import annotations

from typing import Any

import narwhals as nw
from confluent_kafka import KafkaError, Message, Producer

from platform_assets.contracts.model import Contract
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.engines.base import Frame


class DeadLetterError(WeirError):
    """The dead-letter topic did not take a record."""


class DeadLetters:
    """Sends dead letters; one producer a process."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = settings.request_timeout_seconds
        self._settings = settings
        self._producer: Producer | None = None

    def send(self, contract: Contract, bronze: Frame) -> int:
        """Send every undecoded record of a bronze frame and wait for the broker.

        Args:
            contract: whose dead-letter topic takes them.
            bronze: bronze rows; those with a ``decode_error`` are sent.

        Returns:
            How many were sent.

        Raises:
            DeadLetterError: the broker refused one or did not answer in time.
        """
        rows: list[dict[str, Any]] = (
            nw.from_native(bronze)
            .lazy()
            .filter(~nw.col("decode_error").is_null())
            .select(
                "_micro_batch", "kafka_partition", "kafka_offset", "kafka_value", "decode_error"
            )
            .collect("pyarrow")
            .to_arrow()
            .to_pylist()
        )
        errors: list[str] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                errors.append(f"{(message.key() or b'').decode()}: {error.str()}")

        producer = self._open()
        topic = contract.topic
        for row in rows:
            origin = f"{row['kafka_partition']}-{row['kafka_offset']}"
            producer.produce(
                topic.dead_letters,
                key=origin.encode(),
                value=row["kafka_value"] or b"",
                headers=[
                    ("reason", row["decode_error"].encode()),
                    ("source_topic", str(topic).encode()),
                    ("source_partition", str(row["kafka_partition"]).encode()),
                    ("source_offset", str(row["kafka_offset"]).encode()),
                    ("micro_batch", str(row["_micro_batch"]).encode()),
                ],
                on_delivery=delivered,
            )
            producer.poll(0)
        left = producer.flush(self._timeout)
        if errors or left:
            raise DeadLetterError(
                f"{topic.dead_letters}: {left} records not acknowledged; {'; '.join(errors[:3])}",
                hint="is Kafka up? weir status; the micro-batch is tried again",
            )
        return len(rows)

    def _open(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(
                {
                    "bootstrap.servers": self._settings.kafka_bootstrap,
                    "enable.idempotence": True,
                    "compression.type": "lz4",
                    "linger.ms": 5,
                    "message.timeout.ms": int(self._timeout * 1000),
                    "log_level": 0,
                }
            )
        return self._producer
