"""What is understood of texts, over history: a partition a day, many days in one run."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
from datetime import date
from typing import Any

import dagster as dg

from platform_assets.contracts.load import derived_contract
from platform_assets.graph.days import daily_asset, nightly
from platform_assets.graph.specs import contract_columns
from platform_assets.processors.model import FEEDBACK

KEY = dg.AssetKey(FEEDBACK.derived.silver.asset_key)
JOB = "enriched_feedback"
CRON = "15 2 * * *"
"""In UTC: after midnight, the lateness of the inputs' contracts, and the features of users."""
_NEEDS = [dg.AssetKey(one.topic.silver.asset_key) for one in FEEDBACK.inputs]


def build_enriched_definitions() -> dg.Definitions:
    """The asset, its job and its schedule."""
    table = derived_contract(FEEDBACK.derived)
    asset = daily_asset(
        key=KEY,
        deps=[dg.AssetDep(key, partition_mapping=dg.AllPartitionMapping()) for key in _NEEDS],
        group_name=FEEDBACK.derived.domain,
        owners=[table.owner],
        kinds={"delta", "polars"},
        metadata={"dagster/column_schema": dg.TableSchema(contract_columns(table))},
        description=table.description,
    )(_enrich)
    job = dg.define_asset_job(
        JOB, dg.AssetSelection.assets(asset), description="What is understood of a day's texts."
    )
    return dg.Definitions(assets=[asset], jobs=[job], schedules=[nightly(job, CRON, KEY, _NEEDS)])


def _enrich(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """Read the run's days from silver as it is now, and replace exactly their rows."""
    from ml.text.functions import study_functions, text_functions
    from platform_assets.contracts.load import load_contracts
    from platform_assets.core.settings import get_settings
    from platform_assets.processors.enrich import enrich_day
    from platform_assets.streaming.whole import require_published

    settings, contracts, table = (
        get_settings(),
        load_contracts(),
        derived_contract(FEEDBACK.derived),
    )
    require_published(settings, [contracts[one.topic] for one in FEEDBACK.inputs])
    functions, studies = text_functions(settings), study_functions(settings)
    rows = unreadable = version = 0
    for key in context.partition_keys:
        made = enrich_day(
            settings, FEEDBACK, functions, studies, contracts, table, date.fromisoformat(key)
        )
        context.log.info(f"{key}: {made.rows} texts, {made.unreadable} unreadable")
        context.add_asset_metadata({"dagster/partition_row_count": made.rows}, partition_key=key)
        rows, unreadable, version = rows + made.rows, unreadable + made.unreadable, made.version
    return dg.MaterializeResult(
        data_version=dg.DataVersion(f"{FEEDBACK.derived.silver.sql}@{version}"),
        metadata={
            "rows": rows,
            "unreadable": unreadable,
            "table_version": version,
            "functions": functions.version,
            "study": studies.version,
        },
    )
