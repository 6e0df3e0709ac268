"""The sensor that keeps a long-lived run alive, tick by tick, on the real ledger."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

from platform_assets.core.settings import Settings
from platform_assets.graph.runs.host import LongLived
from platform_assets.streaming.locks import Lease, LeaseHeldError, read_lease
from sensors.micro_batches import GRACE, QUEUED_GRACE, bury_dead, keep_alive

DEPLOYED = LongLived("lasting", "any").deploy_version


@dg.op
def nothing() -> None:
    """Stands for the loop."""


@dg.job(name="lasting")
def lasting() -> None:
    """Stands for the stream job."""
    nothing()


@dataclass
class Ticks:
    """A sensor over an ephemeral instance, with a lease of this test's own."""

    instance: dg.DagsterInstance
    settings: Settings
    lease_name: str
    held: ExitStack

    def tick(self, waits_for: str = "") -> dg.RunRequest | str:
        """What the sensor asks for, or why it does not."""
        sensor = keep_alive(LongLived("lasting", self.lease_name, waits_for=waits_for))
        definitions = dg.Definitions(jobs=[lasting], sensors=[sensor])
        with dg.build_sensor_context(instance=self.instance, definitions=definitions) as context:
            data = sensor.evaluate_tick(context)
        if data.run_requests:
            (request,) = data.run_requests
            return request
        return str(data.skip_message)

    def run(self, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED) -> dg.DagsterRun:
        """A run of the job in some state."""
        return self.instance.create_run_for_job(lasting, status=status)

    def take(self, run: dg.DagsterRun, version: str | None = None) -> Lease:
        """The run's process takes its lease; it is let go at the end of the test."""
        lease = Lease(
            self.settings,
            self.lease_name,
            run.run_id,
            version or DEPLOYED,
        )
        return self.held.enter_context(lease)

    def alive(self) -> int:
        """Runs in progress."""
        return self.instance.get_runs_count(dg.RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES))

    def bury(self, age: timedelta) -> list[dg.DagsterRun]:
        """What is alive once this much time has passed."""
        now = datetime.now(UTC) + age
        return bury_dead(self.instance, self.settings, "lasting", self.lease_name, now)


@pytest.fixture
def ticks(stack: Settings) -> Iterator[Ticks]:
    with dg.DagsterInstance.ephemeral() as instance, ExitStack() as held:
        yield Ticks(instance, stack, f"lasting-{uuid.uuid4().hex[:8]}", held)


def test_where_none_runs_one_is_started(ticks: Ticks) -> None:
    request = ticks.tick()
    assert isinstance(request, dg.RunRequest)
    assert request.tags["weir/code_version"] == DEPLOYED
    again = ticks.tick()
    assert isinstance(again, dg.RunRequest)
    assert again.run_key != request.run_key, "a run key used twice would start nothing"


def test_while_the_lease_that_it_waits_for_is_held_none_is_started(ticks: Ticks) -> None:
    other = f"tour-{uuid.uuid4().hex[:8]}"
    with Lease(ticks.settings, other, "weir run", ""):
        assert ticks.tick(other) == "waits for weir run"
    assert isinstance(ticks.tick(other), dg.RunRequest)


@pytest.mark.parametrize(
    "status",
    [
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ],
)
def test_where_one_is_alive_or_about_to_be_none_is_started(
    ticks: Ticks, status: dg.DagsterRunStatus
) -> None:
    run = ticks.run(status)
    assert ticks.tick() == f"run {run.run_id} is {status.value.lower()}"
    assert ticks.alive() == 1


def test_one_that_holds_its_lease_lives_however_old_it_is(ticks: Ticks) -> None:
    run = ticks.run()
    ticks.take(run)
    assert [each.run_id for each in ticks.bury(timedelta(days=30))] == [run.run_id]


def test_one_whose_process_is_gone_is_buried_after_a_grace(ticks: Ticks) -> None:
    run = ticks.run()
    lease = ticks.take(run)
    lease.__exit__(None, None, None)  # the connection dies with the process
    assert len(ticks.bury(GRACE / 2)) == 1
    assert ticks.bury(GRACE * 2) == []
    buried = ticks.instance.get_run_by_id(run.run_id)
    assert buried is not None
    assert buried.status is dg.DagsterRunStatus.FAILURE
    assert isinstance(ticks.tick(), dg.RunRequest)


def test_one_that_waits_to_be_started_is_given_longer(ticks: Ticks) -> None:
    ticks.run(dg.DagsterRunStatus.STARTING)
    assert len(ticks.bury(GRACE * 2)) == 1
    assert ticks.bury(QUEUED_GRACE * 2) == []


def test_one_of_an_older_deploy_is_asked_to_drain_and_replaced_when_it_has(ticks: Ticks) -> None:
    old = ticks.run()
    lease = ticks.take(old, version="0.0.1-older")
    message = ticks.tick()
    assert isinstance(message, str)
    assert "asked to drain" in message
    assert lease.check() == f"deploy of {LongLived('lasting', 'any').deploy_version}"
    assert isinstance(ticks.tick(), str), "never two: the successor waits for the drain"
    lease.__exit__(None, None, None)
    ticks.instance.report_dagster_event(
        dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "lasting"), run_id=old.run_id
    )
    assert isinstance(ticks.tick(), dg.RunRequest)


def test_a_process_whose_run_is_over_is_asked_to_drain_before_another_starts(ticks: Ticks) -> None:
    cancelled = ticks.run(dg.DagsterRunStatus.CANCELED)
    lease = ticks.take(cancelled)
    message = ticks.tick()
    assert isinstance(message, str)
    assert f"still holds the lease of run {cancelled.run_id}" in message
    assert lease.check() == "its run has ended in Dagster"
    lease.__exit__(None, None, None)
    assert isinstance(ticks.tick(), dg.RunRequest)


def test_a_second_process_cannot_take_the_lease(ticks: Ticks) -> None:
    first, second = ticks.run(), ticks.run()
    ticks.take(first)
    with pytest.raises(LeaseHeldError, match=first.run_id):
        ticks.take(second)
    assert [run.run_id for run in ticks.bury(GRACE * 2)] == [first.run_id]
    found = read_lease(ticks.settings, ticks.lease_name)
    assert found is not None
    assert found.run_id == first.run_id
