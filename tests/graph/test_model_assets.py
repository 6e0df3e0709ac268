"""The purchase model in the asset graph: partitions, lineage, schedule, what a skip holds back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from deltalake import write_deltalake

from ml.assets.features import (
    SILVER_KEY,
    USER_FEATURES_KEY,
    build_features_definitions,
)
from ml.assets.keys import part_key
from ml.assets.training import PARTS, SKIPPED, build_training_definitions
from ml.features import table
from ml.features.user import FEATURES
from ml.models.purchase.spec import SPEC
from platform_assets.core.settings import Settings, get_settings
from platform_assets.graph.days import CATCH_UP_DAYS, missing_days
from platform_assets.streaming import whole

DATASET_KEY, VERSION_KEY, EVALUATION_KEY, DEPLOYMENT_KEY = (
    part_key(SPEC.name, part) for part in PARTS
)
JOB = SPEC.training_job
DAY = date(2026, 3, 5)
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


@cache
def definitions() -> dg.Definitions:
    silver = dg.Definitions(
        assets=[
            dg.AssetSpec(
                SILVER_KEY, partitions_def=dg.DynamicPartitionsDefinition(name="windows_of_test")
            )
        ]
    )
    built = dg.Definitions.merge(
        silver, build_features_definitions(), build_training_definitions(SPEC)
    )
    dg.Definitions.validate_loadable(built)
    return built


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("WEIR_HOME", str(tmp_path))
    # There is no ledger here: silver is written by hand.
    monkeypatch.setattr(whole, "require_published", lambda *_: None)
    get_settings.cache_clear()
    yield get_settings()
    get_settings.cache_clear()


def write_silver(lake: Settings, days: int = 2, users: int = 5) -> None:
    """Each user views something at noon of each day and the first one buys."""
    rows = [
        (user, "purchase" if user == 1 else "view", float(user == 1), NOON + timedelta(days=day))
        for day in range(days)
        for user in range(1, users + 1)
    ]
    frame = pl.DataFrame(rows, schema=["user_id", "event_type", "price", "timestamp"], orient="row")
    dated = frame.with_columns(
        pl.col("timestamp").cast(pl.Datetime("us", "UTC")),
        pl.col("timestamp").dt.date().alias("event_date"),
    )
    path = f"{lake.lake_root}/silver/commerce/clickstream"
    write_deltalake(path, dated.to_arrow(), partition_by=["event_date"])


def materialise_features(
    instance: dg.DagsterInstance, days: list[date]
) -> dg.ExecuteInProcessResult:
    job = definitions().resolve_job_def("user_features")
    return job.execute_in_process(
        instance=instance,
        tags={
            "dagster/asset_partition_range_start": days[0].isoformat(),
            "dagster/asset_partition_range_end": days[-1].isoformat(),
        },
    )


def test_lineage_runs_from_the_deployment_to_silver() -> None:
    graph = definitions().resolve_asset_graph()
    behind = set(graph.upstream_key_iterator(DEPLOYMENT_KEY))
    wanted = {EVALUATION_KEY, VERSION_KEY, DATASET_KEY, USER_FEATURES_KEY, SILVER_KEY}
    assert wanted <= behind
    job = definitions().resolve_job_def(JOB)
    made = set(job.asset_layer.executable_asset_keys)
    assert made == {DATASET_KEY, VERSION_KEY, EVALUATION_KEY, DEPLOYMENT_KEY}


def test_every_column_of_the_table_is_described() -> None:
    spec = definitions().resolve_asset_graph().get(USER_FEATURES_KEY)
    columns = spec.metadata["dagster/column_schema"].columns
    assert [column.name for column in columns] == list(table.schema())
    assert all(column.description for column in columns)


def test_many_days_are_one_run_with_the_rows_of_each(lake: Settings) -> None:
    write_silver(lake)
    days = [DAY + timedelta(days=n) for n in range(4)]
    with dg.instance_for_test() as instance:
        assert materialise_features(instance, days).success
        events = instance.fetch_materializations(USER_FEATURES_KEY, limit=10).records
        assert len(events) == len(days)
        counted = {
            record.partition_key: record.asset_materialization.metadata[
                "dagster/partition_row_count"
            ].value
            for record in events
        }
        assert counted == {day.isoformat(): 5 for day in days}
    assert table.read_days(lake, days[0], days[-1]).columns == list(table.schema())


def test_a_tick_asks_for_the_missing_days_of_the_last_week_once_there_is_silver() -> None:
    repository = definitions().get_repository_def()
    schedule = repository.get_schedule_def("user_features_schedule")
    at = datetime(2026, 3, 12, 1, 30, tzinfo=UTC)
    with dg.instance_for_test() as instance:

        def tick() -> dg.ScheduleExecutionData:
            context = dg.build_schedule_context(
                instance=instance, scheduled_execution_time=at, repository_def=repository
            )
            return schedule.evaluate_tick(context)

        assert "no clickstream" in str(tick().skip_message)
        instance.report_runless_asset_event(dg.AssetMaterialization(SILVER_KEY, partition="w1"))
        instance.report_runless_asset_event(
            dg.AssetMaterialization(USER_FEATURES_KEY, partition="2026-03-10")
        )
        asked = [request.partition_key for request in tick().run_requests or []]
        assert asked == ["2026-03-05", "2026-03-06", "2026-03-07", "2026-03-08", "2026-03-09",
                         "2026-03-11"]  # fmt: skip


def test_no_day_before_the_first_partition_is_asked_for() -> None:
    assert missing_days(date(2026, 1, 2), []) == ["2026-01-01", "2026-01-02"]
    assert len(missing_days(date(2026, 3, 2), [])) == CATCH_UP_DAYS


@pytest.mark.parametrize("kind", ["no tables", "few rows"])
def test_too_little_data_is_recorded_with_its_reason_and_nothing_follows(
    kind: str, lake: Settings
) -> None:
    with dg.instance_for_test() as instance:
        if kind == "few rows":
            write_silver(lake, days=6)
            materialise_features(instance, [DAY + timedelta(days=n) for n in range(6)])
        result = definitions().resolve_job_def(JOB).execute_in_process(instance=instance)
        assert result.success
        event = instance.get_latest_materialization_event(DATASET_KEY)
        assert event is not None
        assert event.asset_materialization is not None
        metadata = event.asset_materialization.metadata
        wanted = {
            "no tables": "the table does not exist",
            "few rows": "labelled rows, 100 are needed",
        }
        assert wanted[kind] in str(metadata[SKIPPED].value)
        for held in (VERSION_KEY, EVALUATION_KEY, DEPLOYMENT_KEY):
            assert instance.get_latest_materialization_event(held) is None
        skipped = {e.step_key for e in result.all_events if e.is_step_skipped}
        assert len(skipped) == 3
        # Made alone, the version holds too: the newest data set has nothing in it.
        alone = dg.materialize(
            [definitions().get_assets_def(VERSION_KEY)], instance=instance, selection=[VERSION_KEY]
        )
        assert alone.success
        event = instance.get_latest_materialization_event(VERSION_KEY)
        assert event is not None
        assert event.asset_materialization is not None
        assert "no data set" in str(event.asset_materialization.metadata[SKIPPED].value)


def test_features_are_named_as_the_model_takes_them() -> None:
    from ml.training.package import signature

    assert tuple(field.name for field in signature(SPEC).inputs) == FEATURES
