"""Retention of Dagster's runs and of the events they wrote.

Deleting a run deletes its events, and a partition whose newest materialisation was among
them would count as never materialised. Reporting it again instead would give it a new place
in the event log: it would look like news to automation conditions, and (for old partitions)
like the asset's latest state. So its event stays where it is and only changes owner: its row
is handed to the run-less id that Dagster itself uses for events reported without a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from platform_assets.graph.dagster_private import disown

if TYPE_CHECKING:
    from dagster import AssetKey, DagsterInstance, EventLogRecord

PAGE = 1_000


@dataclass(frozen=True)
class RunRetention:
    """What one tick of the retention did.

    Attributes:
        deleted: runs deleted.
        kept_materialisations: newest materialisations that outlive their run.
        more: whether runs older than the limit remain for the next tick.
        dry_run: whether nothing was changed.
    """

    deleted: int
    kept_materialisations: int
    more: bool
    dry_run: bool = False


def retain_runs(
    instance: DagsterInstance,
    older_than_days: int,
    *,
    now: datetime | None = None,
    limit: int = 100,
    dry_run: bool = False,
) -> RunRetention:
    """Delete finished runs that ended more than some days ago, oldest first.

    Args:
        instance: the Dagster instance.
        older_than_days: at least one.
        now: the current time, UTC.
        limit: runs deleted in one tick at most.
        dry_run: count only.

    Raises:
        ValueError: fewer than one day.
        UnsupportedStorageError: the event log is not in SQL.
    """
    from dagster import DagsterRunStatus, RunsFilter

    if older_than_days < 1:
        raise ValueError(f"runs must be kept a day at least, not {older_than_days}")
    before = (now or datetime.now(UTC)) - timedelta(days=older_than_days)
    finished = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
    records = instance.get_run_records(
        # A finished run is updated for the last time when it ends.
        RunsFilter(statuses=finished, updated_before=before),
        limit=limit + 1,
        ascending=True,
    )
    kept = 0
    for record in records[:limit]:
        run_id = record.dagster_run.run_id
        newest = list(newest_materialisations(instance, run_id))
        kept += len(newest)
        if not dry_run:
            disown(instance, newest)
            instance.delete_run(run_id)
    return RunRetention(min(len(records), limit), kept, len(records) > limit, dry_run)


def newest_materialisations(instance: DagsterInstance, run_id: str) -> Iterator[EventLogRecord]:
    """The run's materialisations that are the newest of their asset partition."""
    from dagster import AssetRecordsFilter

    for key, partition in _materialised_by(instance, run_id):
        records = instance.fetch_materializations(
            AssetRecordsFilter(
                asset_key=key, asset_partitions=None if partition is None else [partition]
            ),
            limit=1,
        ).records
        if records and records[0].run_id == run_id:
            yield records[0]


def _materialised_by(instance: DagsterInstance, run_id: str) -> set[tuple[AssetKey, str | None]]:
    """Asset partitions that the run materialised."""
    from dagster import DagsterEventType

    found: set[tuple[AssetKey, str | None]] = set()
    cursor: str | None = None
    while True:
        page = instance.get_records_for_run(
            run_id, cursor=cursor, of_type=DagsterEventType.ASSET_MATERIALIZATION, limit=PAGE
        )
        found.update(
            (record.asset_key, record.partition_key) for record in page.records if record.asset_key
        )
        if not page.has_more:
            return found
        cursor = page.cursor
