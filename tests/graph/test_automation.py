"""Automation by ticks: when gold is built, and when it is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

import dagster as dg
import pytest
from dagster._core.events import AssetMaterializationPlannedData

from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.definitions import build_defs
from platform_assets.graph.automation import automation_sensor, when_silver_changed
from platform_assets.graph.runs.fresh_gold import fresh_gold_job

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CLICKS = TopicName("commerce", "clickstream")
SILVER = dg.AssetKey(CLICKS.silver.asset_key)
REVENUE = dg.AssetKey(["gold", "commerce", "revenue_per_hour"])
METERS = dg.AssetKey(["gold", "energy", "meter_rollup"])
STAGED = dg.AssetKey(["gold", "staging", "stg_clickstream"])


@cache
def definitions() -> dg.Definitions:
    return build_defs()


class Clock:
    """Ticks of the automation sensor over the real graph, with time moved by hand."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.defs = definitions()
        self.now = NOON + timedelta(minutes=1)
        self.cursor = None

    def tick(self, minutes: float = 1) -> set[dg.AssetKey]:
        """Move the clock, evaluate, return what was requested."""
        self.now += timedelta(minutes=minutes)
        result = dg.evaluate_automation_conditions(
            defs=self.defs,
            instance=self.instance,
            asset_selection=dg.AssetSelection.all(),
            evaluation_time=self.now,
            cursor=self.cursor,
        )
        self.cursor = result.cursor
        return {each.key for each in result.results if each.true_subset.size}

    def land(self, topic: TopicName = CLICKS, window: str = "2026-03-01-12:00") -> None:
        """What the stream run reports: a materialisation of a topic's tables."""
        self.instance.add_dynamic_partitions(topic.partitions_name, [window])
        for table in load_contracts()[topic].tables:
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(dg.AssetKey(table.asset_key), partition=window)
            )

    def build(self, *keys: dg.AssetKey) -> None:
        """A finished build of gold."""
        for key in keys:
            self.instance.report_runless_asset_event(dg.AssetMaterialization(key))


@pytest.fixture
def clock() -> Iterator[Clock]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Clock(instance)


@pytest.fixture
def built(clock: Clock) -> Clock:
    """A lake that ran for a while: every topic landed, gold built once."""
    for topic in load_contracts():
        clock.land(topic)
    gold = clock.defs.resolve_asset_graph().materializable_asset_keys
    clock.build(*(key for key in gold if key.path[0] == "gold"))
    clock.tick()
    clock.tick(15)
    clock.tick()
    return clock


def test_nothing_is_requested_without_a_change(built: Clock) -> None:
    assert [built.tick(20) for _ in range(3)] == [set()] * 3


def test_a_change_in_silver_is_built_at_the_next_quarter_and_once(built: Clock) -> None:
    built.land()
    assert REVENUE not in built.tick(1)
    requested = built.tick(15)
    assert REVENUE in requested
    assert METERS not in requested
    assert built.tick(1) == set()
    built.build(*requested)
    assert [built.tick(20) for _ in range(2)] == [set()] * 2


def test_changes_between_two_quarters_are_one_build(built: Clock) -> None:
    asked: list[set[dg.AssetKey]] = []
    for _ in range(3):  # until 12:27
        built.land()
        asked.append(built.tick(3))
    assert asked == [set()] * 3
    asked.append(built.tick(15))
    assert REVENUE in asked[-1]
    assert built.tick(1) == set()


def test_a_stream_that_never_pauses_is_built_every_quarter(built: Clock) -> None:
    asked = 0
    for _ in range(12):
        built.land()
        requested = built.tick(5)
        asked += REVENUE in requested
        built.build(*requested)
    assert asked == 4


def test_another_window_counts_as_a_change(built: Clock) -> None:
    built.land(window="2026-03-01-13:00")
    assert REVENUE in built.tick(16)


def test_not_while_a_build_is_in_progress(built: Clock) -> None:
    run = dg.DagsterRun(
        job_name="full_gold",
        status=dg.DagsterRunStatus.STARTED,
        asset_selection=frozenset({REVENUE, STAGED}),
    )
    built.instance.add_run(run)
    for key in (STAGED, REVENUE):
        built.instance.report_dagster_event(
            dg.DagsterEvent.build_asset_materialization_planned_event(
                job_name="full_gold",
                step_key="gold",
                asset_materialization_planned_data=AssetMaterializationPlannedData(
                    key, partition=None
                ),
            ),
            run_id=run.run_id,
        )
    built.land()
    assert REVENUE not in built.tick(16)
    built.instance.report_run_failed(run)
    assert REVENUE in built.tick(16)


def test_before_the_first_data_there_is_nothing_to_build(clock: Clock) -> None:
    assert clock.tick(1) == set()
    assert clock.tick(15) == set()
    assert clock.tick(15) == set()


def test_a_model_that_was_never_built_follows_its_staging_view(clock: Clock) -> None:
    clock.tick(1)
    clock.land()
    assert clock.tick(15) == set()
    clock.build(STAGED)
    requested = clock.tick(15)
    assert REVENUE in requested
    assert METERS not in requested


def test_steps_of_the_fresh_gold_run_are_no_build(built: Clock) -> None:
    @dg.op
    def step(context) -> None:
        context.log_event(dg.AssetMaterialization(REVENUE))

    @dg.job(name="fresh_gold", tags=dict(fresh_gold_job.tags))
    def fresh_gold() -> None:
        step()

    asked = 0
    for _ in range(6):
        built.land()
        assert fresh_gold.execute_in_process(instance=built.instance).success
        requested = built.tick(5)
        asked += REVENUE in requested
        built.build(*requested)
    assert asked == 2


def test_the_condition_and_the_sensor_have_names() -> None:
    assert when_silver_changed().get_label() == "when silver changed"
    assert automation_sensor().name == "automation"
