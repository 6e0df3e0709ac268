"""Rows and the cursor after them in one Kafka transaction: both are in the log, or neither.

One producer a source. Its transactional id is the source's name, so a second run of the same
source fences the first: what the first had not committed is aborted, and its next call fails.
Rows without a cursor need no transaction: their source repeats what it was not told of.
"""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from platform_assets.connectors import kafka, transactions
from platform_assets.connectors.produce import Record, producer_config
from platform_assets.connectors.seam import cursors
from platform_assets.connectors.seam.cursors import Place
from platform_assets.connectors.seam.reader import ConnectorError
from platform_assets.connectors.transactions import hand_over
from platform_assets.core.settings import Settings

LARGEST = kafka.LARGEST_RECORD_BYTES - 1024
"""Bytes of key, value and headers of a record, at most: the client adds its own framing."""

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
        self._common = {**producer_config(settings, _SECONDS), "linger.ms": 5}
        config = {
            **self._common,
            "transactional.id": f"weir-source-{source}",
            "transaction.timeout.ms": _SECONDS * 1000,
        }
        self._producer = Producer(config)
        self._appender: Producer | None = None
        self._refused: KafkaError | None = None

    def __enter__(self) -> SourceLog:
        cursors.ensure(self._settings)
        try:
            self._producer.init_transactions(_SECONDS)
        except KafkaException as error:
            raise self._explained(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.purge()
        if self._appender is not None:
            self._appender.purge()

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
            _produce_rows(self._producer, topic, rows)
            for record in records:
                hand_over(self._producer, record, _SECONDS)
            for place in places:
                record = Record(cursors.TOPIC, place.key, place.value, place.headers)
                hand_over(self._producer, record, _SECONDS)
            transactions.end(self._producer, _SECONDS)
        except KafkaException as error:
            self.lost = True
            transactions.abort(self._producer, _SECONDS)
            raise self._explained(error) from error
        except BaseException:
            self.lost = True
            transactions.abort(self._producer, _SECONDS)
            raise

    def append(
        self,
        records: Iterable[Record],
        *,
        topic: str = "",
        rows: Iterable[tuple[bytes | None, bytes]] = (),
    ) -> None:
        """Append rows and other records that no cursor belongs to; they are acknowledged then.

        A transaction would make each page wait for its markers, and join nothing: the source keeps
        its own place. Some of them may be in the log after an error; it sends them again, and
        their ids are the same.

        Args:
            records: after the rows, in order; none larger than :data:`LARGEST`.
            topic: of the rows.
            rows: key and value, in order; as large at most.

        Raises:
            BrokerUnreachableError: the broker did not acknowledge all of them in time.
            ConnectorError: it refuses one.
        """
        producer = self._opened()
        try:
            _produce_rows(producer, topic, rows)
            for record in records:
                hand_over(producer, record, _SECONDS)
            self._require_all(producer.flush(_SECONDS))
        except KafkaException as error:
            self.lost = True
            producer.purge()
            raise self._explained(error) from error
        except BaseException:
            self.lost = True
            producer.purge()
            raise

    def _opened(self) -> Producer:
        if self._appender is None:
            self._appender = Producer(
                {
                    **self._common,
                    "enable.idempotence": True,
                    "delivery.report.only.error": True,
                    "on_delivery": self._failed,
                }
            )
        return self._appender

    def _require_all(self, left: int) -> None:
        if self._refused is not None:
            raise KafkaException(self._refused)
        if left:
            code = KafkaError._MSG_TIMED_OUT
            raise KafkaException(KafkaError(code, f"{left} records are not acknowledged"))

    def _failed(self, error: KafkaError | None, _: Message) -> None:
        self._refused = self._refused or error

    def _explained(self, error: KafkaException) -> Exception:
        told = error.args[0]
        if told.code() in transactions.FENCED:
            return FencedError(
                f"source {self._source}: another run of it has begun; this one ends",
                "nothing to do: the other run goes on from the last committed cursor",
            )
        if kafka.may_pass(error):
            return kafka.unreachable(self._settings, error)
        return ConnectorError(f"source {self._source}: the broker refuses: {told.str()}")


def _produce_rows(
    producer: Producer, topic: str, rows: Iterable[tuple[bytes | None, bytes]]
) -> None:
    produce = producer.produce
    for key, value in rows:
        if key is None:
            hand_over(producer, Record(topic, None, value), _SECONDS)
            continue
        try:
            produce(topic, value, key)
        except BufferError:
            hand_over(producer, Record(topic, key, value), _SECONDS)
