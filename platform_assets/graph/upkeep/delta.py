"""Upkeep of one topic's Delta tables, from its contract's policy."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from platform_assets.contracts.model import Contract
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TableName
from platform_assets.core.retry import Retry
from platform_assets.core.settings import Settings
from platform_assets.graph.upkeep.files import (
    TARGET_BYTES,
    crowded_days,
    day_column,
    days_of,
    files_of,
)

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable

T = TypeVar("T")
Filters = list[tuple[str, str, str]] | None
Lock = Callable[[Settings, str], AbstractContextManager[None]]
"""Holds a table's writer lock for one commit: ``streaming.locks.writer_lock``."""

_ATTEMPTS = 4
_UNPARTITIONED_FILES = 32
"""Files at which a table without day partitions is compacted as a whole."""


class MaintenanceError(WeirError):
    """A table could not be maintained; names the table and what to do."""


@dataclass(frozen=True)
class MaintenanceResult:
    """What one upkeep step did to one table.

    Attributes:
        table: the table.
        action: ``compact``, ``vacuum``, ``retention`` or ``checkpoint``.
        files_before, files_after: data files of the newest version.
        bytes_before, bytes_after: their size.
        removed: files deleted from storage (vacuum).
        rows: rows deleted (retention).
        days: partition days touched.
        dry_run: whether nothing was changed.
    """

    table: TableName
    action: str
    files_before: int = 0
    files_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    removed: int = 0
    rows: int = 0
    days: tuple[date, ...] = ()
    dry_run: bool = False


def maintain_topic(
    settings: Settings,
    contract: Contract,
    today: date,
    *,
    lock: Lock | None = None,
    dry_run: bool = False,
) -> list[MaintenanceResult]:
    """Do everything that a contract's policy asks for, on each of its tables that exists.

    Retention first (its files then go with the next vacuums), then compaction, vacuum and
    the log.

    Args:
        settings: where the lake is.
        contract: whose tables.
        today: the UTC day; days not older than the policy's are left alone.
        lock: the writer lock; that of the ledger's database by default.
        dry_run: say what would be done, change nothing.

    Returns:
        One result for each table and step.

    Raises:
        MaintenanceError: a table could not be maintained; names it.
    """
    results = []
    for table in contract.tables:
        if not exists(settings, table):
            continue
        for step in (
            partial(delete_old_rows, today=today),
            partial(compact, today=today),
            vacuum,
            clean_log,
        ):
            result = step(settings, contract, table, lock=lock, dry_run=dry_run)
            if result is not None:
                results.append(result)
    return results


def compact(
    settings: Settings,
    contract: Contract,
    table: TableName,
    today: date,
    *,
    lock: Lock | None = None,
    dry_run: bool = False,
) -> MaintenanceResult:
    """Compact the closed days of a table: those older than ``optimize_after_days``.

    The open day is never touched: compaction loses against a replay of the same files. A
    table without day partitions (a change topic's) is compacted as a whole once it has many
    files.
    """
    opened = _open(settings, table)
    before = files_of(opened)
    column = day_column(opened)
    closed = today - timedelta(days=max(1, contract.maintenance.optimize_after_days))
    if column is None:
        days: list[date | None] = [None] if before.count >= _UNPARTITIONED_FILES else []
    else:
        days = [day for day in crowded_days(opened, column) if day <= closed]
    touched = []
    for day in days:
        filters: Filters = (
            None if day is None or column is None else [(column, "=", day.isoformat())]
        )
        if dry_run:
            touched.append(day)
            continue

        def commit(fresh: DeltaTable, filters: Filters = filters) -> int:
            return _compact_alone(table, fresh, filters)

        if _locked(settings, contract, table, commit, lock):
            touched.append(day)
    after = before if dry_run else files_of(_open(settings, table))
    return MaintenanceResult(
        table,
        "compact",
        before.count,
        after.count,
        before.size,
        after.size,
        days=tuple(day for day in touched if day is not None),
        dry_run=dry_run,
    )


def _compact_alone(table: TableName, fresh: DeltaTable, filters: Filters) -> int:
    """Compact and make sure that nobody else committed meanwhile.

    delta-rs notices a conflict with a write, but not with another compaction of the same
    files: both commit, and every row is there twice. The lock keeps compactions apart; this
    says so where one was made without it.
    """
    seen = fresh.version()
    metrics = fresh.optimize.compact(
        partition_filters=filters,
        target_size=TARGET_BYTES,
        max_concurrent_tasks=1,
        commit_properties=_commit_once(),
    )
    fresh.update_incremental()
    if fresh.version() > seen + 1:
        raise MaintenanceError(
            f"{table.sql}: another writer, without the table's lock, committed versions "
            f"{seen + 1} to {fresh.version() - 1} during a compaction",
            hint=(
                f"compare the rows of versions {seen} and {fresh.version()}; if they doubled, "
                f"restore version {fresh.version() - 1}, and find who compacts the table"
            ),
        )
    return int(metrics["numFilesRemoved"])


def vacuum(
    settings: Settings,
    contract: Contract,
    table: TableName,
    *,
    lock: Lock | None = None,
    dry_run: bool = False,
) -> MaintenanceResult:
    """Delete files that no version within ``vacuum_hours`` needs, orphans of crashes included.

    Raises:
        MaintenanceError: the policy asks for less than the table's own retention.
    """
    from deltalake.exceptions import DeltaError

    hours = contract.maintenance.vacuum_hours
    opened = _open(settings, table)
    before = files_of(opened)
    try:
        due = opened.vacuum(retention_hours=hours, dry_run=True, full=True)
    except DeltaError as error:
        raise MaintenanceError(
            f"{table.sql}: vacuum with {hours} h refused: {error}",
            hint=f"raise vacuumHours in {contract.path} to the table's retention (168 by default)",
        ) from error
    removed: list[str] = due
    if due and not dry_run:

        def commit(fresh: DeltaTable) -> list[str]:
            return fresh.vacuum(
                retention_hours=hours, dry_run=False, full=True, commit_properties=_commit_once()
            )

        removed = _locked(settings, contract, table, commit, lock)
    return MaintenanceResult(
        table,
        "vacuum",
        before.count,
        before.count,
        before.size,
        before.size,
        removed=len(removed),
        dry_run=dry_run,
    )


def delete_old_rows(
    settings: Settings,
    contract: Contract,
    table: TableName,
    today: date,
    *,
    lock: Lock | None = None,
    dry_run: bool = False,
) -> MaintenanceResult | None:
    """Delete bronze or quarantine rows older than the policy's days, whole partitions only.

    Returns:
        None where the policy keeps the table's rows for ever.
    """
    keep = _keep_days(contract, table)
    if keep is None:
        return None
    opened = _open(settings, table)
    column = day_column(opened)
    before = files_of(opened)
    limit = today - timedelta(days=keep)
    counted = {} if column is None else days_of(opened, column)
    old = {day: files for day, files in counted.items() if day < limit}
    rows = sum(files.rows for files in old.values())
    if old and not dry_run:

        def commit(fresh: DeltaTable) -> None:
            # A predicate on the partition column alone drops files and rewrites none.
            fresh.delete(f"{column} < '{limit.isoformat()}'", commit_properties=_commit_once())

        _locked(settings, contract, table, commit, lock)
    after = files_of(_open(settings, table)) if old and not dry_run else before
    return MaintenanceResult(
        table,
        "retention",
        before.count,
        after.count,
        before.size,
        after.size,
        rows=rows,
        days=tuple(sorted(old)),
        dry_run=dry_run,
    )


def clean_log(
    settings: Settings,
    contract: Contract,
    table: TableName,
    *,
    lock: Lock | None = None,
    dry_run: bool = False,
) -> MaintenanceResult:
    """Write a checkpoint and delete log entries past the table's own log retention."""
    files = files_of(_open(settings, table))
    if not dry_run:

        def commit(fresh: DeltaTable) -> None:
            fresh.create_checkpoint()
            fresh.cleanup_metadata()

        _locked(settings, contract, table, commit, lock)
    return MaintenanceResult(
        table, "checkpoint", files.count, files.count, files.size, files.size, dry_run=dry_run
    )


def exists(settings: Settings, table: TableName) -> bool:
    """Whether the Delta table is there."""
    from deltalake import DeltaTable

    return DeltaTable.is_deltatable(_uri(settings, table))


def lock_name(contract: Contract, table: TableName) -> str:
    """The lock that the table's writer holds: a topic's silver tables are published under one."""
    return (contract.topic.bronze if table.layer == "bronze" else contract.topic.silver).sql


def default_lock() -> Lock:
    """The writer lock in the ledger's database (imported late: it needs PostgreSQL's client)."""
    from platform_assets.streaming.locks import writer_lock

    return writer_lock


def _locked(
    settings: Settings,
    contract: Contract,
    table: TableName,
    commit: Callable[[DeltaTable], T],
    lock: Lock | None,
) -> T:
    """Take the lock, open the newest version, commit; on conflict open and commit again."""
    from deltalake.exceptions import CommitFailedError

    held = lock or default_lock()
    try:
        for attempt in Retry(_ATTEMPTS).on(CommitFailedError):
            with attempt, held(settings, lock_name(contract, table)):
                return commit(_open(settings, table))
    except CommitFailedError as error:
        raise MaintenanceError(
            f"{table.sql}: {_ATTEMPTS} commits lost against another writer: {error}",
            hint="something that takes no lock writes to it; the next maintenance tries again",
        ) from error
    raise AssertionError("unreachable: a retry ends by a result or an exception")


def _commit_once() -> CommitProperties:
    from deltalake import CommitProperties

    return CommitProperties(max_commit_retries=0)


def _uri(settings: Settings, table: TableName) -> str:
    return f"{settings.lake_root.rstrip('/')}/{table.path}"


def _open(settings: Settings, table: TableName) -> DeltaTable:
    from deltalake import DeltaTable

    return DeltaTable(_uri(settings, table))


def _keep_days(contract: Contract, table: TableName) -> int | None:
    if table == contract.topic.bronze:
        return contract.maintenance.bronze_days
    if table == contract.topic.quarantine:
        return contract.maintenance.quarantine_days
    return None
