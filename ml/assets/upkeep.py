"""Retention of what models leave behind: predictions, pages of drift, old versions of features."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from ml.assets.keys import OWNER
from platform_assets.graph.retries import backing_off

if TYPE_CHECKING:
    from platform_assets.core.settings import Settings

KEY = dg.AssetKey(["maintenance", "models"])
JOB = "maintain_models"
_RETRY = backing_off(60)


class ModelUpkeepConfig(dg.Config):
    """Options of the retention."""

    dry_run: bool = Field(default=False, description="Say what would be deleted; delete nothing.")
    keep_predictions_days: int = Field(
        default=180, ge=31, description="Those of a running trial stay, whatever their age."
    )
    keep_pages_days: int = Field(default=90, ge=1, description="Evidently's pages.")
    keep_feature_versions_days: int = Field(
        default=30, ge=1, description="Of the features' table; its log keeps no more than 30 days."
    )


def build_upkeep_definitions() -> dg.Definitions:
    """The asset, its job, and the night at which it runs."""
    job = dg.define_asset_job(
        JOB,
        dg.AssetSelection.assets(model_upkeep),
        description="Nightly retention of predictions, pages of drift and versions of features.",
        executor_def=dg.in_process_executor,
        tags={"dagster/priority": "-5"},
    )
    schedule = dg.ScheduleDefinition(
        name=f"{JOB}_nightly",
        job=job,
        cron_schedule="0 4 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    return dg.Definitions(assets=[model_upkeep], jobs=[job], schedules=[schedule])


@dg.asset(
    key=KEY,
    group_name="maintenance",
    owners=[OWNER],
    kinds={"postgres", "delta"},
    retry_policy=_RETRY,
    description="Retention of predictions, pages of drift and versions of the features' table.",
)
def model_upkeep(
    context: dg.AssetExecutionContext,  # noqa: ARG001
    config: ModelUpkeepConfig,
) -> dg.MaterializeResult[Any]:
    """Delete what is older than its policy, and say how much."""
    from ml.drift import pages
    from ml.features import table
    from ml.serving.log import PredictionLog
    from platform_assets.core.settings import get_settings

    settings, now = get_settings(), datetime.now(UTC)
    log = PredictionLog(settings)
    before = _unneeded(settings, now - timedelta(days=config.keep_predictions_days), now)
    try:
        predictions = log.older(before) if config.dry_run else log.forget(before)
    finally:
        log.close()
    last_page = (now - timedelta(days=config.keep_pages_days)).date()
    return dg.MaterializeResult(
        metadata={
            "dry_run": config.dry_run,
            "predictions": predictions,
            "pages": pages.forget(settings, last_page, dry_run=config.dry_run),
            "feature_files": table.vacuum(
                settings, config.keep_feature_versions_days, dry_run=config.dry_run
            ),
        }
    )


def _unneeded(settings: "Settings", before: datetime, now: datetime) -> datetime:
    """The moment, or the beginning of a case that still runs: it is replayed from its rows."""
    from ml.rollout.deployment import Deployments
    from ml.trials.judge import begun

    deployments = Deployments(settings)
    try:
        rows = [deployments.history(row.model, limit=1_000) for row in deployments.in_force()]
    finally:
        deployments.close()
    return min([before, *(case.began_at for history in rows for case in begun(history, now))])
