"""The speed layer on a real broker and database: exact under kills, equal to the batch layer."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import polars as pl
import psycopg
import pytest

from ml.assets.processors import RUN, processor_feedback_job
from platform_assets.connectors.publish import ensure_topics
from platform_assets.contracts.load import load_contracts
from platform_assets.core.databases import Database
from platform_assets.core.settings import Settings
from platform_assets.graph.lineage import processor_key
from platform_assets.local.wait import wait_until
from platform_assets.processors import run
from platform_assets.processors.agreement import compare
from platform_assets.processors.hot.figures import states
from platform_assets.processors.hot.revisions import REVISIONS
from platform_assets.processors.hot.store import (
    KEPT_DAYS,
    HotStore,
    PositionConflictError,
)
from platform_assets.processors.model import FEEDBACK, ProcessorError
from platform_assets.streaming.locks import request_stop
from tests.integration.speed import RATE, Speed, hot_rows
from tests.text_functions import POISON, WordFunctions


@pytest.fixture
def speed(stack: Settings) -> Iterator[Speed]:
    made = Speed(stack)
    yield made
    made.store.close()


def test_each_record_becomes_a_result_or_a_dead_letter(speed: Speed) -> None:
    speed.send(
        [
            speed.review("r1", "good, says Ada"),
            speed.review("r2", "bad bad bad bad, says Ada"),
            speed.review("r1", "good, says Ada"),  # sent twice: silver and hot path keep the first
            speed.review("r3", "good", rating=9),  # breaks a rule: in the lake's quarantine
            speed.review("r4", f"{POISON} thing"),
            speed.garbage("g1"),
            speed.ticket("t1", "Ada waits", "urgent"),
            speed.ticket("t2", "Ada waits", "low"),
        ]
    )
    speed.run_until(lambda: speed.stored() == 4 and len(speed.letters()) == 2)

    results = speed.results()
    assert Counter(one["source_event_id"] for one in results) == {
        "r1": 2,
        "r2": 1,
        "t1": 1,
        "t2": 1,
    }
    by_event = {one["source_event_id"]: one for one in results}
    assert by_event["r1"]["sentiment"] == "positive"
    assert by_event["r2"]["route"] == "flagged"
    assert '"text": "Ada"' in by_event["r2"]["entities"]
    assert by_event["r1"]["entities"] == "[]"  # the costly step was not taken
    assert by_event["t1"]["route"] == "urgent"
    reasons = sorted(headers["reason"] for _, headers in speed.letters())
    assert "ValueError: no words for it" in reasons[0] + reasons[1]
    assert "not in the registry's framing" in reasons[0] + reasons[1]
    assert speed.rows() == [
        ("r1", "positive", "quick"), ("r2", "negative", "flagged"),
        ("t1", "neutral", "urgent"), ("t2", "neutral", "quick"),
    ]  # fmt: skip
    assert speed.summed() == 4
    (state,) = [one for one in states(speed.store.database) if one.processor == speed.name]
    assert (state.taken, state.results, state.rejected, state.dead_letters) == (8, 5, 1, 2)
    assert (state.routed, state.stored, state.lag) == (2, 4, 0)
    assert state.p99 is not None
    assert state.p99 < 30


@pytest.mark.parametrize("kills", [1, pytest.param(12, marks=pytest.mark.soak)])
def test_a_kill_loses_nothing_and_doubles_nothing(speed: Speed, kills: int) -> None:
    dice = random.Random(7)
    with speed.stream(RATE * 3 * kills) as (sent, good, bad):
        for _ in range(kills):
            with speed.process() as process:
                before = speed.stored()
                wait_until(
                    lambda before=before: speed.stored() > before, what="more rows", timeout=40
                )
                sent.wait(dice.uniform(0.05, 0.4))
                os.kill(process.pid, signal.SIGKILL)
    speed.assert_exact(good, bad)


def test_functions_that_do_not_work_take_nothing(
    speed: Speed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "ATTEMPTS", 2)
    speed.send([speed.review("r1", "good")])
    with pytest.raises(ProcessorError, match=r"words-1 do not work"):
        list(speed.run(WordFunctions(broken=True)).steps())
    assert (speed.results(), speed.letters()) == ([], [])
    speed.run_until(lambda: speed.stored() == 1)


@pytest.mark.soak
def test_two_members_share_the_partitions_and_one_that_leaves_hands_over(speed: Speed) -> None:
    speed.send([speed.review(f"a{n}", "good") for n in range(40)])
    first, second = speed.run(member=0), speed.run(member=1)
    threads = [
        threading.Thread(target=lambda one=one: list(one.steps())) for one in (first, second)
    ]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: speed.stored() == 40, what="the first rows", timeout=40)
        first.stop()
        threads[0].join(20)
        speed.send([speed.review(f"b{n}", "good") for n in range(40)])
        wait_until(lambda: speed.stored() == 80, what="the others", timeout=40)
    finally:
        first.stop()
        second.stop()
        for thread in threads:
            thread.join(20)
    assert set(Counter(one["source_event_id"] for one in speed.results()).values()) == {1}


def test_both_layers_agree_hour_by_hour_and_a_difference_shows(speed: Speed) -> None:
    # The tickets have no table in this lake.
    speed.definition = replace(speed.definition, inputs=speed.definition.inputs[:1])
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    events = [
        speed.review(f"r{n}", ("good", "bad", "Ada")[n % 3], hour + timedelta(minutes=n * 3))
        for n in range(40)
    ]
    speed.send([*events, events[0], speed.review("x", "good", hour, rating=9), speed.garbage("g")])

    def compared(version: str = "words-1") -> list[tuple[int, ...]]:
        functions = WordFunctions(version)
        return [
            (one.texts, one.missing, one.extra, one.compared, one.different, one.outdated)
            for one in compare(
                speed.settings, speed.definition, functions, speed.contracts, speed.store, now
            )
        ]

    speed.run_until(lambda: speed.stored() == 40 and len(speed.letters()) == 1)
    speed.lake.run()
    assert compared() == [(20, 0, 0, 20, 0, 0), (20, 0, 0, 20, 0, 0)]
    assert compared("words-2") == [(20, 0, 0, 0, 0, 20), (20, 0, 0, 0, 0, 20)]

    # What only one of the two has taken yet is not compared.
    speed.send([speed.review("late", "good", hour)])
    speed.lake.run()
    assert compared() == [(20, 0, 0, 20, 0, 0), (20, 0, 0, 20, 0, 0)]

    topics = str(speed.reviews.topic), str(speed.definition.output)
    with speed.store.database.borrow() as connection:
        where = f"WHERE source_topic = '{topics[0]}' AND source_event_id"
        connection.execute(f"DELETE FROM understood {where} = 'r3'".encode())
        connection.execute(f"UPDATE understood SET sentiment = 'neutral' {where} = 'r6'".encode())
        assert compared() == [(20, 1, 0, 19, 1, 0), (20, 0, 0, 20, 0, 0)]
        kept = "SELECT missing, different FROM agreement WHERE processor = %s ORDER BY hour"
        assert connection.execute(kept, (speed.name,)).fetchall() == [(1, 1), (0, 0)]
        behind = "UPDATE hot_position SET next_offset = 0 WHERE topic = %s"
        connection.execute(behind, (topics[1],))
    with pytest.raises(ProcessorError, match="not all of its results"):
        compared()


def test_of_two_that_store_one_finds_that_the_position_moved(speed: Speed) -> None:
    topic, now = str(speed.definition.output), datetime.now(UTC)
    row = hot_rows(topic, event_id=speed.name, sentiment=None, intensity=None)
    row = row.cast({"sentiment": pl.String, "intensity": pl.Float64})
    old = row.with_columns(event_id=pl.lit("old"), day=now.date() - timedelta(days=KEPT_DAYS + 1))
    rows = pl.concat([row, row, old])
    first = speed.store.add(topic, {}, {0: 3}, rows)
    assert (len(first.new), first.repeated, first.old) == (1, 1, 1)
    other = HotStore(speed.settings)
    with pytest.raises(PositionConflictError):
        other.add(topic, {}, {0: 3}, rows)
    again = other.add(topic, {0: 3}, {0: 6}, rows)
    assert (len(again.new), again.repeated) == (0, 2)
    other.close()
    with speed.store.database.borrow() as connection:
        sums = connection.execute(
            "SELECT texts, sentiment FROM understood_minute WHERE source_topic = %s", (topic,)
        ).fetchall()
    assert sums == [(1, "unknown")]


def test_months_that_are_too_old_are_dropped(stack: Settings) -> None:
    name = f"hot_{os.getpid()}_{random.randrange(10**6)}"
    store = HotStore(stack)
    store.database = Database(stack, name, REVISIONS)
    now = datetime(2026, 11, 29, tzinfo=UTC)
    store.ensure_months([now.date() - timedelta(days=31 * n) for n in range(15)])
    assert store.forget(now) == [
        f"{table}_2025_{month:02}"
        for table in ("understood", "understood_day", "understood_hour", "understood_minute")
        for month in (9, 10)
    ]  # fmt: skip
    assert store.forget(now) == []
    store.close()
    with psycopg.connect(stack.postgres_dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name}")


def test_the_run_tells_dagster_and_ends_when_it_is_asked_to(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = type(sys)("functions")
    functions.text_functions = lambda _settings: WordFunctions()
    monkeypatch.setitem(sys.modules, "ml.text.functions", functions)
    feedback = Speed(stack)
    feedback.definition, feedback.contracts = FEEDBACK, load_contracts()
    ids = ensure_topics(stack, [feedback.contracts[one.topic] for one in FEEDBACK.inputs])
    feedback._ids = ids
    feedback.send([feedback.review(uuid.uuid4().hex, "good, says Ada")])

    def stored() -> int:
        found = states(feedback.store.database)
        return sum(one.stored for one in found if one.processor == FEEDBACK.name)

    def stop() -> None:
        wait_until(lambda: stored() > before, what="rows in the figures", timeout=60)
        request_stop(stack, RUN.lease, "a test")

    before = stored()
    asking = threading.Thread(target=stop)
    asking.start()
    with dg.DagsterInstance.ephemeral() as instance:
        done = processor_feedback_job.execute_in_process(instance=instance)
    asking.join()
    feedback.store.close()
    assert done.success
    told = [
        one.step_materialization_data.materialization
        for one in done.all_events
        if one.is_step_materialization
    ]
    assert {one.asset_key for one in told} == {processor_key(FEEDBACK.name)}
    assert sum(one.metadata["stored"].value for one in told) >= 1
    assert told[-1].metadata["functions"].value == "words-1"
