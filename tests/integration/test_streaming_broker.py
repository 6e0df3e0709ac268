"""What a broker may hold and do: records of any size, topics made again, open transactions.

Belongs here: what only a real broker shows. Does not belong here: crashes and replays
(test_streaming_exact.py, test_survive_*.py).
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from platform_assets.core.settings import Settings
from platform_assets.engines.base import MicroBatch, OffsetRange
from platform_assets.local.wait import wait_until
from platform_assets.streaming import plan
from platform_assets.streaming.adopt import NothingToAdoptError, adopt, adoption
from platform_assets.streaming.dead_letters import COPY_BYTES
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.ledger_database import ledger_database
from platform_assets.streaming.topics import TopicStates
from platform_assets.streaming.windows import Windows
from tests.integration.lake import START, Lake, open_lake


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


@pytest.mark.parametrize("partitions", [1, 2, 3])
def test_a_topic_made_again_halts_and_is_never_mixed(stack: Settings, partitions: int) -> None:
    lake = open_lake(stack)
    lake.send([*((f"e{n}", lake.value(f"e{n}", START)) for n in range(100)), ("bad", b"bad")])
    lake.run()
    before, sent = everything(lake), set(letters(lake))
    totals = Ledger(stack).totals(lake.topic)
    make_again(lake, partitions)
    fresh = [(f"n{n}", lake.value(f"n{n}", START)) for n in range(300)]
    lake.send([*fresh, *((f"bad{n}", b"worse") for n in range(30))])

    reason = lake.halted()
    assert "was deleted and made again" in reason
    assert f"weir streams adopt {lake.topic} --dry-run" in reason
    TopicStates(stack).set_paused(lake.topic, paused=False)
    assert "was deleted and made again" in lake.halted(), "resuming alone mixes nothing"
    assert Ledger(stack).totals(lake.topic) == totals
    assert everything(lake) == before

    found = adoption(lake.processor(), lake.contract)
    assert found.made_again
    assert (found.after.number, found.lost, found.kept) == (1, {}, ())
    assert "was deleted and made again" in lake.halted(), "a dry run changes nothing"
    adopt(lake.processor(), lake.contract, TopicStates(stack))
    lake.run(until=431)
    now = Ledger(stack).totals(lake.topic)
    assert (now.published, now.dead_letters) == (400, 31)
    assert set(everything(lake)["bronze"]) >= set(before["bronze"])
    assert set(everything(lake)["silver"]) >= set(before["silver"])
    assert sent < set(letters(lake)), "a dead letter replaces none of the old topic"
    with pytest.raises(NothingToAdoptError):
        adoption(lake.processor(), lake.contract)

    processor, after = lake.processor(), everything(lake)
    for key in Windows(stack).keys(lake.topic):  # old micro-batches from bronze, new from the log
        processor.replay_bronze(lake.contract, key)
        for _ in processor.replay_silver(lake.contract, processor.ledger.batches(lake.topic, key)):
            pass
    assert everything(lake) == after
    assert Ledger(stack).totals(lake.topic) == now


def test_a_micro_batch_open_when_its_topic_was_made_again(stack: Settings) -> None:
    lake = open_lake(stack, quarantine_threshold=0.0, threshold_min_records=1)
    lake.send_events(range(20))
    lake.run()
    lake.send([("x", lake.value("x", START, price=-1.0)), ("y", lake.value("y", START))])
    assert "rejected" in lake.halted(), "landed in bronze, held before silver"
    ledger = Ledger(stack)
    progress = ledger.progress(lake.topic)
    end = max(progress.next_offsets.values())
    never = MicroBatch(progress.last_id + 1, (OffsetRange(0, end + 50, end + 57),))
    ledger.record(lake.topic, never, "w", "killed", 7)
    make_again(lake, 2)
    lake.send([(f"n{n}", lake.value(f"n{n}", START)) for n in range(30)])
    states = TopicStates(stack)
    states.set_paused(lake.topic, paused=False)
    assert "was deleted and made again" in lake.halted()
    found = adopt(lake.processor(), lake.contract, states)
    assert (found.kept, found.lost) == ((never.id - 1,), {never.id: 7})
    assert "rejected" in lake.halted(), "the held micro-batch waits for its person, from bronze"
    states.accept(lake.topic)
    lake.run(until=52)
    assert sorted(lake.rows()["event_id"]) == sorted(
        ["y", *(f"e{n}" for n in range(20)), *(f"n{n}" for n in range(30))]
    )
    totals = ledger.totals(lake.topic)
    assert (totals.published, totals.quarantined, totals.open_records) == (51, 1, 0)


def test_a_log_that_ends_before_what_was_taken_halts_and_can_be_adopted(stack: Settings) -> None:
    lake = open_lake(stack)
    lake.send_events(range(20))
    lake.run()
    ledger = Ledger(stack)
    progress = ledger.progress(lake.topic)
    with ledger_database(stack).borrow() as connection:  # as if the broker had lost its end
        connection.execute(
            "UPDATE micro_batch_range SET end_offset = end_offset + 1000 WHERE topic = %s",
            (str(lake.topic),),
        )
    lake.send_events(range(20, 40))
    found = adoption(lake.processor(), lake.contract)
    assert not found.made_again
    assert found.recorded == {p: at + 1000 for p, at in progress.next_offsets.items()}
    adopt(lake.processor(), lake.contract, TopicStates(stack))
    lake.run(until=60)
    totals = ledger.totals(lake.topic)
    assert (totals.published, totals.duplicates) == (40, 20), "taken again rather than lost"


def test_a_topic_that_is_what_it_was_is_not_adopted(stack: Settings) -> None:
    lake = open_lake(stack)
    lake.send_events(range(10))
    lake.run()
    with pytest.raises(NothingToAdoptError, match="is the topic that was recorded"):
        adopt(lake.processor(), lake.contract, TopicStates(stack))


def test_an_empty_topic_made_again_is_taken_as_it_comes(stack: Settings) -> None:
    lake = open_lake(stack)
    lake.run()
    make_again(lake, 2)
    lake.send_events(range(10))
    lake.run()
    assert len(lake.rows()) == 10


def test_a_topic_recorded_before_ids_were_kept_gets_its_id(stack: Settings) -> None:
    lake = open_lake(stack)
    lake.send_events(range(10))
    lake.run()
    with ledger_database(stack).borrow() as connection:
        connection.execute("DELETE FROM topic_generation WHERE topic = %s", (str(lake.topic),))
    lake.send_events(range(10, 20))
    lake.run()
    assert Ledger(stack).generation(lake.topic).topic_id == lake.broker.topic_id(lake.topic)
    assert len(lake.rows()) == 20


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
    done.abort_transaction(30)
    loop, lease = lake.loop()
    with lease:
        for _ in loop.steps(0.2):
            ends = {p: extent.high for p, extent in lake.broker.extents(lake.topic).items()}
            if ledger.progress(lake.topic).next_offsets == ends:
                loop.stop()
    assert ledger.totals(lake.topic).records == 23, "offsets without a record are passed"
    assert TopicStates(stack).read(lake.topic).error is None
