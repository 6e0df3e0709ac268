"""The user features as an asset: a partition a day, many days in one run."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
from datetime import date
from typing import Any

import dagster as dg
from pydantic import Field

from ml.assets.keys import OWNER
from ml.features.user import USER_FEATURES
from platform_assets.core.naming import TopicName
from platform_assets.graph.days import daily_asset, nightly

GROUP = "features"
USER_FEATURES_KEY = dg.AssetKey(["features", "commerce", "user_features"])
SILVER_KEY = dg.AssetKey(TopicName("commerce", "clickstream").silver.asset_key)
JOB = "user_features"
CRON = "30 1 * * *"
"""In UTC: after midnight and the lateness that the contract of the clickstream allows."""

_TYPES = {"long": "bigint", "double": "double"}


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
    return dg.Definitions(
        assets=[user_features],
        jobs=[job],
        schedules=[nightly(job, CRON, USER_FEATURES_KEY, [SILVER_KEY])],
    )


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


@daily_asset(
    key=USER_FEATURES_KEY,
    deps=[dg.AssetDep(SILVER_KEY, partition_mapping=dg.AllPartitionMapping())],
    group_name=GROUP,
    owners=[OWNER],
    kinds={"delta", "polars"},
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
