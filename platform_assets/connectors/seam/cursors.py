"""The cursor topic: where each stream of each source stands, compacted, one record a stream.

A cursor is written in the transaction of the rows before it (:mod:`.transaction`), so the log
holds both or neither. Reading it back ends at the last stable offset: an open transaction of a
run that died has been aborted by then, because its successor fences it first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from platform_assets.connectors.kafka import admin, client_config, may_pass, metadata, unreachable
from platform_assets.connectors.seam.reader import ConnectorError, Cursor
from platform_assets.core.settings import Settings

TOPIC = "_weir_source_cursors"
_CONFIG = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}


@dataclass(frozen=True)
class Place:
    """Where a stream stands.

    Attributes:
        source, stream: whose.
        cursor: of the connector; None: from the beginning.
    """

    source: str
    stream: str
    cursor: Cursor | None

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


def read(settings: Settings) -> dict[tuple[str, str], dict[str, Any]]:
    """All cursors that are committed: (source, stream) -> cursor.

    Raises:
        BrokerUnreachableError: no broker answers in time.
    """
    config: dict[str, Any] = {
        **client_config(settings),
        "group.id": "weir-source-cursors",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
    }
    seconds = settings.request_timeout_seconds
    found: dict[tuple[str, str], dict[str, Any]] = {}
    consumer = Consumer(config)
    try:
        consumer.assign([TopicPartition(TOPIC, 0, 0)])
        while True:
            message = consumer.poll(seconds)
            if message is None:
                raise unreachable(settings, TimeoutError(f"{TOPIC}: nothing in {seconds:g} s"))
            if (error := message.error()) is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    return found
                if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    return {}
                raise unreachable(settings, KafkaException(error))
            source, _, stream = (message.key() or b"").decode().partition("/")
            value = message.value()
            if value is None:
                found.pop((source, stream), None)
            else:
                found[source, stream] = json.loads(value)
    except KafkaException as error:
        raise unreachable(settings, error) from error
    finally:
        consumer.close()
