"""Maintenance as assets: compaction, vacuum, snapshot expiry, retention, by contract.

One asset a topic over its bronze and silver tables, one over gold, and one over Dagster's own
runs; they run at night, one after the other, in one process each.
"""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    Config,
    DefaultScheduleStatus,
    Definitions,
    MaterializeResult,
    MetadataValue,
    ScheduleDefinition,
    TableColumn,
    TableMetadataValue,
    TableRecord,
    TableSchema,
    asset,
    define_asset_job,
    in_process_executor,
)
from pydantic import Field

from platform_assets.contracts.model import Contract
from platform_assets.graph.retries import backing_off

if TYPE_CHECKING:
    from platform_assets.graph.upkeep.delta import MaintenanceResult

GROUP = "maintenance"
POOL = "maintenance"
_RETRY = backing_off(60)
_TAGS = {"dagster/priority": "-5"}


class UpkeepConfig(Config):
    """Options of a maintenance run."""

    dry_run: bool = Field(default=False, description="Say what would be done; change nothing.")


class GoldUpkeepConfig(UpkeepConfig):
    """Options of gold's maintenance."""

    keep_snapshot_days: int = Field(
        default=7, ge=1, description="How far time travel in gold reaches back."
    )


class RunRetentionConfig(UpkeepConfig):
    """Options of the retention of Dagster's runs."""

    keep_days: int = Field(default=30, ge=1, description="Finished runs older than this go.")
    limit: int = Field(default=500, ge=1, description="Runs deleted in one tick at most.")


def topic_maintenance(contract: Contract) -> AssetsDefinition:
    """The maintenance asset of one topic's tables."""

    @asset(
        key=AssetKey([GROUP, contract.topic.domain, contract.topic.entity]),
        group_name=GROUP,
        kinds={"delta"},
        owners=[contract.owner] if "@" in contract.owner else None,
        description=(
            f"Upkeep of the tables of {contract.topic} by its contract: retention of rows, "
            "compaction of closed days, vacuum, log cleanup."
        ),
        metadata={"contract": MetadataValue.path(contract.path), **_policy(contract)},
        retry_policy=_RETRY,
        pool=POOL,
    )
    def upkeep(context: AssetExecutionContext, config: UpkeepConfig) -> MaterializeResult[None]:
        from platform_assets.core.settings import get_settings
        from platform_assets.graph.upkeep.delta import maintain_topic

        results = maintain_topic(
            get_settings(), contract, datetime.now(UTC).date(), dry_run=config.dry_run
        )
        for result in results:
            context.log.info(_sentence(result))
        return MaterializeResult(
            metadata={
                "dry_run": config.dry_run,
                "files_compacted_away": sum(
                    result.files_before - result.files_after
                    for result in results
                    if result.action == "compact"
                ),
                "files_deleted": sum(result.removed for result in results),
                "rows_deleted": sum(result.rows for result in results),
                "steps": _steps(results),
            }
        )

    return upkeep


@asset(
    key=AssetKey([GROUP, "gold"]),
    group_name=GROUP,
    kinds={"iceberg", "trino"},
    description="Upkeep of gold: small files together, old snapshots and orphans out.",
    retry_policy=_RETRY,
    pool=POOL,
)
def gold_maintenance(
    context: AssetExecutionContext, config: GoldUpkeepConfig
) -> MaterializeResult[None]:
    """Run the upkeep of every gold table; one that fails does not keep it from the rest."""
    from platform_assets.core.settings import get_settings
    from platform_assets.core.trino import TrinoQueryError
    from platform_assets.graph.upkeep.iceberg import gold_tables, maintain_gold

    settings = get_settings()
    results, failures = [], []
    for table in gold_tables(settings):
        try:
            result = maintain_gold(
                settings, table, keep_days=config.keep_snapshot_days, dry_run=config.dry_run
            )
        except TrinoQueryError as error:
            failures.append(f"{table.sql}: {error}")
            continue
        context.log.info(
            f"{table.sql}: files {result.files_before} -> {result.files_after}, "
            f"snapshots {result.snapshots_before} -> {result.snapshots_after}"
        )
        results.append(result)
    if failures:
        raise RuntimeError(f"{len(failures)} gold tables not maintained: {'; '.join(failures)}")
    return MaterializeResult(
        metadata={
            "dry_run": config.dry_run,
            "tables": len(results),
            "files_before": sum(result.files_before for result in results),
            "files_after": sum(result.files_after for result in results),
            "snapshots_before": sum(result.snapshots_before for result in results),
            "snapshots_after": sum(result.snapshots_after for result in results),
        }
    )


@asset(
    key=AssetKey([GROUP, "dagster_runs"]),
    group_name=GROUP,
    kinds={"postgres"},
    description=(
        "Retention of Dagster's runs and events; the newest materialisation of each asset "
        "partition outlives its run."
    ),
    pool=POOL,
)
def run_retention(
    context: AssetExecutionContext, config: RunRetentionConfig
) -> MaterializeResult[None]:
    """Delete old finished runs, a bounded number a tick."""
    from platform_assets.graph.upkeep.runs import retain_runs

    result = retain_runs(
        context.instance, config.keep_days, limit=config.limit, dry_run=config.dry_run
    )
    return MaterializeResult(
        metadata={
            "dry_run": result.dry_run,
            "runs_deleted": result.deleted,
            "materialisations_kept": result.kept_materialisations,
            "more_next_time": result.more,
        }
    )


def maintenance_definitions(contracts: Iterable[Contract]) -> Definitions:
    """Assets, jobs and schedules of maintenance; opens nothing."""
    topics = [topic_maintenance(contract) for contract in contracts]
    tables = define_asset_job(
        "maintain_tables",
        selection=AssetSelection.assets(*topics, gold_maintenance),
        description="Nightly upkeep of every table.",
        executor_def=in_process_executor,
        tags=_TAGS,
    )
    runs = define_asset_job(
        "retain_runs",
        selection=AssetSelection.assets(run_retention),
        description="Nightly retention of Dagster's runs and events.",
        executor_def=in_process_executor,
        tags=_TAGS,
    )
    return Definitions(
        assets=[*topics, gold_maintenance, run_retention],
        jobs=[tables, runs],
        schedules=[
            ScheduleDefinition(
                name="maintain_tables_nightly",
                job=tables,
                cron_schedule="30 2 * * *",
                execution_timezone="UTC",
                default_status=DefaultScheduleStatus.RUNNING,
            ),
            ScheduleDefinition(
                name="retain_runs_nightly",
                job=runs,
                cron_schedule="30 4 * * *",
                execution_timezone="UTC",
                default_status=DefaultScheduleStatus.RUNNING,
            ),
        ],
    )


def _policy(contract: Contract) -> dict[str, int | str]:
    policy = contract.maintenance
    return {
        "optimize_after_days": policy.optimize_after_days,
        "vacuum_hours": policy.vacuum_hours,
        "bronze_days": "forever" if policy.bronze_days is None else policy.bronze_days,
        "quarantine_days": (
            "forever" if policy.quarantine_days is None else policy.quarantine_days
        ),
    }


def _sentence(result: "MaintenanceResult") -> str:
    would = "would " if result.dry_run else ""
    return (
        f"{result.table.sql}: {would}{result.action}: files {result.files_before} -> "
        f"{result.files_after}, {result.removed} files and {result.rows} rows deleted, "
        f"{len(result.days)} days"
    )


def _steps(results: "list[MaintenanceResult]") -> TableMetadataValue:
    return TableMetadataValue(
        records=[
            TableRecord(
                {
                    "table": result.table.sql,
                    "action": result.action,
                    "files_before": result.files_before,
                    "files_after": result.files_after,
                    "bytes_before": result.bytes_before,
                    "bytes_after": result.bytes_after,
                    "files_deleted": result.removed,
                    "rows_deleted": result.rows,
                    "days": ", ".join(day.isoformat() for day in result.days),
                }
            )
            for result in results
        ],
        schema=TableSchema(
            columns=[
                TableColumn("table"),
                TableColumn("action"),
                TableColumn("files_before", "int"),
                TableColumn("files_after", "int"),
                TableColumn("bytes_before", "int"),
                TableColumn("bytes_after", "int"),
                TableColumn("files_deleted", "int"),
                TableColumn("rows_deleted", "int"),
                TableColumn("days"),
            ]
        ),
    )
