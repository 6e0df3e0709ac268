"""Gold's suites as one multi-asset check, run with every full build."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
from collections.abc import Iterable

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    multi_asset_check,
)

from platform_assets.core.settings import get_settings
from platform_assets.graph.checks.gold import gold_check_specs, gold_models, gold_suite_check


def build_gold_checks() -> AssetChecksDefinition:
    """One blocking check a gold table, in one step: Great Expectations is imported once."""
    models = gold_models()

    @multi_asset_check(specs=gold_check_specs(models), name="gold_suites", can_subset=True)
    def gold_suites(context: AssetCheckExecutionContext) -> Iterable[AssetCheckResult]:
        settings = get_settings()
        wanted = {tuple(key.asset_key.path) for key in context.selected_asset_check_keys}
        for model in models:
            if tuple(model.table.asset_key) in wanted:
                yield gold_suite_check(settings, model)

    return gold_suites
