"""What tests do to a broker by hand, and what they look at there.

Belongs here: helpers around a real broker. Does not belong here: any test.
"""

from __future__ import annotations

import ctypes
import random
from typing import Any

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from platform_assets.core.settings import Settings
from platform_assets.engines import header_names
from platform_assets.local.wait import wait_until
from tests.integration.lake import Lake


def admin(settings: Settings) -> AdminClient:
    return AdminClient({"bootstrap.servers": settings.kafka_bootstrap})


def noise(size: int) -> bytes:
    """Bytes that do not decode and hardly compress."""
    return b"\xff" + random.Random(size).randbytes(size - 1)


def allow(settings: Settings, topic: str, size: int) -> None:
    """Have a topic take records of this size."""
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    client = admin(settings)
    for future in client.incremental_alter_configs([resource]).values():
        future.result(timeout=30)


def produce(lake: Lake, value: bytes, partition: int = 0, **record: Any) -> None:
    """One record by a plain producer without bounds of its own."""
    config = {"bootstrap.servers": lake.settings.kafka_bootstrap, "message.max.bytes": 10**8}
    producer = Producer(config)
    producer.produce(str(lake.topic), value, partition=partition, **record)
    assert producer.flush(30) == 0


def produce_raw(lake: Lake, value: bytes, headers: list[tuple[bytes, bytes | None]]) -> None:
    """One record to partition 0 with header names of any bytes, which Python's client cannot."""
    library = header_names._library()
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    text = ctypes.create_string_buffer(512)
    config = pointer(library.rd_kafka_conf_new())
    bootstrap = lake.settings.kafka_bootstrap.encode()
    assert library.rd_kafka_conf_set(config, b"bootstrap.servers", bootstrap, text, 512) == 0
    client = pointer(library.rd_kafka_new(0, config, text, 512))
    library.rd_kafka_headers_new.restype = pointer
    made = pointer(library.rd_kafka_headers_new(len(headers)))
    for name, content in headers:
        size = -1 if content is None else len(content)
        library.rd_kafka_header_add(
            made, name, ctypes.c_ssize_t(-1), content, ctypes.c_ssize_t(size)
        )
    arguments = [
        (1, ctypes.c_char_p(str(lake.topic).encode())), (3, ctypes.c_int32(0)), (7, integer(2)),
        (4, ctypes.c_char_p(value)), (None, ctypes.c_size_t(len(value))), (10, made),
    ]  # fmt: skip
    flat = [one for pair in arguments for one in pair if one is not None]
    typed = [integer(one) if isinstance(one, int) else one for one in flat]
    assert library.rd_kafka_producev(client, *typed, integer(0)) == 0
    assert library.rd_kafka_flush(client, 30_000) == 0
    library.rd_kafka_destroy(client)


def letters(lake: Lake) -> dict[str, Message]:
    """The dead-letter topic's records by key."""
    config = {"bootstrap.servers": lake.settings.kafka_bootstrap, "group.id": "test"}
    consumer = Consumer({**config, "enable.partition.eof": True})
    consumer.assign([TopicPartition(lake.topic.dead_letters, 0, 0)])
    found: dict[str, Message] = {}
    while (message := consumer.poll(20)) is not None and message.error() is None:
        found[(message.key() or b"").decode()] = message
    consumer.close()
    return found


def make_again(lake: Lake, partitions: int) -> None:
    """Delete the topic and make it once more."""
    client, name = admin(lake.settings), str(lake.topic)
    for future in client.delete_topics([name], operation_timeout=30).values():
        future.result(timeout=30)
    wait_until(
        lambda: name not in client.list_topics(timeout=10).topics, what="the topic gone", timeout=30
    )
    for future in client.create_topics([NewTopic(name, partitions, 1)]).values():
        future.result(timeout=30)
    wait_until(
        lambda: name in client.list_topics(timeout=10).topics, what="the topic back", timeout=30
    )


def everything(lake: Lake) -> dict[str, list[tuple[object, ...]]]:
    """The rows of micro-batches of the first generation, in all tables."""
    order = ["_micro_batch", "kafka_partition", "kafka_offset"]
    bronze = lake.rows(lake.topic.bronze).sort(order).drop("kafka_headers")
    return {"bronze": bronze.rows(), "silver": lake.published()}
