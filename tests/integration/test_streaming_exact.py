"""Exactly once, whatever happens in between; on real Kafka, registry and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from platform_assets.contracts.model import BadRow
from platform_assets.core.settings import Settings
from platform_assets.streaming.halts import Reason
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.locks import LeaseHeldError
from platform_assets.streaming.topics import TopicStates
from tests.integration.lake import START, forget, in_thread, open_lake


def test_records_land_once_with_their_dead_letters_rejects_and_duplicates(stack: Settings) -> None:
    lake = open_lake(stack)
    good = [(f"e{n}", lake.value(f"e{n}", START, user_id=n % 50 + 1)) for n in range(300)]
    poison = [
        ("p1", b"\x00\x00\x00\x00\x01garbage"),
        ("p2", b"nonsense"),
        ("p3", good[0][1] + b"x"),
    ]
    broken = [
        ("b1", lake.value("b1", START, user_id=None)),
        ("b2", lake.value("b2", START, price=-1.0)),
    ]
    lake.send(good[:150] + poison + broken + good[100:])
    lake.run()
    totals = Ledger(stack).totals(lake.topic)
    assert (totals.published, totals.duplicates) == (300, 50)
    assert (totals.quarantined, totals.dead_letters) == (2, 3)
    rules = sorted(lake.rows(lake.topic.quarantine)["rule"])
    assert rules == ["price_not_negative", "user_id_not_null"]
    lake.assert_balanced()


def test_an_empty_topic_is_no_micro_batch(stack: Settings) -> None:
    lake = open_lake(stack)
    assert lake.run() == 0
    assert len(lake.rows()) == 0


@pytest.mark.parametrize("step", ["write_bronze", "check", "publish"])
def test_a_crash_at_any_step_is_as_if_it_had_not_been(stack: Settings, step: str) -> None:
    lake, calm = open_lake(stack), open_lake(stack)
    for each in (lake, calm):
        each.send_events(range(500))
    loop, lease = lake.loop()
    engine = loop._loops[0].processor.engine
    original = getattr(engine, step)
    crashes = iter([True, True])

    def crash_after(*arguments: object) -> object:
        result = original(*arguments)
        if next(crashes, False):
            raise OSError("the process died here")
        return result

    setattr(engine, step, crash_after)
    with lease:
        for got in loop.steps(0.2):
            if got is None and lake.caught_up():
                loop.stop()
    calm.run()
    assert lake.published() == calm.published()
    lake.assert_balanced()


def test_a_batch_ten_times_the_bound_comes_in_bounded_parts(stack: Settings) -> None:
    lake, whole = open_lake(stack), open_lake(stack)
    for each in (lake, whole):
        each.send_events(range(2000))
    assert lake.run(batch_max_records=200) >= 10
    whole.run()
    assert lake.published() == whole.published()
    by_bytes = open_lake(stack)
    by_bytes.send_events(range(2000))
    size = len(by_bytes.value("e1", START))
    assert by_bytes.run(batch_max_bytes=max(1024, size * 200)) >= 8
    assert by_bytes.published() == whole.published()
    by_bytes.assert_balanced()


def test_late_records_are_right_at_the_end_and_counted(stack: Settings) -> None:
    lake, ordered = open_lake(stack, lateness_seconds=3600), open_lake(stack)
    events = [(f"e{n}", START + timedelta(minutes=10 * n)) for n in range(200)]
    late = [(f"late{n}", START - timedelta(hours=3 + n)) for n in range(5)]
    lake.send([(key, lake.value(key, at)) for key, at in events])
    lake.run()
    lake.send([(key, lake.value(key, at)) for key, at in late])
    lake.run()
    ordered.send([(key, ordered.value(key, at)) for key, at in late + events])
    ordered.run()
    assert lake.published() == ordered.published()
    assert Ledger(stack).totals(lake.topic).late == 5


def test_two_stream_runs_at_once_the_second_steps_back(stack: Settings) -> None:
    lake = open_lake(stack)
    lake.send_events(range(100))
    _, lease = lake.loop(run_id="first")
    with lease:
        _, second = lake.loop(run_id="second")
        with pytest.raises(LeaseHeldError, match="run first"), second:
            pass
    lake.run()
    lake.assert_balanced()


def test_a_partition_materialised_again_while_its_stream_runs(stack: Settings) -> None:
    lake = open_lake(stack)
    lake.send_events(range(1000))
    lake.run(batch_max_records=300)
    before = lake.published()
    window = Ledger(stack).open_batches(lake.topic) or None
    assert window is None
    from platform_assets.streaming.windows import Windows

    (key,) = Windows(stack).keys(lake.topic)
    lake.send_events(range(1000, 3000))
    streaming = in_thread(lambda: lake.run(batch_max_records=250))
    processor = lake.processor()
    for _ in range(2):
        processor.replay_bronze(lake.contract, key)
        for _ in processor.replay_silver(lake.contract, processor.ledger.batches(lake.topic, key)):
            pass
    streaming.join(timeout=120)
    assert not streaming.is_alive()
    assert len(lake.published()) == 3000
    assert set(before) <= set(lake.published())
    lake.assert_balanced()


def test_past_the_threshold_nothing_is_published_until_a_person_decides(stack: Settings) -> None:
    lake = open_lake(stack, quarantine_threshold=0.1, threshold_min_records=10)
    lake.send(
        [(f"e{n}", lake.value(f"e{n}", START, price=-1.0 if n % 3 else 0.0)) for n in range(90)]
    )
    loop, lease = lake.loop()
    states = TopicStates(stack)
    with lease:
        for _ in loop.steps(0.2):
            if states.read(lake.topic).halted_contract:
                loop.stop()
    error = states.read(lake.topic).error or ""
    assert str(lake.topic) in error
    assert "60 of 90 records rejected (67%)" in error
    assert "price_not_negative" in error
    assert len(lake.rows()) == 0
    halt = states.accept(lake.topic)
    assert (halt.reason, halt.batch) == (Reason.ROWS, 1)
    lake.run()
    assert len(lake.rows()) == 30
    lake.assert_balanced()
    # It was for those records, once.
    assert states.read(lake.topic).accepted is None
    lake.send([(f"f{n}", lake.value(f"f{n}", START, price=-1.0)) for n in range(30)])
    assert "30 of 30 records rejected" in lake.halted()
    assert len(lake.rows()) == 30


def test_an_acceptance_for_rows_is_not_one_for_lost_records(stack: Settings) -> None:
    lake = open_lake(stack, quarantine_threshold=0.1, threshold_min_records=10)
    lake.send([(f"e{n}", lake.value(f"e{n}", START, price=-1.0)) for n in range(30)])
    lake.halted()
    ends = {p: extent.high for p, extent in lake.broker.extents(lake.topic).items()}
    lake.send_events(range(100))
    forget(lake, {p: end + 2 for p, end in ends.items()})
    states = TopicStates(stack)
    states.accept(lake.topic)
    assert "were never taken" in lake.halted()
    halt = states.read(lake.topic).halt
    assert halt is not None
    assert halt.reason is Reason.GAP
    assert {item.partition: (item.start, item.end) for item in halt.ranges} == {
        p: (end, end + 2) for p, end in ends.items()
    }


def test_a_contract_that_says_fail_holds_one_bad_row(stack: Settings) -> None:
    lake = open_lake(stack, bad_row=BadRow.FAIL)
    lake.send([("e1", lake.value("e1", START)), ("e2", lake.value("e2", START, price=-1.0))])
    loop, lease = lake.loop()
    states = TopicStates(stack)
    with lease:
        for _ in loop.steps(0.2):
            if states.read(lake.topic).halted_contract:
                loop.stop()
    assert "its contract says `badRows: fail`" in (states.read(lake.topic).error or "")
    assert len(lake.rows()) == 0


def test_a_mended_contract_frees_quarantined_rows_and_the_first_in_the_log_wins(
    stack: Settings,
) -> None:
    lake = open_lake(stack)
    lake.send([("e1", lake.value("e1", START, price=-5.0, user_id=7))])
    lake.run()
    lake.send([("e1", lake.value("e1", START, user_id=8))])
    lake.run()
    assert lake.rows()["user_id"].to_list() == [8]
    mended = replace(
        lake.contract, rules=tuple(r for r in lake.contract.rules if r.column != "price")
    )
    processor = lake.processor()
    for _ in processor.replay_silver(
        mended, processor.ledger.batches_with_rejects(lake.topic), accept=True
    ):
        pass
    assert lake.rows()["user_id"].to_list() == [7]
    lake.assert_balanced()
    for _ in processor.replay_silver(
        lake.contract, processor.ledger.batches_by_id(lake.topic, [1]), accept=True
    ):
        pass
    assert lake.rows()["user_id"].to_list() == [8]
    lake.assert_balanced()
