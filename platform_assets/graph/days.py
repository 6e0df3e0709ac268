"""How daily assets are cut in time, days in UTC: when a day is made, and when it is late."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
import warnings
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from platform_assets.graph.retries import backing_off

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01", timezone="UTC", end_offset=0)
"""A day's partition covers [midnight, next midnight) and exists once that day is over."""

EVERY_DAY = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(hours=30), fail_window=timedelta(hours=50)
)
"""Of an asset that a day's end makes: 30 hours without one is late, two missed days are wrong."""

CATCH_UP_DAYS = 7
"""Days back that a tick looks for missing partitions: the machine may have been off."""


def daily_asset(**options: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """A decorator: an asset with a partition a day, whose missing days are one run.

    Args:
        options: of ``dg.asset``, beside those that all such assets have.
    """
    with warnings.catch_warnings():
        # Dagster calls one of the options beta, at every load of the definitions.
        warnings.simplefilter("ignore", dg.BetaWarning)
        decorator: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(
            partitions_def=DAYS,
            backfill_policy=dg.BackfillPolicy.single_run(),
            freshness_policy=EVERY_DAY,
            code_version="1",
            retry_policy=backing_off(2),
            **options,
        )
    return decorator


def missing_days(last: date, done: Iterable[str]) -> list[str]:
    """Partitions of the days up to ``last`` that a tick should make, oldest first."""
    there = set(done)
    days = [last - timedelta(days=back) for back in range(CATCH_UP_DAYS - 1, -1, -1)]
    keys = (day.isoformat() for day in days if day >= DAYS.start.date())
    return [key for key in keys if key not in there]


def nightly(
    job: Any, cron: str, asset: dg.AssetKey, needs: Sequence[dg.AssetKey]
) -> dg.ScheduleDefinition:
    """A schedule that asks for each missing day of the last ones; ``<job>_schedule``.

    Args:
        job: a job over one asset.
        cron: when, in UTC.
        asset: whose days.
        needs: silver that must have been materialised.
    """

    @dg.schedule(
        name=f"{job.name}_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def when_the_day_is_over(
        context: dg.ScheduleEvaluationContext,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        for key in needs:
            if context.instance.get_latest_materialization_event(key) is None:
                return dg.SkipReason(f"silver has no {key.path[-1].replace('_', ' ')} yet")
        today = context.scheduled_execution_time.date()
        done = context.instance.get_materialized_partitions(asset)
        keys = missing_days(today - timedelta(days=1), done)
        if not keys:
            return dg.SkipReason(f"the days before {today} are there")
        # The tick is part of the run's key: a day whose run failed is asked for again.
        return [dg.RunRequest(run_key=f"{key}@{today}", partition_key=key) for key in keys]

    return when_the_day_is_over
