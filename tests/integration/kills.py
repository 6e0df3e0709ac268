"""Kills while data flow, and what must be the same afterwards.

The sensor and the supervisor of the product bring everything back; the test only kills and
waits. The figures that it prints say how long each recovery took.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from platform_assets.cli.tour import wait_for_stream
from platform_assets.connectors.produce import LogProducer, Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.simulate import DEFAULT_TOPICS, SimulationResult, records
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.graph.runs.stream import RUN
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
RECOVERY_SECONDS = 240
TOPICS = [TopicName.parse(name) for name in DEFAULT_TOPICS]


def quiet_stream(dagster_stack: Settings) -> Settings:
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
        lease = read_lease(settings, RUN.lease)
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


DISTURBANCES: dict[str, Callable[[Settings], object]] = {
    "run worker": kill_worker,
    "kafka": lambda live: kill_server(live, "kafka"),
    "run worker and daemon": kill_worker_and_daemon,
    "daemon": lambda live: kill_server(live, "dagster-daemon"),
}


def survive(live: Settings, names: Sequence[str]) -> None:
    """Send records while these are killed in turn; then compare with tables made in calm.

    Args:
        live: a stack with a stream run at work, that has taken all that was sent so far.
        names: of :data:`DISTURBANCES`, in order.
    """
    assert SLICES % len(names) == 0, "or the last slices would never be sent"
    chance = random.Random(SEED)
    ids = ensure_topics(live, load_contracts().values())
    result = SimulationResult(SEED, UNTIL)
    made = list(records(SEED, EVENTS, until=UNTIL, schema_ids=ids, result=result))
    before = {topic: Ledger(live).totals(topic) for topic in TOPICS}
    with instance(live) as dagster:
        failed_before = failed_runs(dagster)

    source = Source(live, made)
    source.start()
    came_back: list[tuple[str, float]] = []
    for name in names:
        source.let(SLICES // len(names))
        time.sleep(chance.uniform(0.0, 2.0))  # the point of the kill is what is random
        started = time.monotonic()
        DISTURBANCES[name](live)
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
        killed = sum(name.startswith("run worker") for name in names)
        assert failed_runs(dagster) - failed_before == killed, "the killed workers' runs, no other"


def timeline(dagster: DagsterInstance) -> Iterator[str]:
    """When each stream run was asked for, launched, at work and over: where a recovery waits."""
    for record in dagster.get_run_records(RunsFilter(job_name=RUN.job), ascending=True):
        run = record.dagster_run
        times = {"asked": record.create_timestamp.timestamp()}
        times |= {"start": record.start_time or 0, "end": record.end_time or 0}
        yield f"{run.run_id[:8]} {run.status.value} " + " ".join(
            f"{name} {at % 10000:.1f}" for name, at in times.items()
        )


def failed_runs(dagster: DagsterInstance) -> int:
    """How many stream runs have failed."""
    return dagster.get_runs_count(RunsFilter(job_name=RUN.job, statuses=[DagsterRunStatus.FAILURE]))


def one_alive(dagster: DagsterInstance) -> bool:
    """Whether exactly one stream run is in progress."""
    runs = dagster.get_runs(RunsFilter(job_name=RUN.job, statuses=[DagsterRunStatus.STARTED]))
    return len(runs) == 1
