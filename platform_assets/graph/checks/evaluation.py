"""A check's result as an event of a run that materialises many things."""

from __future__ import annotations

from dagster import AssetCheckEvaluation, AssetCheckResult, AssetKey


def evaluation(
    key: AssetKey, result: AssetCheckResult, description: str | None = None
) -> AssetCheckEvaluation:
    """The event of one result.

    Args:
        key: of the asset that was checked.
        result: what was found.
        description: instead of the result's own.
    """
    return AssetCheckEvaluation(
        asset_key=key,
        check_name=str(result.check_name),
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description if description is None else description,
    )
