"""Topics that are deleted and recreated, and logs that lose their end.

Belongs here: the ledger against a broker that holds something else than before. Does not belong
here: logs that lose their beginning (test_survive_schema.py).
"""

from __future__ import annotations

import pytest

from platform_assets.core.settings import Settings
from platform_assets.engines.base import MicroBatch, OffsetRange
from platform_assets.streaming.adopt import NothingToAdoptError, adopt, adoption
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.ledger_database import ledger_database
from platform_assets.streaming.topics import TopicStates
from platform_assets.streaming.windows import Windows
from tests.integration.broker import (
    everything,
    letters,
    make_again,
)
from tests.integration.lake import START, open_lake


@pytest.mark.parametrize("partitions", [1, 2, 3])
def test_a_topic_recreated_halts_and_is_never_mixed(stack: Settings, partitions: int) -> None:
    lake = open_lake(stack)
    lake.send([*((f"e{n}", lake.value(f"e{n}", START)) for n in range(100)), ("bad", b"bad")])
    lake.run()
    before, sent = everything(lake), set(letters(lake))
    totals = Ledger(stack).totals(lake.topic)
    make_again(lake, partitions)
    fresh = [(f"n{n}", lake.value(f"n{n}", START)) for n in range(300)]
    lake.send([*fresh, *((f"bad{n}", b"worse") for n in range(30))])

    reason = lake.halted()
    assert "was deleted and recreated" in reason
    assert f"weir streams adopt {lake.topic} --dry-run" in reason
    TopicStates(stack).set_paused(lake.topic, paused=False)
    assert "was deleted and recreated" in lake.halted(), "resuming alone mixes nothing"
    assert Ledger(stack).totals(lake.topic) == totals
    assert everything(lake) == before

    found = adoption(lake.processor(), lake.contract)
    assert found.recreated
    assert (found.after.number, found.lost, found.kept) == (1, {}, ())
    assert "was deleted and recreated" in lake.halted(), "a dry run changes nothing"
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


def test_a_micro_batch_open_when_its_topic_was_recreated(stack: Settings) -> None:
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
    assert "was deleted and recreated" in lake.halted()
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
    assert not found.recreated
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


def test_an_empty_topic_recreated_is_taken_as_it_comes(stack: Settings) -> None:
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
