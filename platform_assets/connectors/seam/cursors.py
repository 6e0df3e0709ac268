"""The cursor topic: where each stream of each source stands, compacted, one record a stream.

A cursor is written in the transaction of the rows before it (:mod:`.transaction`), so the log
holds both or neither. Reading it back ends at the last stable offset: an open transaction of a
run that died has been aborted by then, because its successor fences it first.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from platform_assets.connectors.kafka import admin, client_config, may_pass, metadata, unreachable
from platform_assets.connectors.seam.reader import ConnectorError, Cursor
from platform_assets.core.settings import Settings

TOPIC = "_weir_source_cursors"
_WRITER = "connector"
_CONFIG = {
    "cleanup.policy": "compact",
    "message.timestamp.type": "LogAppendTime",
    # Only closed segments are compacted, and a live source moves its cursor many times a second:
    # with the broker's defaults everybody would read a week of them.
    "segment.bytes": str(4 * 1024 * 1024),
    "segment.ms": str(3_600_000),
    "min.cleanable.dirty.ratio": "0.1",
}


@dataclass(frozen=True)
class Place:
    """Where a stream stands.

    Attributes:
        source, stream: whose.
        cursor: of the connector; None: from the beginning.
        writer: label of the connector type that wrote it; empty: nobody has to read it.
    """

    source: str
    stream: str
    cursor: Cursor | None
    writer: str = ""

    @property
    def key(self) -> bytes:
        """Key of the record."""
        return f"{self.source}/{self.stream}".encode()

    @property
    def value(self) -> bytes | None:
        """Its value: JSON; a tombstone where the stream begins again."""
        if self.cursor is None:
            return None
        return json.dumps(self.cursor, sort_keys=True, separators=(",", ":")).encode()

    @property
    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """Its headers: who wrote it, so that nobody misreads it."""
        return ((_WRITER, self.writer.encode()),) if self.writer else ()


def ensure(settings: Settings) -> None:
    """Create the topic where it is missing.

    Raises:
        BrokerUnreachableError: no broker answers in time.
        ConnectorError: the broker refuses the topic.
    """
    client = admin(settings)
    if TOPIC in metadata(client, settings).topics:
        return
    wanted = NewTopic(TOPIC, num_partitions=1, replication_factor=-1, config=_CONFIG)
    try:
        client.create_topics([wanted])[TOPIC].result(timeout=settings.request_timeout_seconds)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return
        if may_pass(error):
            raise unreachable(settings, error) from error
        raise ConnectorError(f"topic {TOPIC} cannot be made: {error.args[0].str()}") from error


class Cursors:
    """All cursors, read on from where they were last read; safe to share between threads.

    The topic must be there (:func:`ensure`): an empty answer means "from the beginning".
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], dict[str, Any]] = {}
        self._writers: dict[tuple[str, str], str] = {}
        self._next = 0

    def read(self) -> dict[tuple[str, str], dict[str, Any]]:
        """All cursors that are committed: (source, stream) -> cursor.

        Raises:
            BrokerUnreachableError: no broker answers in time.
        """
        with self._lock:
            try:
                self._read_on()
            except KafkaException as error:
                raise unreachable(self._settings, error) from error
            return dict(self._known)

    def writer(self, source: str, stream: str) -> str:
        """Label of the connector type that wrote a cursor, as last read; empty: it is not said."""
        with self._lock:
            return self._writers.get((source, stream), "")

    def _read_on(self) -> None:
        seconds = self._settings.request_timeout_seconds
        consumer = Consumer(
            {
                **client_config(self._settings),
                "group.id": "weir-source-cursors",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                # The end is told by an answer without records: it need not be waited for.
                "fetch.wait.max.ms": 10,
                # A place that is not there any more is another making of the topic: an error.
                "auto.offset.reset": "error" if self._next else "earliest",
            }
        )
        try:
            consumer.assign([TopicPartition(TOPIC, 0, self._next)])
            while True:
                message = consumer.poll(seconds)
                if message is None:
                    raise KafkaException(
                        KafkaError(KafkaError._TIMED_OUT, f"{TOPIC}: nothing in {seconds:g} s")
                    )
                if (error := message.error()) is None:
                    self._take(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    return
                elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                    break
                else:
                    raise KafkaException(error)
        finally:
            consumer.close()
        self._known, self._writers, self._next = {}, {}, 0
        self._read_on()

    def _take(self, message: Message) -> None:
        source, _, stream = (message.key() or b"").decode().partition("/")
        value = message.value()
        if value is None:
            self._known.pop((source, stream), None)
        else:
            self._known[source, stream] = json.loads(value)
        headers: Any = message.headers() or []
        self._writers[source, stream] = dict(headers).get(_WRITER, b"").decode()
        self._next = (message.offset() or 0) + 1


def read(settings: Settings) -> dict[tuple[str, str], dict[str, Any]]:
    """All cursors, once, none where nothing was ever read; see :meth:`Cursors.read`."""
    if TOPIC not in metadata(admin(settings), settings).topics:
        return {}
    return Cursors(settings).read()
