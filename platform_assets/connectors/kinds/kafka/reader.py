"""Topics of another Kafka: its offsets are the cursor, so that each record comes exactly once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import pyarrow as pa
from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka import Message as Record

from platform_assets.connectors.kafka import may_pass
from platform_assets.connectors.kinds.kafka.config import EventHubsConfig, KafkaConfig, KafkaStream
from platform_assets.connectors.messages.asking import Verdict, asking
from platform_assets.connectors.messages.decode import Decode, FramedAvro, decoder
from platform_assets.connectors.messages.live import batches
from platform_assets.connectors.messages.model import Message
from platform_assets.connectors.messages.rows import as_text, page_of, streams_of, table_of
from platform_assets.connectors.registry import RegistryAwayError, RegistryError, SchemaRegistry
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    Cursor,
    Page,
    SourceAwayError,
    Stream,
)
from platform_assets.core.retry import Retry
from platform_assets.core.secrets import read_secret

_RETRY = Retry(attempts=2, seconds=10)
_SECONDS = 5.0
_LOOK_SECONDS = 30.0
"""Between two looks for new partitions."""

_REFUSED: Final = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError._SSL,
    }
)


class KafkaReader:
    """Reads topics of one cluster."""

    def __init__(self, config: KafkaConfig, context: Context) -> None:
        self._config, self._context = config, context
        self._where = f"source {context.source}: Kafka at {config.bootstrap}"
        self._client: dict[str, Any] = {
            "bootstrap.servers": config.bootstrap,
            "client.id": f"weir-{context.source}",
            "group.id": f"weir-{context.source}",  # asked for by the client; nothing is stored
            "security.protocol": config.security,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "socket.connection.setup.timeout.ms": 5000,
            "reconnect.backoff.max.ms": 2000,
            "log_level": 2,
        }
        if config.security.startswith("sasl"):
            self._client["sasl.mechanism"] = config.mechanism
            self._client["sasl.username"] = config.user
            self._client["sasl.password"] = read_secret(config.password)
        if config.ca_file:
            self._client["ssl.ca.location"] = config.ca_file

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        names = self._topics()
        return f"Kafka at {self._config.bootstrap}: {len(names)} topics can be read"

    def discover(self) -> list[Stream]:
        """The topics; their fields are in the messages."""
        return streams_of(self._topics(), _OWN, ("_id",))

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`."""
        options: KafkaStream = self._context.streams[stream]
        where = f"{self._where}, topic {options.topic}"
        known = {int(n): int(at) for n, at in (cursor or {}).get("offsets", {}).items()}
        topic = _Topic(self._client, options, where, known)
        decode = self._decoder(options.format)
        try:
            topic.look()
            if cursor is None and options.start == "latest":
                # From here on nothing is missed, whatever happens before the first record.
                yield Page(table_of([]), {"offsets": topic.after([])})
            for records in batches(topic.take, options, self._context.stop):
                yield page_of(
                    [_message(one) for one in records],
                    decode,
                    cursor={"offsets": topic.after(records)},
                    lag=_lag(records),
                )
                topic.look()
        finally:
            topic.close()

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`; a consumer lives as long as its read."""

    def _topics(self) -> list[str]:
        consumer = Consumer(self._client)
        try:
            with asking(self._where, _judge):
                found = _RETRY.on(may_pass)(consumer.list_topics, timeout=_SECONDS).topics
        finally:
            consumer.close()
        return sorted(name for name in found if not name.startswith("__"))

    def _decoder(self, form: str) -> Decode:
        if form == "avro":
            if not self._config.registry:
                raise ConnectorError(
                    f"source {self._context.source}: format avro without a `registry`",
                    "give the address of the schema registry in `config`",
                )
            return FramedAvro(self._schema)
        return decoder(form)

    def _schema(self, schema_id: int) -> str | None:
        try:
            return self._registry.schema(schema_id)
        except RegistryAwayError as error:
            raise SourceAwayError(f"source {self._context.source}: {error.message}") from error
        except RegistryError as error:
            raise ConnectorError(f"source {self._context.source}: {error.message}") from error

    @cached_property
    def _registry(self) -> SchemaRegistry:
        config, login = self._config, ""
        if config.registry_user:
            login = f"{config.registry_user}:{read_secret(config.registry_password)}"
        return SchemaRegistry(self._context.settings, config.registry, login)


class _Topic:
    """The partitions of one topic, each from its offset."""

    def __init__(
        self, client: dict[str, Any], options: KafkaStream, where: str, offsets: dict[int, int]
    ) -> None:
        self._options, self._where, self._offsets = options, where, offsets
        self._assigned: set[int] = set()
        self._looked = 0.0
        if options.lost == "skip":
            client = {**client, "auto.offset.reset": "earliest"}
        self._consumer = Consumer(client)

    def look(self) -> None:
        """Assign partitions that are new.

        Raises:
            ConnectorError: there is no such topic.
        """
        if self._assigned and time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        name = self._options.topic
        with asking(self._where, _judge):
            cluster = _RETRY.on(may_pass)(self._consumer.list_topics, name, timeout=_SECONDS)
        topic = cluster.topics[name]
        if topic.error is not None:
            with asking(self._where, _judge):
                raise KafkaException(topic.error)
        new = sorted(set(topic.partitions) - self._assigned)
        # A partition that is new beside known ones is read whole.
        late = self._options.start == "latest" and not self._offsets
        for one in new:
            if one not in self._offsets:
                with asking(self._where, _judge):
                    first, last = _RETRY.on(may_pass)(self._ends, TopicPartition(name, one))
                self._offsets[one] = last if late else first
        self._assigned.update(new)
        if new:
            places = [TopicPartition(name, one, self._offsets[one]) for one in new]
            self._consumer.incremental_assign(places)

    def _ends(self, partition: TopicPartition) -> tuple[int, int]:
        found: tuple[int, int] | None = self._consumer.get_watermark_offsets(
            partition, timeout=_SECONDS
        )
        if found is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return found

    def take(self, count: int, seconds: float) -> list[Record]:
        """Records of all partitions, as soon as there are any.

        Raises:
            ConnectorError: the cluster does not answer or refuses, or deleted what was next.
        """
        first = self._consumer.poll(seconds)
        if first is None:
            return []
        found = [first, *(self._consumer.consume(count - 1, 0) if count > 1 else ())]
        good = []
        for one in found:
            error = one.error()
            if error is None:
                good.append(one)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                raise ConnectorError(
                    f"{self._where}, partition {one.partition()}: the records after offset "
                    f"{self._offsets.get(one.partition() or 0)} were deleted before they were read",
                    "`lost: skip` in the stream's options goes on with the oldest that is left",
                )
            elif error.code() not in (KafkaError._PARTITION_EOF, KafkaError._TRANSPORT):
                with asking(self._where, _judge):
                    raise KafkaException(error)
        return good

    def after(self, records: Sequence[Record]) -> dict[str, int]:
        """The next offset of each partition, after these."""
        for one in records:
            self._offsets[one.partition() or 0] = (one.offset() or 0) + 1
        return {str(number): at for number, at in sorted(self._offsets.items())}

    def close(self) -> None:
        self._consumer.close()


def _message(record: Record) -> Message:
    topic, partition, offset = record.topic(), record.partition(), record.offset()
    kind, millis = record.timestamp()
    key, value = record.key(), record.value()
    at = None
    if kind != TIMESTAMP_NOT_AVAILABLE:
        at = datetime.fromtimestamp(millis / 1000, UTC)
    pairs: Any = record.headers() or []
    headers = {name: as_text(text) for name, text in pairs}
    return Message(
        {} if value is None else value,
        f"{topic}/{partition}/{offset}",
        f"{topic}, partition {partition}, offset {offset}",
        {
            "_key": None if key is None else as_text(key),
            "_at": at,
            "_partition": partition,
            "_offset": offset,
            "_headers": json.dumps(headers) if headers else None,
            "_deleted": value is None,
        },
    )


_OWN = {
    "_id": pa.string(),
    "_key": pa.string(),
    "_at": pa.timestamp("us", "UTC"),
    "_partition": pa.int64(),
    "_offset": pa.int64(),
    "_headers": pa.string(),
    "_deleted": pa.bool_(),
}
"""Columns beside those of the value. ``_deleted`` is true where there is none (a tombstone)."""


def _lag(records: Sequence[Record]) -> float | None:
    kind, millis = records[-1].timestamp()
    if kind == TIMESTAMP_NOT_AVAILABLE:
        return None
    return max(0.0, time.time() - float(millis) / 1000)


def _judge(error: BaseException) -> Verdict | None:
    if not isinstance(error, KafkaException):
        return None
    told = error.args[0]
    if told.code() in _REFUSED:
        return Verdict.REFUSED
    if told.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return Verdict.WRONG
    return Verdict.AWAY if may_pass(error) else Verdict.WRONG


def event_hubs(config: EventHubsConfig, context: Context) -> KafkaReader:
    """The reader of a namespace of Azure Event Hubs."""
    return KafkaReader(
        KafkaConfig(
            bootstrap=f"{config.namespace}:9093",
            security="sasl_ssl",
            user="$ConnectionString",
            password=config.connection_string,
        ),
        context,
    )
