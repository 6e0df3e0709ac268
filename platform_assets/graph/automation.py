"""Named automation conditions, tested by ticks."""

from __future__ import annotations

from dagster import (
    AssetKey,
    AssetSelection,
    AutomationCondition,
    AutomationConditionSensorDefinition,
    DefaultSensorStatus,
)

FULL_GOLD_CRON = "*/15 * * * *"
LONG_LIVED = {"weir/long_lived": "true"}
"""Tag of the stream run and the fresh gold run."""


def when_silver_changed(cron: str = FULL_GOLD_CRON) -> AutomationCondition[AssetKey]:
    """At most once a cron tick, and only if something upstream changed since the last build.

    Silver changes every second; a full build with all tests takes the better part of a
    minute. So changes are gathered until the next tick. The fresh gold run serves those who
    cannot wait; what it writes is built and tested in full at the next tick all the same.

    Args:
        cron: when to look, in UTC.
    """
    tick = AutomationCondition.cron_tick_passed(cron, "UTC")
    landed = AutomationCondition.any_deps_updated()
    # Staging views hold no rows: what is behind them changes without a materialisation.
    changed = landed | AutomationCondition.any_deps_match(landed)
    # Steps of the fresh gold run do not count as a build: they run no tests.
    built = (
        AutomationCondition.newly_updated()
        & ~AutomationCondition.all_new_updates_have_run_tags(tag_values=LONG_LIVED)
    )
    handled = AutomationCondition.newly_requested() | built
    waiting = (changed | AutomationCondition.newly_missing()).since(handled)
    condition = (
        (tick & waiting).since(handled)  # stays due while something below keeps it from starting
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
