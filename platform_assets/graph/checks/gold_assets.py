"""Gold's suites as one multi-asset check, run with every full build."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
from collections.abc import Iterable

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSpec,
    AssetKey,
    multi_asset_check,
)

from platform_assets.core.broken import BrokenFile, broken_file
from platform_assets.core.settings import get_settings
from platform_assets.graph.checks.gold import (
    BOUNDS,
    GOLD_CHECK,
    KEPT_FRESH,
    GoldModel,
    gold_check_specs,
    gold_models,
    gold_suite_check,
)
from platform_assets.graph.gold import GOLD_SUITES, model_keys


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
    specs = [*gold_check_specs(models), *kept_fresh_specs()]

    @multi_asset_check(specs=specs, name=GOLD_SUITES, can_subset=True)
    def gold_suites(context: AssetCheckExecutionContext) -> Iterable[AssetCheckResult]:
        settings = get_settings()
        selected = context.selected_asset_check_keys
        wanted = {tuple(key.asset_key.path) for key in selected if key.name == GOLD_CHECK}
        yield from _kept_fresh([key.asset_key for key in selected if key.name == KEPT_FRESH])
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


def kept_fresh_specs() -> list[AssetCheckSpec]:
    """One check a fresh table: whether it follows silver."""
    from platform_assets.gold.fresh import fresh_models

    keys = model_keys()
    return [
        AssetCheckSpec(
            KEPT_FRESH,
            asset=AssetKey(keys[name]),
            description=(
                "Follows silver: no step of it fails. One that does holds back this table alone "
                "and is tried again; `weir streams --gold` says when."
            ),
        )
        for name in fresh_models()
    ]


def _kept_fresh(wanted: list[AssetKey]) -> Iterable[AssetCheckResult]:
    """Results from the record of failed steps; opens no connection where none is asked for."""
    if not wanted:
        return
    from platform_assets.gold.held import HeldModels

    held = {row.model: row for row in HeldModels(get_settings()).rows()}
    for key in wanted:
        row = held.get(key.path[-1])
        yield AssetCheckResult(
            passed=row is None,
            asset_key=key,
            check_name=KEPT_FRESH,
            description="follows silver" if row is None else f"{row.failures} tries: {row.reason}",
        )
