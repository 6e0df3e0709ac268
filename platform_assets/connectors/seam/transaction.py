"""Rows and the cursor after them in one Kafka transaction: both are in the log, or neither.

One producer a source. Its transactional id is the source's name, so a second run of the same
source fences the first: what the first had not committed is aborted, and its next call fails.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException, Producer

from platform_assets.connectors import kafka
from platform_assets.connectors.produce import Record, producer_config
from platform_assets.connectors.seam import cursors
from platform_assets.connectors.seam.cursors import Place
from platform_assets.connectors.seam.reader import ConnectorError
from platform_assets.core.settings import Settings

LARGEST = kafka.LARGEST_RECORD_BYTES - 1024
"""Bytes of key, value and headers of a record, at most: the client adds its own framing."""

_ATTEMPTS = 3
_SECONDS = 60
"""Until the broker aborts a transaction whose owner is gone; and to wait for one to end."""


class FencedError(ConnectorError):
    """Another run of the same source has begun; this one wrote nothing more."""


class SourceLog:
    """The transactional producer of one source; use as a context manager.

    Attributes:
        lost: the broker did not take a transaction; the source must be opened again.

    Raises:
        BrokerUnreachableError: on entering, when no broker answers in time.
    """

    def __init__(self, settings: Settings, source: str) -> None:
        self._settings, self._source = settings, source
        self.lost = False
        config = {
            **producer_config(settings, _SECONDS),
            "transactional.id": f"weir-source-{source}",
            "transaction.timeout.ms": _SECONDS * 1000,
            "linger.ms": 5,
        }
        self._producer = Producer(config)

    def __enter__(self) -> SourceLog:
        cursors.ensure(self._settings)
        try:
            self._producer.init_transactions(_SECONDS)
        except KafkaException as error:
            raise self._explained(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.purge()

    def commit(
        self,
        records: Iterable[Record],
        places: Iterable[Place],
        *,
        topic: str = "",
        rows: Iterable[tuple[bytes | None, bytes]] = (),
    ) -> None:
        """Commit rows, other records and cursors together.

        Args:
            records: after the rows, in order; none larger than :data:`LARGEST`.
            topic: of the rows.
            rows: key and value, in order; as large at most.
            places: where each stream stands after them.

        Raises:
            FencedError: another run of the source has begun.
            BrokerUnreachableError: the broker did not commit in time. Whether it did is settled
                when the source is opened again: the rows are in the log with their cursor, or
                neither is.
            ConnectorError: it refuses; nothing is in the log.
        """
        try:
            self._producer.begin_transaction()
            self._produce_rows(topic, rows)
            for record in records:
                self._produce(record)
            for place in places:
                self._produce(Record(cursors.TOPIC, place.key, place.value, place.headers))
            self._end()
        except KafkaException as error:
            self.lost = True
            self._abort()
            raise self._explained(error) from error
        except BaseException:
            self.lost = True
            self._abort()
            raise

    def _end(self) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                # It flushes first.
                self._producer.commit_transaction(_SECONDS)
            except KafkaException as error:
                # The client waits between its own attempts; asked again, it goes on with this one.
                if not error.args[0].retriable() or attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def _produce_rows(self, topic: str, rows: Iterable[tuple[bytes | None, bytes]]) -> None:
        produce = self._producer.produce
        for key, value in rows:
            if key is None:
                self._produce(Record(topic, None, value))
                continue
            try:
                produce(topic, value, key)
            except BufferError:
                self._produce(Record(topic, key, value))

    def _produce(self, record: Record) -> None:
        arguments = record.arguments
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                self._producer.produce(record.topic, **arguments)
            except BufferError:
                # Back-pressure: the broker takes less than we give.
                self._producer.poll(0.1)
                if time.monotonic() > deadline:
                    code = KafkaError._TIMED_OUT_QUEUE
                    raise KafkaException(KafkaError(code, "the send buffer stays full")) from None
            else:
                return

    def _abort(self) -> None:
        """End the open transaction; the broker does it itself where this cannot."""
        try:
            self._producer.purge()
            self._producer.flush(_SECONDS)
            self._producer.abort_transaction(_SECONDS)
        except KafkaException:
            pass

    def _explained(self, error: KafkaException) -> Exception:
        told = error.args[0]
        if told.code() in (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH):
            return FencedError(
                f"source {self._source}: another run of it has begun; this one ends",
                "nothing to do: the other run goes on from the last committed cursor",
            )
        if kafka.may_pass(error):
            return kafka.unreachable(self._settings, error)
        return ConnectorError(f"source {self._source}: the broker refuses: {told.str()}")
