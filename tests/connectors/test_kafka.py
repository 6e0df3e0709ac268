"""The connector ``kafka`` against the test stack's own Kafka and registry."""

from __future__ import annotations

import io
import json
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fastavro
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from platform_assets.connectors.kinds.kafka.reader import KafkaReader
from platform_assets.connectors.seam import cursors
from platform_assets.connectors.seam.pull import open_reader
from platform_assets.connectors.seam.reader import ConnectorError, Context, SourceAwayError
from platform_assets.connectors.seam.types import Maturity, connector_type
from platform_assets.core.settings import Settings
from tests.connectors.behaviour import FIELDS, Behaviour
from tests.connectors.reading import read_until
from tests.connectors.scene import Scene, new_source

PROVES = {"kafka": Maturity.REAL}
EXACT = {"kafka": True, "azure_event_hubs": True}


class Topic:
    """A topic of two partitions in another cluster (here: the only one)."""

    connector = "kafka"
    stream = "orders"
    entry: ClassVar[dict[str, Any]] = {}

    def __init__(self, settings: Settings) -> None:
        self.name = f"theirs.{uuid.uuid4().hex[:8]}"
        self.settings = settings
        self.config = {"bootstrap": settings.kafka_bootstrap}
        self.options: dict[str, Any] = {"topic": self.name, "page_messages": 10}
        self.admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
        made = self.admin.create_topics([NewTopic(self.name, 2, 1)])
        made[self.name].result(20)
        self._producer = self._new_producer()

    def _new_producer(self) -> Producer:
        return Producer({"bootstrap.servers": self.settings.kafka_bootstrap, "linger.ms": 0})

    def widen(self, partitions: int) -> None:
        wanted = [NewPartitions(self.name, partitions)]
        self.admin.create_partitions(wanted)[self.name].result(20)
        self._producer = self._new_producer()

    def send(self, value: bytes | None, key: str = "k", partition: int = 0) -> None:
        headers = [("kind", b"order")]
        self._producer.produce(self.name, value, key.encode(), partition=partition, headers=headers)
        assert self._producer.flush(20) == 0

    def add(self, ids: range) -> None:
        for n in ids:
            value = json.dumps({"id": n, "city": "Ulm"}).encode()
            self._producer.produce(self.name, value, partition=n % 2)
        assert self._producer.flush(20) == 0

    def spoil(self, number: int) -> None:
        self.send(json.dumps({"id": f"{number}x", "city": "Ulm"}).encode())


@pytest.fixture
def peer(stack: Settings) -> Topic:
    return Topic(stack)


class TestBehaviour(Behaviour):
    """Offsets are the cursor: exactly once."""


@pytest.fixture
def scene(stack: Settings, peer: Topic, tmp_path: Path) -> Iterator[Scene]:
    with new_source(
        stack, tmp_path, "kafka", config=peer.config, options=peer.options, stream="orders",
        fields=FIELDS, identity=["_id"],
    ) as made:  # fmt: skip
        yield made


def test_what_is_no_json_is_a_dead_letter_and_the_next_one_comes(scene: Scene, peer: Topic) -> None:
    peer.send(b"{broken")
    peer.send(b"[1]")
    peer.add(range(2, 3))
    outcome = read_until(scene, 3)
    assert (outcome.records, outcome.dead_letters, outcome.error) == (1, 2, None)
    (broken, headers), (listed, _) = scene.letters()
    assert (broken, listed) == (b"{broken", b"[1]")
    assert "not JSON" in headers["reason"]
    assert headers["place"] == f"{peer.name}, partition 0, offset 0"
    (place,) = [at for (name, _), at in cursors.read(scene.settings).items() if name == scene.name]
    assert place == {"offsets": {"0": 3, "1": 0}}


def test_a_source_that_begins_at_the_end_misses_nothing_from_then_on(
    stack: Settings, peer: Topic, tmp_path: Path
) -> None:
    peer.add(range(10))
    options = {**peer.options, "start": "latest"}
    with new_source(
        stack, tmp_path, "kafka", config=peer.config, options=options, fields=FIELDS
    ) as made:
        assert read_until(made, 0).records == 0
        peer.add(range(10, 20))
        # A partition that comes later is read whole.
        peer.widen(3)
        peer.send(b'{"id": 20, "city": "Bonn"}', partition=2)
        assert read_until(made, 11).error is None
        assert sorted(row["id"] for row in made.rows()) == list(range(10, 21))


def test_records_that_were_deleted_unread_are_said(scene: Scene, peer: Topic) -> None:
    peer.add(range(10))
    assert read_until(scene, 10).records == 10
    peer.add(range(10, 20))
    deleted = peer.admin.delete_records([TopicPartition(peer.name, 0, 8)])
    for one in deleted.values():
        one.result(20)
    outcome = read_until(scene, 10)
    assert "partition 0: the records after offset 5 were deleted" in str(outcome.error)


def test_avro_of_a_registry_text_and_tombstones(
    stack: Settings, peer: Topic, tmp_path: Path
) -> None:
    text = {
        "type": "record",
        "name": "Order",
        "fields": [
            {"name": "id", "type": "long"},
            {"name": "city", "type": ["null", "string"]},
        ],
    }
    client = SchemaRegistryClient({"url": stack.registry_url})
    schema_id = client.register_schema(f"{peer.name}-value", Schema(json.dumps(text), "AVRO"))
    for number in (1, 2):
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, text, {"id": number, "city": "Köln"})
        peer.send(struct.pack(">bI", 0, schema_id) + buffer.getvalue(), key=str(number))
    peer.send(b"\0\0\0")
    peer.send(struct.pack(">bI", 0, schema_id) + b"\xff")
    peer.send(struct.pack(">bI", 0, 2**31 - 1) + b"\0")
    peer.send(None, key="2")
    config = {**peer.config, "registry": stack.registry_url}
    options = {**peer.options, "format": "avro"}
    op = {"expression": "CASE WHEN _deleted THEN 'd' ELSE 'c' END"}
    with new_source(
        stack, tmp_path, "kafka", config=config, options=options, identity=["_id"],
        fields=FIELDS, columns={"id": "_key", "city": "city"}, op=op, occurred_at="_at",
    ) as made:  # fmt: skip
        outcome = read_until(made, 6)
        assert (outcome.records, outcome.dead_letters, outcome.error) == (3, 3, None)
        events = made.events()
        assert [(e["op"], e["after"]["id"], e["after"]["city"]) for e in events] == [
            ("c", 1, "Köln"), ("c", 2, "Köln"), ("d", 2, None),
        ]  # fmt: skip
        assert all(event["occurred_at"] for event in events)
        reasons = " ".join(headers["reason"] for _, headers in made.letters())
        assert "not framed Avro" in reasons
        assert f"not of schema {schema_id}" in reasons
        assert "has no Avro schema 2147483647" in reasons


def test_a_topic_that_is_not_there_and_a_cluster_that_is_away(
    stack: Settings, peer: Topic, tmp_path: Path
) -> None:
    options = {"topic": "theirs.nothing"}
    with new_source(
        stack, tmp_path / "a", "kafka", config=peer.config, options=options, fields=FIELDS
    ) as made:
        assert "theirs.nothing" in str(read_until(made, 1).error)
        reader = open_reader(stack, made.source)
        assert peer.name in [one.name for one in reader.discover()]
    config = {"bootstrap": "127.0.0.1:9"}
    with (
        new_source(
            stack, tmp_path / "b", "kafka", config=config, options=options, fields=FIELDS
        ) as made,
        pytest.raises(SourceAwayError, match=r"127\.0\.0\.1:9 does not answer"),
    ):
        open_reader(stack, made.source).check()
    config = {"bootstrap": stack.kafka_bootstrap, "security": "sasl_plaintext"}
    with (
        new_source(
            stack, tmp_path / "c", "kafka", config=config, options=options, fields=FIELDS
        ) as made,
        pytest.raises(Exception, match="no secret"),
    ):
        open_reader(stack, made.source).check()
    with pytest.raises(ConnectorError, match="without a `registry`"), new_source(
        stack, tmp_path / "d", "kafka", config=peer.config,
        options={**peer.options, "format": "avro"}, fields=FIELDS,
    ) as made:  # fmt: skip
        list(open_reader(stack, made.source).read("rows", None))


def test_event_hubs_are_kafka_with_a_connection_string(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBS", "Endpoint=sb://shop;SharedAccessKey=k")
    kind = connector_type("azure_event_hubs")
    config = kind.config(namespace="shop.servicebus.windows.net", connection_string="HUBS")
    reader = kind.open(config, Context(stack, "hubs"))
    assert isinstance(reader, KafkaReader)
    assert reader._client["bootstrap.servers"] == "shop.servicebus.windows.net:9093"
    assert reader._client["security.protocol"] == "sasl_ssl"
    assert reader._client["sasl.username"] == "$ConnectionString"
    assert reader._client["sasl.password"].endswith("SharedAccessKey=k")
