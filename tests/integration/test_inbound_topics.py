"""Topics and schemas by contract, on a real broker and a real registry."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from platform_assets.connectors import topics
from platform_assets.connectors.avro_codec import FRAME
from platform_assets.connectors.kafka import BrokerUnreachableError
from platform_assets.connectors.produce import LogProducer, Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.registry import RegistryError, SchemaRefusedError, SchemaRegistry
from platform_assets.connectors.simulate import Shares, simulate_history, simulate_live
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Column, Contract, LogicalType, TopicPolicy
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.local.wait import wait_until


def contract(name: str, **changes: object) -> Contract:
    """A copy of the reviews' contract under a topic of the test's own."""
    original = load_contracts()[TopicName("feedback", "reviews")]
    return replace(original, topic=TopicName("inbound", name), **changes)  # type: ignore[arg-type]


def config_of(settings: Settings, topic: str) -> dict[str, str]:
    client = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
    resource = ConfigResource(ResourceType.TOPIC, topic)
    described = client.describe_configs([resource])[resource].result(timeout=20)
    return {key: entry.value for key, entry in described.items()}


def records_of(settings: Settings, topic: str) -> list[object]:
    """All records of a topic, partition by partition."""
    consumer = Consumer({"bootstrap.servers": settings.kafka_bootstrap, "group.id": "inbound-test"})
    found = []
    try:
        for partition in consumer.list_topics(topic, timeout=20).topics[topic].partitions:
            place = TopicPartition(topic, partition, 0)
            _, end = consumer.get_watermark_offsets(place, timeout=20)
            consumer.assign([place])
            deadline = time.monotonic() + 60
            while end and time.monotonic() < deadline:
                message = consumer.poll(1)
                if message is not None:
                    found.append(message)
                    if message.offset() == end - 1:
                        break
    finally:
        consumer.close()
    return found


def test_topic_is_made_by_contract_and_follows_it(stack: Settings) -> None:
    made = contract("made", topic_policy=TopicPolicy(partitions=1, retention_hours=24))
    assert topics.ensure(stack, [made]) == ["inbound.made", "inbound.made.dlq"]
    config = config_of(stack, "inbound.made")
    assert config["message.timestamp.type"] == "LogAppendTime"
    assert config["retention.ms"] == str(24 * 3_600_000)
    assert config_of(stack, "inbound.made.dlq")["cleanup.policy"] == "compact"
    assert topics.ensure(stack, [made]) == []

    grown = replace(made, topic_policy=TopicPolicy(partitions=3, retention_hours=48))
    assert topics.ensure(stack, [grown]) == ["inbound.made"]
    wait_until(
        lambda: config_of(stack, "inbound.made")["retention.ms"] == str(48 * 3_600_000),
        what="the broker's view of the longer retention",
        timeout=30,
    )
    with pytest.raises(topics.TopicError, match=r"has 3 partitions.*partitions can only grow"):
        topics.ensure(stack, [made])


def test_added_column_is_accepted_and_retyped_one_refused_with_reason(stack: Settings) -> None:
    first = contract("evolving")
    registry = SchemaRegistry(stack)
    one = registry.register(first)
    assert registry.register(first) == one
    extra = Column("helpful", LogicalType.INTEGER, "Votes.")
    two = registry.register(replace(first, columns=(*first.columns, extra)))
    assert two != one
    assert "helpful" in (registry.schema(two) or "")
    retyped = tuple(
        replace(column, type=LogicalType.STRING) if column.name == "rating" else column
        for column in first.columns
    )
    with pytest.raises(
        SchemaRefusedError, match=r"inbound.evolving-value refused: not BACKWARD"
    ) as caught:
        registry.register(replace(first, columns=retyped))
    assert "union" in str(caught.value)


def test_refused_schema_leaves_the_topic_alone(stack: Settings) -> None:
    good = contract("guarded")
    ensure_topics(stack, [good])
    bad_columns = tuple(
        replace(column, type=LogicalType.STRING) if column.name == "rating" else column
        for column in good.columns
    )
    bad = replace(good, columns=bad_columns, topic_policy=TopicPolicy(partitions=5))
    with pytest.raises(SchemaRefusedError):
        ensure_topics(stack, [bad])
    assert topics.ensure(stack, [good]) == []


def test_many_register_one_schema_at_the_same_moment(stack: Settings) -> None:
    for number in range(5):
        one = contract(f"at_once_{number}_{uuid.uuid4().hex[:6]}")
        together = threading.Barrier(8)

        def register(one: Contract = one, together: threading.Barrier = together) -> int:
            together.wait(30)
            return SchemaRegistry(stack).register(one)

        with ThreadPoolExecutor(8) as pool:
            ids = [future.result() for future in [pool.submit(register) for _ in range(8)]]
        assert len(set(ids)) == 1


def test_unknown_schema_is_none(stack: Settings) -> None:
    assert SchemaRegistry(stack).schema(999_999) is None


@pytest.mark.parametrize("call", ["topics", "registry", "produce"])
def test_unreachable_servers_give_a_bounded_clear_error(call: str) -> None:
    nowhere = Settings(port_base=1900, request_timeout_seconds=2)
    began = time.monotonic()
    calls = {
        "topics": lambda: topics.ensure(nowhere, [contract("never")]),
        "registry": lambda: SchemaRegistry(nowhere).register(contract("never")),
        "produce": lambda: LogProducer(nowhere),
    }
    with pytest.raises((BrokerUnreachableError, RegistryError), match=r"does not answer.*weir up"):
        calls[call]()
    assert time.monotonic() - began < 15


def test_records_without_key_go_to_partition_0(stack: Settings) -> None:
    made = contract("keyless", topic_policy=TopicPolicy(partitions=3))
    topics.ensure(stack, [made])
    with LogProducer(stack) as producer:
        producer.send_all(Record("inbound.keyless", None, b"x") for _ in range(20))
    assert {message.partition() for message in records_of(stack, "inbound.keyless")} == {0}  # type: ignore[attr-defined]


def test_history_and_live_arrive_whole(stack: Settings) -> None:
    topic = "feedback.support_tickets"
    ids = ensure_topics(stack, load_contracts().values())
    before = len(records_of(stack, topic))
    history = simulate_history(stack, 3, 600, topics=[topic])
    live = simulate_live(
        stack, 3, 200, threading.Event(), 2, [topic], shares=Shares(late=0, out_of_order=0)
    )
    arrived = records_of(stack, topic)
    assert len(arrived) - before == history.events + live.events
    assert history.events == 600
    assert 100 <= live.events <= 450
    schema_id = ids[TopicName("feedback", "support_tickets")]
    framed = [m for m in arrived if m.value()[:5] == FRAME.pack(0, schema_id)]  # type: ignore[attr-defined]
    assert len(framed) > 0.9 * len(arrived)
