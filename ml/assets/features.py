"""The user features as an asset: a partition a day, many days in one run."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
import warnings
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from ml.assets.keys import OWNER
from ml.assets.partitions import DAYS, EVERY_DAY
from ml.features.user import USER_FEATURES
from platform_assets.core.naming import TopicName
from platform_assets.graph.retries import backing_off

GROUP = "features"
USER_FEATURES_KEY = dg.AssetKey(["features", "commerce", "user_features"])
SILVER_KEY = dg.AssetKey(TopicName("commerce", "clickstream").silver.asset_key)
JOB = "user_features"
CRON = "30 1 * * *"
"""In UTC: after midnight and the lateness that the contract of the clickstream allows."""
CATCH_UP_DAYS = 7
"""Days back that a tick looks for missing partitions: the machine may have been off."""

_TYPES = {"long": "bigint", "double": "double"}
_RETRY = backing_off(2)


class FeaturesConfig(dg.Config):
    """Options of the features."""

    history_days: int = Field(default=28, ge=1, description="How far features look back.")
    active_days: int = Field(
        default=7, ge=1, description="A day's rows: users with an event in so many days."
    )


def build_features_definitions() -> dg.Definitions:
    """The asset, its job and its schedule."""
    job = dg.define_asset_job(
        JOB,
        dg.AssetSelection.assets(user_features),
        description="User features of a day.",
    )
    return dg.Definitions(assets=[user_features], jobs=[job], schedules=[_schedule(job)])


def column_schema() -> dg.TableSchema:
    """The table's columns with unit, meaning and when they are null."""
    columns = [
        dg.TableColumn("user_id", "bigint", description="Visitor."),
        dg.TableColumn("at", "timestamp", description="The midnight (UTC) that ends the day."),
    ]
    for one in USER_FEATURES:
        null = f" Null: {one.null}." if one.null else ""
        text = f"{one.meaning[0].upper()}{one.meaning[1:]} ({one.unit}).{null}"
        columns.append(dg.TableColumn(one.name, _TYPES[one.type], description=text))
    columns.append(dg.TableColumn("feature_date", "date", description="The day; partition."))
    return dg.TableSchema(columns)


def _daily(**options: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """A decorator; Dagster calls one of its options beta, at every load of the definitions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        decorator: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(**options)
    return decorator


@_daily(
    key=USER_FEATURES_KEY,
    deps=[dg.AssetDep(SILVER_KEY, partition_mapping=dg.AllPartitionMapping())],
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name=GROUP,
    owners=[OWNER],
    freshness_policy=EVERY_DAY,
    kinds={"delta", "polars"},
    code_version="1",
    retry_policy=_RETRY,
    metadata={"dagster/column_schema": column_schema()},
    description="What is known of each active user at the end of a day, from events before it.",
)
def user_features(
    context: dg.AssetExecutionContext, config: FeaturesConfig
) -> dg.MaterializeResult[Any]:
    """Compute the run's days from silver as it is now, and replace exactly their rows."""
    from ml.features import daily, table
    from platform_assets.contracts.load import load_contracts
    from platform_assets.core.settings import get_settings
    from platform_assets.streaming.whole import require_published

    settings = get_settings()
    contract = load_contracts().get(daily.CLICKS)
    require_published(settings, [contract] if contract else [])
    days = [date.fromisoformat(key) for key in context.partition_keys]
    written = daily.write(
        settings,
        days,
        history_days=config.history_days,
        active_days=config.active_days,
        progress=context.log.info,
    )
    for day, rows in written.rows.items():
        context.add_asset_metadata(
            {"dagster/partition_row_count": rows}, partition_key=day.isoformat()
        )
    return dg.MaterializeResult(
        data_version=dg.DataVersion(f"{table.TABLE}@{written.version}"),
        metadata={
            "rows": sum(written.rows.values()),
            "days": len(days),
            "table_version": written.version,
            "silver_version": written.silver_version,
            "history_days": config.history_days,
            "active_days": config.active_days,
            "dagster/uri": table.uri(settings),
        },
    )


def missing_days(last: date, done: Iterable[str]) -> list[str]:
    """Partitions of the days up to ``last`` that a tick should make, oldest first."""
    there = set(done)
    days = [last - timedelta(days=back) for back in range(CATCH_UP_DAYS - 1, -1, -1)]
    keys = (day.isoformat() for day in days if day >= DAYS.start.date())
    return [key for key in keys if key not in there]


def _schedule(job: Any) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="user_features_schedule",
        job=job,
        cron_schedule=CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def when_the_day_is_over(
        context: dg.ScheduleEvaluationContext,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        if context.instance.get_latest_materialization_event(SILVER_KEY) is None:
            return dg.SkipReason("silver has no clickstream yet")
        today = context.scheduled_execution_time.date()
        done = context.instance.get_materialized_partitions(USER_FEATURES_KEY)
        keys = missing_days(today - timedelta(days=1), done)
        if not keys:
            return dg.SkipReason(f"the days before {today} are there")
        # The tick is part of the run's key: a day whose run failed is asked for again.
        return [dg.RunRequest(run_key=f"{key}@{today}", partition_key=key) for key in keys]

    return when_the_day_is_over
