"""Kafka, run worker and daemon killed while data flow; the tables are as if nothing had been.

A sample: each process dies once. `make soak` runs more, in `test_survive_kill_matrix.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dagster import DagsterRunStatus

from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.local.wait import wait_until
from platform_assets.streaming.ledger import Ledger
from tests.integration.dagster_api import instance
from tests.integration.kills import one_alive, quiet_stream, survive, wait_for_run


@pytest.fixture(scope="module")
def live(dagster_stack: Settings) -> Settings:
    return quiet_stream(dagster_stack)


@pytest.mark.timeout(900)
def test_a_kill_of_each_process_changes_nothing(live: Settings) -> None:
    survive(live, ["kafka", "run worker and daemon"])


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
