"""Insights into texts as an asset: a partition a day, many days in one run."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
from collections import Counter
from datetime import date
from typing import Any

import dagster as dg

from platform_assets.contracts.load import derived_contract
from platform_assets.graph.days import daily_asset, nightly
from platform_assets.graph.specs import contract_columns
from reports.enrichment.tables import INSIGHTS, TEXTS

KEY = dg.AssetKey(INSIGHTS.silver.asset_key)
JOB = "insights_feedback"
CRON = "45 2 * * *"
"""In UTC: after the texts of the day."""
_TEXTS = dg.AssetKey(TEXTS.silver.asset_key)


def build_insight_definitions() -> dg.Definitions:
    """The asset, its job and its schedule."""
    table = derived_contract(INSIGHTS)
    asset = daily_asset(
        key=KEY,
        deps=[_TEXTS],
        group_name=INSIGHTS.domain,
        owners=[table.owner],
        kinds={"delta"},
        metadata={"dagster/column_schema": dg.TableSchema(contract_columns(table))},
        description=table.description,
    )(_insights)
    job = dg.define_asset_job(
        JOB, dg.AssetSelection.assets(asset), description="What a day's texts say by category."
    )
    return dg.Definitions(assets=[asset], jobs=[job], schedules=[nightly(job, CRON, KEY, [_TEXTS])])


def _insights(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """Make the run's days from the derived table of texts, and replace exactly their rows."""
    from platform_assets.core.settings import get_settings
    from reports.enrichment.day import enrich_day
    from reports.enrichment.enrich import new_breaker

    settings, breaker = get_settings(), new_breaker()
    sums: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for key in context.partition_keys:
        rows, cost = enrich_day(settings, date.fromisoformat(key), breaker)
        context.add_asset_metadata({"dagster/partition_row_count": rows}, partition_key=key)
        failed.update(cost.failed)
        sums.update(
            rows=rows, parts=cost.parts, cached=cost.cached, requests=cost.requests,
            prompt_tokens=cost.prompt_tokens, completion_tokens=cost.completion_tokens,
            refused=cost.refused,
        )  # fmt: skip
    for why, count in failed.items():
        context.log.warning(f"{count} parts without an answer: {why}")
    return dg.MaterializeResult(
        metadata={
            **sums,
            "failed": dict(failed),
            "model": settings.llm_model if settings.llm_url else "",
        }
    )
