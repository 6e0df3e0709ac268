"""Run worker, daemon and Kafka killed while data flow; the tables are as if nothing had been.

The sensor and the supervisor of the product bring everything back; the test only kills and
waits. The figures that it prints say how long each came to.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from platform_assets.cli.tour import wait_for_stream
from platform_assets.connectors.produce import LogProducer, Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.simulate import DEFAULT_TOPICS, SimulationResult, records
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.graph.runs.stream import JOB, LEASE
from platform_assets.local import supervise
from platform_assets.local.wait import wait_until
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.locks import LeaseRow, read_lease
from tests.integration.calm import assert_balanced, assert_same_tables, calm_contracts, run_calm
from tests.integration.dagster_api import instance, stop_sensor

SEED = 20260301
EVENTS = 24_000
UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
SLICES = 12
RECOVERY_SECONDS = 120
TOPICS = [TopicName.parse(name) for name in DEFAULT_TOPICS]


@pytest.fixture(scope="module")
def live(dagster_stack: Settings) -> Settings:
    """The stack with a stream run that the sensor started; gold needs Trino and stays off."""
    stop_sensor(dagster_stack, "keep_fresh_gold_running")
    wait_for_run(dagster_stack, None)
    # What other tests have sent is taken first, or it would count as this one's.
    ensure_topics(dagster_stack, load_contracts().values())
    wait_for_stream(dagster_stack, lambda _done, _there: None)
    return dagster_stack


def wait_for_run(settings: Settings, not_this: str | None) -> LeaseRow:
    """The lease of a stream run that lives and is another than the one named."""

    def alive() -> LeaseRow | None:
        lease = read_lease(settings, LEASE)
        return lease if lease and lease.held and lease.run_id != not_this else None

    return wait_until(
        alive, what="a stream run that holds its lease", timeout=RECOVERY_SECONDS, every=0.2
    )


def kill_worker(settings: Settings) -> str:
    """Kill the stream run's process and wait for its successor; returns the dead run."""
    lease = wait_for_run(settings, None)
    os.kill(lease.pid, signal.SIGKILL)
    wait_for_run(settings, lease.run_id)
    return lease.run_id


def kill_server(settings: Settings, name: str) -> None:
    """Kill a server's process and wait until its successor is ready."""
    (before,) = supervise.status(settings, [name])
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)

    def back() -> bool:
        (now,) = supervise.status(settings, [name])
        return now.pid not in {None, before.pid} and now.health == "ready"

    wait_until(back, what=f"{name} back", timeout=RECOVERY_SECONDS, every=0.2)


def kill_worker_and_daemon(settings: Settings) -> None:
    """The one that would notice dies too."""
    lease = wait_for_run(settings, None)
    (daemon,) = supervise.status(settings, ["dagster-daemon"])
    assert daemon.pid is not None
    os.kill(daemon.pid, signal.SIGKILL)
    os.kill(lease.pid, signal.SIGKILL)
    wait_for_run(settings, lease.run_id)


class Source(threading.Thread):
    """Sends records a slice at a time, a moment between two, and rides out a dead broker."""

    def __init__(self, settings: Settings, made: list[Record]) -> None:
        super().__init__()
        self._settings, self._made = settings, made
        self._turns = threading.Semaphore(0)
        self.error: BaseException | None = None

    def let(self, slices: int) -> None:
        """Allow some more slices to be sent."""
        self._turns.release(slices)

    def run(self) -> None:
        try:
            size = -(-len(self._made) // SLICES)
            with LogProducer(self._settings, delivery_seconds=RECOVERY_SECONDS) as producer:
                for start in range(0, len(self._made), size):
                    self._turns.acquire()
                    producer.send_all(self._made[start : start + size])
                    producer.flush()
        except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
            self.error = error


def test_kills_at_random_points_change_nothing(live: Settings) -> None:
    chance = random.Random(SEED)
    ids = ensure_topics(live, load_contracts().values())
    result = SimulationResult(SEED, UNTIL)
    made = list(records(SEED, EVENTS, until=UNTIL, schema_ids=ids, result=result))
    before = {topic: Ledger(live).totals(topic) for topic in TOPICS}
    with instance(live) as dagster:
        failed_before = failed_runs(dagster)

    disturbances = [
        ("run worker", lambda: kill_worker(live)),
        ("kafka", lambda: kill_server(live, "kafka")),
        ("run worker and daemon", lambda: kill_worker_and_daemon(live)),
        ("run worker", lambda: kill_worker(live)),
        ("kafka", lambda: kill_server(live, "kafka")),
        ("daemon", lambda: kill_server(live, "dagster-daemon")),
    ]
    chance.shuffle(disturbances)
    source = Source(live, made)
    source.start()
    came_back: list[tuple[str, float]] = []
    for name, disturb in disturbances:
        source.let(SLICES // len(disturbances))
        time.sleep(chance.uniform(0.0, 2.0))  # the point of the kill is what is random
        started = time.monotonic()
        disturb()
        came_back.append((name, round(time.monotonic() - started, 1)))
    source.join(timeout=RECOVERY_SECONDS)
    assert source.error is None
    assert not source.is_alive()
    wait_for_stream(live, lambda _done, _there: None)
    print("back after seconds:", came_back)
    with instance(live) as dagster:
        print(*timeline(dagster), sep="\n")

    for name, counts in result.topics.items():
        topic = TopicName.parse(name)
        now, then = Ledger(live).totals(topic), before[topic]
        rejected = sum(counts.broken.values()) - counts.dead_letters
        assert now.records - then.records == counts.events, name
        assert now.published - then.published == counts.good, name
        assert now.quarantined - then.quarantined == rejected, name
        assert now.duplicates - then.duplicates == counts.duplicates, name
        assert now.dead_letters - then.dead_letters == counts.dead_letters, name

    twins = calm_contracts(TOPICS)
    calm = run_calm(live, twins)
    for topic, twin in twins.items():
        assert_balanced(live, topic)
        assert_same_tables(live, topic, twin)
        assert Ledger(live).totals(topic).late == calm[topic].late

    with instance(live) as dagster:
        assert one_alive(dagster)
        assert failed_runs(dagster) - failed_before == 3, "the killed workers' runs, no other"


def timeline(dagster: DagsterInstance) -> Iterator[str]:
    """When each stream run was asked for, launched, at work and over: where a recovery waits."""
    for record in dagster.get_run_records(RunsFilter(job_name=JOB), ascending=True):
        run = record.dagster_run
        times = {"asked": record.create_timestamp.timestamp()}
        times |= {"start": record.start_time or 0, "end": record.end_time or 0}
        yield f"{run.run_id[:8]} {run.status.value} " + " ".join(
            f"{name} {at % 10000:.1f}" for name, at in times.items()
        )


def failed_runs(dagster: DagsterInstance) -> int:
    """How many stream runs have failed."""
    return dagster.get_runs_count(RunsFilter(job_name=JOB, statuses=[DagsterRunStatus.FAILURE]))


def one_alive(dagster: DagsterInstance) -> bool:
    """Whether exactly one stream run is in progress."""
    runs = dagster.get_runs(RunsFilter(job_name=JOB, statuses=[DagsterRunStatus.STARTED]))
    return len(runs) == 1


def test_the_dead_letters_are_on_their_topic(live: Settings) -> None:
    from confluent_kafka import Consumer

    topic = TopicName("commerce", "clickstream")
    consumer = Consumer(
        {
            "bootstrap.servers": live.kafka_bootstrap,
            "group.id": "dead-letters",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic.dead_letters])
    wanted = Ledger(live).totals(topic).dead_letters
    assert wanted > 0
    keys: set[bytes] = set()

    def all_there() -> bool:
        for message in consumer.consume(1000, 0.5):
            assert dict(message.headers())["reason"]
            keys.add(message.key())
        return len(keys) >= wanted

    wait_until(all_there, what=f"{wanted} dead letters", timeout=30, every=0.01)
    consumer.close()
    assert len(keys) == wanted


def test_a_run_whose_end_nobody_saw_is_buried(live: Settings) -> None:
    """A run that Dagster believes alive, and whose process died with whoever watched it."""
    from sensors.micro_batches import bury_dead

    lease = wait_for_run(live, None)
    with instance(live) as dagster:
        ghost = dagster.create_run_for_job(_ghost_job(), status=DagsterRunStatus.STARTED)
        assert [run.run_id for run in bury_dead(dagster, live, "ghost", "ghost")] == [ghost.run_id]
        later = datetime.now(UTC) + timedelta(minutes=5)
        assert bury_dead(dagster, live, "ghost", "ghost", now=later) == []
        ended = dagster.get_run_by_id(ghost.run_id)
        assert ended is not None
        assert ended.status is DagsterRunStatus.FAILURE
        assert one_alive(dagster)
    assert wait_for_run(live, None).run_id == lease.run_id


def _ghost_job():
    from dagster import job, op

    @op
    def nothing() -> None:
        pass

    @job(name="ghost")
    def ghost() -> None:
        nothing()

    return ghost
