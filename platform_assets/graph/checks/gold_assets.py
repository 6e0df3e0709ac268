"""Gold's suites as one multi-asset check, run with every full build."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
from collections.abc import Iterable

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetKey,
    multi_asset_check,
)

from platform_assets.core.broken import BrokenFile, broken_file
from platform_assets.core.settings import get_settings
from platform_assets.graph.checks.gold import (
    BOUNDS,
    GOLD_CHECK,
    GoldModel,
    gold_check_specs,
    gold_models,
    gold_suite_check,
)


def known_models() -> tuple[tuple[GoldModel, ...], BrokenFile | None]:
    """Gold's tables; without their bounds, and with the fault, where these cannot be used."""
    try:
        return gold_models(bounds=BOUNDS), None
    except Exception as error:  # noqa: BLE001 (a fault in the bounds must not stop the lake)
        fault = broken_file("bounds", BOUNDS, error)
    try:
        return gold_models(bounds=None), fault
    except Exception:  # noqa: BLE001 (a model file; dbt says which, and why)
        return (), fault


def build_gold_checks() -> AssetChecksDefinition:
    """One blocking check a gold table, in one step: Great Expectations is imported once."""
    models, fault = known_models()

    @multi_asset_check(specs=gold_check_specs(models), name="gold_suites", can_subset=True)
    def gold_suites(context: AssetCheckExecutionContext) -> Iterable[AssetCheckResult]:
        settings = get_settings()
        wanted = {tuple(key.asset_key.path) for key in context.selected_asset_check_keys}
        for model in models:
            if tuple(model.table.asset_key) not in wanted:
                continue
            if fault is not None:
                yield AssetCheckResult(
                    passed=False,
                    asset_key=AssetKey(model.table.asset_key),
                    check_name=GOLD_CHECK,
                    description=str(fault.error),
                )
            else:
                yield gold_suite_check(settings, model)

    return gold_suites
