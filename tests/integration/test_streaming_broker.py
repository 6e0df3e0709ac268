"""What a broker may hold and do: records of any size, topics made again, open transactions.

Belongs here: what only a real broker shows. Does not belong here: crashes and replays
(test_streaming_exact.py, test_survive_*.py).
"""

from __future__ import annotations

import random
from typing import Any

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from platform_assets.core.settings import Settings
from platform_assets.streaming.dead_letters import COPY_BYTES
from platform_assets.streaming.ledger import Ledger
from tests.integration.lake import Lake, open_lake


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


def test_an_undecodable_record_of_any_size_blocks_nothing(stack: Settings) -> None:
    lake = open_lake(stack)
    allow(stack, str(lake.topic), 12_000_000)
    sizes = [1_010_000, 6_000_000, COPY_BYTES, 10]
    for size in sizes:
        produce(lake, bytes([0xFF]) * size)
    produce(lake, b"x", key=b"k" * 900_000, headers=[("h", b"v" * 900_000), ("e", None)])
    lake.send_events(range(20))
    lake.run()
    totals = Ledger(stack).totals(lake.topic)
    assert (totals.published, totals.dead_letters) == (20, 5)
    lake.assert_balanced()
    bronze = lake.rows(lake.topic.bronze).filter(kafka_partition=0)
    kept = bronze.sort("kafka_offset").head(5)
    assert kept["kafka_value"].bin.size().to_list() == [*sizes, 1]
    assert kept["kafka_key"].bin.size().to_list()[4] == 900_000
    assert kept["kafka_headers"].to_list()[4] == [
        {"key": "h", "value": b"v" * 900_000}, {"key": "e", "value": None},
    ]  # fmt: skip
    sent = letters(lake)
    for offset, size in enumerate([*sizes, 1]):
        message = sent[f"0-{offset}"]
        headers = {name: (value or b"").decode() for name, value in message.headers() or []}
        assert len(message.value() or b"") == min(size, COPY_BYTES)
        assert headers["source_topic"] == str(lake.topic)
        assert headers["source_partition"] == "0"
        assert headers["source_offset"] == str(offset)
        assert headers["source_bytes"] == str(size)


def test_a_dead_letter_topic_that_takes_little_gets_a_shorter_copy(stack: Settings) -> None:
    lake = open_lake(stack)
    allow(stack, lake.topic.dead_letters, 20_000)
    for size in (300_000, 30_000, 3_000):
        produce(lake, noise(size))
    lake.send_events(range(5))
    lake.run()
    assert Ledger(stack).totals(lake.topic).dead_letters == 3
    lengths = {key: len(message.value() or b"") for key, message in letters(lake).items()}
    assert lengths["0-2"] == 3_000
    assert 1_000 < lengths["0-0"] <= 20_000
    assert 1_000 < lengths["0-1"] <= 20_000


def test_a_dead_letter_topic_that_takes_nothing_halts_with_its_name(stack: Settings) -> None:
    lake = open_lake(stack)
    allow(stack, lake.topic.dead_letters, 100)
    produce(lake, noise(5_000))
    reason = lake.halted()
    assert lake.topic.dead_letters in reason
    assert "max.message.bytes" in reason
