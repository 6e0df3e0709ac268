"""Keeps the long-lived runs alive: one of each, never two, handed over on deploy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from platform_assets.core.settings import Settings, get_settings
from platform_assets.graph.dagster_private import NOT_FINISHED_STATUSES
from platform_assets.graph.runs.host import VERSION_TAG, LongLived
from sensors.preload import preloaded

GRACE = timedelta(seconds=45)
"""How long a run may take from its start to taking its lease."""

QUEUED_GRACE = timedelta(minutes=10)
"""How long a run may wait to be started."""


def keep_alive(run: LongLived, *, running: bool = True) -> SensorDefinition:
    """A sensor that keeps one run of a job going.

    Each tick: none in progress, start one; one whose process is gone (nobody holds its
    lease), fail it and start one; one of an older deploy, ask it to drain; its successor
    starts on a later tick.

    Args:
        run: the long-lived run.
        running: whether the sensor is on from the start.
    """
    status = DefaultSensorStatus.RUNNING if running else DefaultSensorStatus.STOPPED
    job_name, lease_name = run.job, run.lease

    @sensor(
        name=f"keep_{job_name}_running",
        job_name=job_name,
        minimum_interval_seconds=5,
        default_status=status,
        description=f"Keeps one {job_name} run alive; restarts it after a crash or a deploy.",
    )
    @preloaded
    def keep(context: SensorEvaluationContext) -> RunRequest | SkipReason:
        settings, version = get_settings(), run.deploy_version
        live = bury_dead(context.instance, settings, job_name, lease_name)
        if live:
            return SkipReason(hand_over(settings, lease_name, live, version))
        if found := drain_stray(settings, lease_name) or others_first(settings, run.waits_for):
            return SkipReason(found)
        return RunRequest(
            run_key=f"{job_name}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}",
            tags={VERSION_TAG: version},
        )

    return keep


def bury_dead(
    instance: DagsterInstance,
    settings: Settings,
    job_name: str,
    lease_name: str,
    now: datetime | None = None,
) -> list[DagsterRun]:
    """Fail runs whose process is gone; return those that live or are about to.

    Args:
        instance: where the runs are.
        settings: where the leases are.
        job_name: the long-lived job.
        lease_name: its lease.
        now: the time that ages are measured at; default: the clock's.
    """
    from platform_assets.streaming.locks import read_lease

    lease = read_lease(settings, lease_name)
    live = []
    for record in instance.get_run_records(
        RunsFilter(job_name=job_name, statuses=NOT_FINISHED_STATUSES), limit=20
    ):
        run = record.dagster_run
        since = (now or datetime.now(UTC)) - record.update_timestamp.replace(tzinfo=UTC)
        holds = lease is not None and lease.held and lease.run_id == run.run_id
        waiting = run.status in (
            DagsterRunStatus.QUEUED,
            DagsterRunStatus.NOT_STARTED,
            DagsterRunStatus.STARTING,
        )
        if holds or since < (QUEUED_GRACE if waiting else GRACE):
            live.append(run)
        else:
            instance.report_run_failed(
                run, f"its process is gone: nobody holds the lease {lease_name!r}"
            )
    return live


def drain_stray(settings: Settings, lease_name: str) -> str | None:
    """Ask a process to drain whose run is over in Dagster; say so, None if there is none.

    A run that was cancelled by force, or buried because its machine was too slow, may still
    hold the lease: a successor could only fail on it.
    """
    from platform_assets.streaming.locks import read_lease, request_stop

    lease = read_lease(settings, lease_name)
    if lease is None or not lease.held:
        return None
    if not lease.stop_requested:
        request_stop(settings, lease_name, "its run has ended in Dagster")
    return f"pid {lease.pid} still holds the lease of run {lease.run_id}: waiting for it to drain"


def others_first(settings: Settings, lease_name: str) -> str | None:
    """Say who holds the lease that a run waits for; None where nobody does."""
    from platform_assets.streaming.locks import read_lease

    lease = read_lease(settings, lease_name) if lease_name else None
    return f"waits for {lease.run_id}" if lease is not None and lease.held else None


def hand_over(settings: Settings, lease_name: str, live: list[DagsterRun], version: str) -> str:
    """Ask a run of an older deploy to drain; say what was found."""
    from platform_assets.streaming.locks import read_lease, request_stop

    lease = read_lease(settings, lease_name)
    if lease and lease.held and lease.code_version != version and not lease.stop_requested:
        request_stop(settings, lease_name, f"deploy of {version}")
        return f"run {lease.run_id} is of {lease.code_version}: asked to drain for {version}"
    return f"run {live[0].run_id} is {live[0].status.value.lower()}"


@sensor(
    job_name="window_checks",
    minimum_interval_seconds=15,
    default_status=DefaultSensorStatus.RUNNING,
    description="Runs the full Great Expectations suite on each window that has closed.",
)
@preloaded
def check_closed_windows(_context: SensorEvaluationContext) -> Iterator[RunRequest]:
    """One run a tick for up to a few closed windows; it marks them checked."""
    from platform_assets.streaming.windows import Windows

    waiting = Windows(get_settings()).unchecked(limit=20)
    if waiting:
        names = [f"{topic} {key}" for topic, key in waiting]
        yield RunRequest(
            run_key="|".join(names),
            run_config={"ops": {"check_windows": {"config": {"windows": names}}}},
        )
