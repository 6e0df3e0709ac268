"""Records to the log, in bulk: idempotent, compressed, and loud when one is not delivered."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from platform_assets.connectors.kafka import (
    LARGEST_RECORD_BYTES,
    admin,
    client_config,
    may_pass,
    metadata,
    unreachable,
)
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings

DEAD_LETTER_BYTES = 512 * 1024
"""Of what was refused, as much is kept; the header ``source_bytes`` says how much it was."""
LONGEST_REASON = 2000
"""Characters of the header ``reason``."""

_POLL_EVERY = 2000
_NULL_KEY_PARTITION = 0


def producer_config(settings: Settings, delivery_seconds: float) -> dict[str, Any]:
    """What all producers of Weir have: records with one key go to one partition, whoever sends."""
    return {
        **client_config(settings),
        "acks": "all",
        "compression.type": "lz4",
        "partitioner": "murmur2_random",
        "batch.size": 512 * 1024,
        "message.max.bytes": LARGEST_RECORD_BYTES,
        "queue.buffering.max.messages": 500_000,
        "delivery.timeout.ms": int(delivery_seconds * 1000),
    }


class DeliveryError(WeirError):
    """A record was not acknowledged; names topic and key."""


class RecordTooLargeError(DeliveryError):
    """A record is larger than topics take; sending it again does not help."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record to produce.

    Attributes:
        topic: topic.
        key: None goes to partition 0, so that its place is a function of the record.
        value: the bytes.
        headers: Kafka headers.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = field(default=())

    @property
    def arguments(self) -> dict[str, Any]:
        """What the client's ``produce`` is given beside the topic."""
        found: dict[str, Any] = {"key": self.key, "value": self.value}
        if self.key is None:
            found["partition"] = _NULL_KEY_PARTITION
        if self.headers:
            found["headers"] = list(self.headers)
        return found


class LogProducer:
    """A producer that either delivers every record or raises.

    Use as a context manager: leaving it flushes, except after an error.

    Raises:
        BrokerUnreachableError: on entering, when no broker answers within ten seconds.
    """

    def __init__(
        self, settings: Settings, linger_ms: float = 50, delivery_seconds: float = 60
    ) -> None:
        self._settings = settings
        self._delivery_seconds = delivery_seconds
        self._failure: tuple[KafkaError, str, bytes | None] | None = None
        self._sent = 0
        config: dict[str, Any] = {
            **producer_config(settings, delivery_seconds),
            "enable.idempotence": True,
            "linger.ms": linger_ms,
            "delivery.report.only.error": True,
            "on_delivery": self._delivered,
        }
        metadata(admin(settings), settings)
        self._producer = Producer(config)

    def __enter__(self) -> LogProducer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.flush()
        else:
            self._producer.purge()

    @property
    def sent(self) -> int:
        """Records handed over so far."""
        return self._sent

    def send(self, record: Record) -> None:
        """Hand a record over; waits while the buffer is full.

        Raises:
            RecordTooLargeError: this record is larger than topics take; it was not sent.
            DeliveryError: this or an earlier record could not be delivered.
        """
        arguments = record.arguments
        deadline = time.monotonic() + self._delivery_seconds
        while True:
            try:
                self._producer.produce(record.topic, **arguments)
                break
            except BufferError:
                # Back-pressure: the broker takes less than we give.
                self._producer.poll(0.1)
                self._raise_failure()
                if time.monotonic() > deadline:
                    raise self._stuck(record.topic) from None
            except KafkaException as error:
                if error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE:
                    size = len(record.key or b"") + len(record.value or b"")
                    raise RecordTooLargeError(
                        f"topic {record.topic}, key {_shown(record.key)}: a record of {size:,} "
                        f"bytes; at most {LARGEST_RECORD_BYTES:,} are sent"
                    ) from error
                raise DeliveryError(
                    f"topic {record.topic}, key {_shown(record.key)}: {error.args[0].str()}"
                ) from error
        self._sent += 1
        if self._sent % _POLL_EVERY == 0:
            self.poll()

    def send_all(self, records: Iterable[Record]) -> int:
        """Hand many records over; returns how many."""
        before = self._sent
        for record in records:
            self.send(record)
        return self._sent - before

    def poll(self) -> None:
        """Serve delivery reports.

        Raises:
            DeliveryError: a record could not be delivered.
        """
        self._producer.poll(0)
        self._raise_failure()

    def flush(self, timeout: float | None = None) -> None:
        """Wait until every record is acknowledged.

        Raises:
            DeliveryError: one is not, within ``timeout`` seconds (default: the delivery limit).
        """
        left = self._producer.flush(timeout or self._delivery_seconds + 5)
        self._raise_failure()
        if left:
            raise self._stuck(f"{left} records")

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and self._failure is None:
            self._failure = (error, message.topic() or "", message.key())

    def _raise_failure(self) -> None:
        if self._failure is None:
            return
        error, topic, key = self._failure
        hint = (
            "see `weir status` and `weir logs kafka`; then run the command again"
            if may_pass(error)
            else "the broker will refuse it again: change the record, or what the topic allows"
        )
        raise DeliveryError(f"topic {topic}, key {_shown(key)}: not delivered: {error.str()}", hint)

    def _stuck(self, what: str) -> WeirError:
        return unreachable(
            self._settings,
            TimeoutError(f"{what}: not acknowledged within {self._delivery_seconds:.0f} s"),
        )


def _shown(key: bytes | None) -> str:
    return "none" if key is None else key.decode(errors="replace")[:80]
