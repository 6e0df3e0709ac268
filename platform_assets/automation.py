"""Named automation conditions, tested by ticks.

Belongs here: when an asset materialises itself, and the sensor that looks. Does not belong here:
other sensors (``sensors/``) or what happens then. Next room: definitions.
"""

from __future__ import annotations

from dagster import (
    AssetKey,
    AssetSelection,
    AutomationCondition,
    AutomationConditionSensorDefinition,
    DefaultSensorStatus,
)

FULL_GOLD_CRON = "*/15 * * * *"


def when_silver_changed(cron: str = FULL_GOLD_CRON) -> AutomationCondition[AssetKey]:
    """At most once a cron tick, and only if something upstream changed since the last build.

    Silver changes every second; a full build with all tests takes the better part of a
    minute. So changes are gathered until the next tick. The fresh gold run serves those who
    cannot wait.

    Args:
        cron: when to look, in UTC.
    """
    tick = AutomationCondition.cron_tick_passed(cron, "UTC")
    changed = AutomationCondition.any_deps_updated()
    handled = AutomationCondition.newly_requested() | AutomationCondition.newly_updated()
    condition = (
        tick.since(handled)
        & (changed | AutomationCondition.newly_missing()).since(handled)
        & ~AutomationCondition.any_deps_missing()
        & ~AutomationCondition.in_progress()
        & ~AutomationCondition.any_deps_in_progress()
    )
    return condition.with_label("when silver changed")


def automation_sensor() -> AutomationConditionSensorDefinition:
    """The sensor that evaluates every automation condition, on from the start."""
    return AutomationConditionSensorDefinition(
        "automation",
        target=AssetSelection.all(),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
    )
