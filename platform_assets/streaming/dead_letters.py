"""Copies what cannot be decoded to the topic's dead-letter topic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import narwhals as nw
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from platform_assets.connectors.kafka import LARGEST_RECORD_BYTES, client_config, may_pass
from platform_assets.connectors.topics import ensure_dead_letters
from platform_assets.contracts.model import Contract
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.engines.base import Frame, MicroBatch

COPY_BYTES = 512 * 1024
"""Of a record's value a dead letter carries so much at most; bronze keeps all of it."""

SMALLEST_COPY = 1024
"""A broker that refuses even a copy of this size refuses the letter, not its size."""

_REASON_CHARACTERS = 2000


class DeadLetterError(WeirError):
    """The dead-letter topic refuses a record, and would again."""


class DeadLetterAwayError(WeirError):
    """The dead-letter topic did not take a record now."""


@dataclass(frozen=True)
class _Letter:
    """One dead letter: where its record came from, why, and the bytes that there are."""

    origin: str
    value: bytes
    headers: dict[str, str]


class DeadLetters:
    """Sends dead letters; one producer a process."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = settings.request_timeout_seconds
        self._settings = settings
        self._producer: Producer | None = None

    def send(self, contract: Contract, batches: Sequence[MicroBatch], bronze: Frame) -> int:
        """Send every undecoded record of a bronze frame and wait for the broker.

        A value of more than :data:`COPY_BYTES` is cut; ``source_bytes`` in the headers says how
        many bytes it has in bronze. Its key and headers are in bronze alone.

        Args:
            contract: whose dead-letter topic takes them.
            batches: the micro-batches that the rows belong to.
            bronze: bronze rows; those with a ``decode_error`` are sent.

        Returns:
            How many were sent.

        Raises:
            DeadLetterAwayError: the broker did not answer in time.
            DeadLetterError: the broker refuses one.
        """
        generations = {batch.id: batch.generation for batch in batches}
        letters = [
            _letter(contract, generations[row["_micro_batch"]], row) for row in _undecoded(bronze)
        ]
        topic, size = contract.topic.dead_letters, COPY_BYTES
        try:
            left = self._send(topic, letters, size, together=True)
        except DeadLetterAwayError:
            with suppress(WeirError):  # deleted? then the next try finds it again
                ensure_dead_letters(self._settings, contract)
            raise
        while left and size > SMALLEST_COPY:
            # An administrator allows less than the contract's topic was made for.
            size //= 4
            left = self._send(topic, left, size, together=False)
        if left:
            raise DeadLetterError(
                f"{topic}: the broker refuses a record of {size} bytes as too large "
                f"(from {left[0].origin})",
                f"raise max.message.bytes of {topic}",
            )
        return len(letters)

    def _send(
        self, topic: str, letters: Iterable[_Letter], size: int, *, together: bool
    ) -> list[_Letter]:
        """Send letters with at most ``size`` bytes of their values; those that are too large."""
        too_large: list[_Letter] = []
        errors: list[tuple[str, KafkaError]] = []

        def delivered(letter: _Letter, error: KafkaError | None, _: Message) -> None:
            if error is None:
                return
            if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                too_large.append(letter)
            else:
                errors.append((letter.origin, error))

        producer = self._open()
        left = 0
        for letter in letters:
            report = partial(delivered, letter)
            self._hand_over(producer, topic, letter, size, report)
            left += 0 if together else producer.flush(self._timeout)
        left += producer.flush(self._timeout)
        refused = [f"{origin}: {error.str()}" for origin, error in errors if not may_pass(error)]
        if any(error.fatal() for _, error in errors):
            self._producer = None  # it sends nothing any more
        if refused:
            raise DeadLetterError(
                f"{topic}: refused: {'; '.join(refused[:3])}",
                "allow Weir to write to this topic, or see the broker's log",
            )
        if errors or left:
            texts = "; ".join(f"{origin}: {error.str()}" for origin, error in errors[:3])
            raise DeadLetterAwayError(
                f"{topic}: {max(left, len(errors))} records not acknowledged; {texts}",
                hint="is Kafka up? weir status; the micro-batch is tried again",
            )
        return too_large

    def _hand_over(
        self, producer: Producer, topic: str, letter: _Letter, size: int, report: Any
    ) -> None:
        while True:
            try:
                producer.produce(
                    topic,
                    key=letter.origin.encode(),
                    value=letter.value[:size],
                    headers=[(name, text.encode()) for name, text in letter.headers.items()],
                    on_delivery=report,
                )
            except BufferError:
                producer.poll(0.1)  # full: what waits ends within its own time limit
                continue
            except KafkaException as error:
                report(error.args[0], None)
            producer.poll(0)
            return

    def _open(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(
                {
                    **client_config(self._settings),
                    "enable.idempotence": True,
                    "compression.type": "lz4",
                    "linger.ms": 5,
                    "message.max.bytes": LARGEST_RECORD_BYTES,
                    # Several letters in one batch fit into what one letter may have.
                    "batch.size": COPY_BYTES,
                    "message.timeout.ms": int(self._timeout * 1000),
                }
            )
        return self._producer


def _undecoded(bronze: Frame) -> list[dict[str, Any]]:
    columns = ("_micro_batch", "kafka_partition", "kafka_offset", "kafka_value", "decode_error")
    found: list[dict[str, Any]] = (
        nw.from_native(bronze)
        .lazy()
        .filter(~nw.col("decode_error").is_null())
        .select(*columns)
        .collect("pyarrow")
        .to_arrow()
        .to_pylist()
    )
    return found


def _letter(contract: Contract, generation: int, row: dict[str, Any]) -> _Letter:
    value: bytes = row["kafka_value"] or b""
    place = f"{row['kafka_partition']}-{row['kafka_offset']}"
    return _Letter(
        # The topic is compacted by it: records of two makings of a topic are not the same.
        origin=f"{generation}/{place}" if generation else place,
        value=value,
        headers={
            "reason": row["decode_error"][:_REASON_CHARACTERS],
            "source_topic": str(contract.topic),
            "source_generation": str(generation),
            "source_partition": str(row["kafka_partition"]),
            "source_offset": str(row["kafka_offset"]),
            "source_bytes": str(len(value)),
            "micro_batch": str(row["_micro_batch"]),
        },
    )
