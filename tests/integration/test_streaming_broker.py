"""What a broker may hold and do: records of any size and with any headers, open transactions.

Belongs here: what only a real broker shows. Does not belong here: recreated topics
(test_streaming_recreated.py), crashes and replays (test_streaming_exact.py, test_survive_*.py).
"""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import (
    NewPartitions,
)

from platform_assets.contracts.avro import value_schema
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.engines.avro import WriterSchema
from platform_assets.engines.local.engine import LocalEngine
from platform_assets.engines.registry import Lookup
from platform_assets.streaming import plan
from platform_assets.streaming.dead_letters import COPY_BYTES
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.ledger_database import ledger_database
from platform_assets.streaming.schemas import Schemas, fingerprint, meanings_of
from platform_assets.streaming.topics import TopicStates
from platform_assets.streaming.windows import Windows
from tests.integration.broker import (
    admin,
    allow,
    everything,
    letters,
    noise,
    produce,
    produce_raw,
)
from tests.integration.lake import START, open_lake


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


def test_a_dead_letter_topic_that_is_deleted_is_recreated(stack: Settings) -> None:
    lake = open_lake(stack)
    client = admin(stack)
    for future in client.delete_topics([lake.topic.dead_letters]).values():
        future.result(timeout=30)
    produce(lake, b"nonsense")
    lake.run(request_timeout_seconds=4)
    assert Ledger(stack).totals(lake.topic).dead_letters == 1
    assert set(letters(lake)) == {"0-0"}


def test_partitions_added_to_a_live_topic_are_taken(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "PARTITIONS_SECONDS", 1.0)
    lake = open_lake(stack)
    lake.send_events(range(10))
    loop, lease = lake.loop()
    client, grown = admin(stack), False
    with lease:
        for step in loop.steps(0.2):
            done = Ledger(stack).totals(lake.topic).published
            if not grown and done == 10:
                grown = True
                wanted = [NewPartitions(str(lake.topic), 5)]
                for future in client.create_partitions(wanted).values():
                    future.result(timeout=30)
                for partition in range(5):
                    value = lake.value(f"p{partition}", START)
                    produce(lake, value, partition=partition)
            if step is None and done == 15:
                loop.stop()
    assert sorted(set(lake.rows()["_kafka_partition"])) == [0, 1, 2, 3, 4]
    lake.assert_balanced()


def test_an_open_transaction_holds_back_its_own_partition_alone(stack: Settings) -> None:
    lake = open_lake(stack)
    client = {"bootstrap.servers": stack.kafka_bootstrap}
    begun = Producer({**client, "transactional.id": f"open-{lake.topic}"})
    begun.init_transactions(30)
    begun.begin_transaction()
    begun.produce(str(lake.topic), lake.value("open", START), partition=0)
    assert begun.flush(30) == 0
    done = Producer({**client, "transactional.id": f"done-{lake.topic}"})
    done.init_transactions(30)
    for turn in range(4):  # commit, abort, commit, abort: each leaves a marker in the log
        done.begin_transaction()
        for n in range(10):
            value = lake.value(f"t{turn}-{n}", START)
            done.produce(str(lake.topic), value, partition=1)
        done.produce(str(lake.topic), lake.value(f"behind{turn}", START), partition=0)
        assert done.flush(30) == 0, "the broker refuses to end a transaction that it has not begun"
        (done.abort_transaction if turn % 2 else done.commit_transaction)(30)
    lake.run(until=20)
    names = set(lake.rows()["event_id"])
    assert names == {f"t{turn}-{n}" for turn in (0, 2) for n in range(10)}
    begun.commit_transaction(30)
    lake.run(until=23)
    assert {"open", "behind0", "behind2"} < set(lake.rows()["event_id"])
    lake.assert_balanced()
    ledger, before = Ledger(stack), everything(lake)
    totals = ledger.totals(lake.topic)
    assert totals.records == 23, "records, not offsets"
    ends = {p: extent.high for p, extent in lake.broker.extents(lake.topic).items()}
    assert ledger.progress(lake.topic).next_offsets == ends, "markers are passed, too"
    (key,) = Windows(stack).keys(lake.topic)
    processor = lake.processor()
    for lost in (False, True):
        if lost:  # the log has forgotten: from bronze, where the gaps are no loss
            places = [TopicPartition(str(lake.topic), p, at) for p, at in ends.items()]
            held = admin(stack)
            for future in held.delete_records(places).values():
                future.result(timeout=30)
        assert processor.replay_bronze(lake.contract, key) == 23
        for _ in processor.replay_silver(lake.contract, ledger.batches(lake.topic, key)):
            pass
        assert everything(lake) == before
        assert ledger.totals(lake.topic) == totals
    done.begin_transaction()
    done.produce(str(lake.topic), b"never", partition=1)
    assert done.flush(30) == 0
    done.abort_transaction(30)
    loop, lease = lake.loop()
    with lease:
        for _ in loop.steps(0.2):
            ends = {p: extent.high for p, extent in lake.broker.extents(lake.topic).items()}
            if ledger.progress(lake.topic).next_offsets == ends:
                loop.stop()
    assert ledger.totals(lake.topic).records == 23, "offsets without a record are passed"
    assert TopicStates(stack).read(lake.topic).error is None


def test_header_names_of_any_bytes_are_kept(stack: Settings) -> None:
    lake = open_lake(stack)
    odd: list[list[tuple[bytes, bytes | None]]] = [
        [(b"plain", b"1"), (b"\xff\xfe", b"\x00\xff"), ("\N{SNOWMAN}".encode(), b"")],
        [(b"\xe9t\xe9", None), (b"\xe9t\xe9", b"twice"), (b"", b"no name")],
    ]
    for number, headers in enumerate(odd):
        produce_raw(lake, lake.value(f"odd{number}", START), headers)
        produce(lake, lake.value(f"even{number}", START), headers=[("k", b"v")])
    lake.send_events(range(20))
    lake.run()
    assert len(lake.rows()) == 24
    before = everything(lake)
    bronze = lake.rows(lake.topic.bronze).filter(kafka_partition=0).sort("kafka_offset")
    kept = bronze["kafka_headers"].to_list()[:4]
    assert [[(pair["key"], pair["value"]) for pair in each] for each in kept] == [
        [("plain", b"1"), ("b'\\xff\\xfe'", b"\x00\xff"), ("\N{SNOWMAN}", b"")],
        [("k", b"v")],
        [("b'\\xe9t\\xe9'", None), ("b'\\xe9t\\xe9'", b"twice"), ("", b"no name")],
        [("k", b"v")],
    ]
    (key,) = Windows(stack).keys(lake.topic)
    assert lake.processor().replay_bronze(lake.contract, key) == 24
    assert everything(lake) == before


def test_a_registry_with_other_ids_changes_no_replay(stack: Settings) -> None:
    lake = open_lake(stack)
    lake.send([*((f"e{n}", lake.value(f"e{n}", START)) for n in range(20)), ("bad", b"bad")])
    lake.run()
    before, totals = everything(lake), Ledger(stack).totals(lake.topic)
    (key,) = Windows(stack).keys(lake.topic)
    customers = json.dumps(value_schema(load_contracts()[TopicName("commerce", "customers")]))
    ends = {p: extent.high for p, extent in lake.broker.extents(lake.topic).items()}
    registries: list[Lookup] = [
        lambda _: None,
        lambda schema_id: WriterSchema.parse(schema_id, customers),
    ]
    for from_log in (True, False):
        if not from_log:
            places = [TopicPartition(str(lake.topic), p, at) for p, at in ends.items()]
            client = admin(stack)
            for future in client.delete_records(places).values():
                future.result(timeout=30)
        for registry in registries:
            processor = replace(lake.processor(), engine=LocalEngine(stack, registry))
            assert processor.replay_bronze(lake.contract, key) == 21
            batches = processor.ledger.batches(lake.topic, key)
            for _ in processor.replay_silver(lake.contract, batches):
                pass
            assert everything(lake) == before
            assert Ledger(stack).totals(lake.topic) == totals


def test_a_schema_id_means_what_it_meant_when_its_records_were_taken(stack: Settings) -> None:
    topic, schemas = TopicName("test", f"s{uuid.uuid4().hex[:8]}"), Schemas(stack)
    one, two = '{"type": "string"}', '{"type": "long"}'
    for batch, meanings in ((3, {5: one}), (4, {5: one, 6: two}), (7, {5: two}), (9, {5: one})):
        schemas.note(topic, batch, meanings)
        Schemas(stack).note(topic, batch, meanings)
    with ledger_database(stack).borrow() as connection:
        found = meanings_of(connection, topic, [1, 3, 6, 7, 8, 9, 50])
    assert {batch: meanings[5] for batch, meanings in found.items()} == {
        1: one, 3: one, 6: one, 7: two, 8: two, 9: one, 50: one,
    }  # fmt: skip
    assert {meanings[6] for meanings in found.values()} == {two}
    assert fingerprint(one) == fingerprint('{ "type":"string" }') != fingerprint(two)


def test_one_listing_serves_all_quiet_topics(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lakes = [open_lake(stack) for _ in range(3)]
    lakes[0].send_events(range(5))
    broker = plan.Broker(stack)
    read = {
        lake.topic: {p: e.high for p, e in broker.extents(lake.topic).items()} for lake in lakes
    }
    asked: list[int] = []
    listed = broker._asked

    def counted(wanted: dict[TopicPartition, Any]) -> dict[TopicPartition, Any]:
        asked.append(len(wanted))
        return listed(wanted)

    monkeypatch.setattr(broker, "_asked", counted)
    assert all(broker.is_still(topic, ends, 60) for topic, ends in read.items())
    assert len(asked) == 1
    # A partition that nothing came from is not recorded.
    assert broker.is_still(lakes[1].topic, {}, 60)
    assert not broker.is_still(lakes[0].topic, {}, 60)
    lakes[1].send_events(range(1))
    assert broker.is_still(lakes[1].topic, read[lakes[1].topic], 60)
    assert not broker.is_still(lakes[1].topic, read[lakes[1].topic], 0)
    assert len(asked) == 2
    monkeypatch.setattr(plan, "PARTITIONS_SECONDS", -1.0)
    assert not broker.is_still(lakes[2].topic, read[lakes[2].topic], 60), "partitions may be new"
