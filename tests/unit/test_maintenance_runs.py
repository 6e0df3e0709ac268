"""Retention of Dagster's runs: old runs go, what they made stays known."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetRecordsFilter,
    DagsterInstance,
    DagsterRunStatus,
    RunsFilter,
    StaticPartitionsDefinition,
    asset,
    materialize,
)
from dagster._core.test_utils import create_run_for_test

from platform_assets.graph.upkeep.runs import retain_runs

WINDOWS = StaticPartitionsDefinition(["w1", "w2"])
KEY = AssetKey("table")
LATER = datetime.now(UTC) + timedelta(days=40)


@asset(partitions_def=WINDOWS)
def table(context: AssetExecutionContext) -> None:
    # A stream run logs materialisations of many partitions.
    context.log_event(AssetMaterialization(KEY, partition="w2", metadata={"rows": 7}))


@pytest.fixture(params=["memory", "sqlite"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DagsterInstance]:
    if request.param == "memory":
        with DagsterInstance.ephemeral() as made:
            yield made
    else:
        with DagsterInstance.local_temp(str(tmp_path)) as made:
            yield made


def run(instance: DagsterInstance, partition: str) -> str:
    done = materialize([table], instance=instance, partition_key=partition)
    assert done.success
    return done.run_id


def newest(instance: DagsterInstance, partition: str) -> tuple[int, float, str]:
    record = instance.fetch_materializations(
        AssetRecordsFilter(KEY, asset_partitions=[partition]), limit=1
    ).records[0]
    return record.storage_id, record.timestamp, record.run_id


def test_old_runs_go_and_no_partition_is_forgotten(instance: DagsterInstance) -> None:
    first, second = run(instance, "w1"), run(instance, "w1")
    before = {partition: newest(instance, partition)[:2] for partition in ("w1", "w2")}

    result = retain_runs(instance, 30, now=LATER)

    assert (result.deleted, result.kept_materialisations, result.more) == (2, 2, False)
    assert instance.get_run_by_id(first) is None
    assert instance.get_run_by_id(second) is None
    assert instance.get_materialized_partitions(KEY) == {"w1", "w2"}
    # The same place in the event log and the same time: no news to automation or freshness.
    assert {p: newest(instance, p)[:2] for p in ("w1", "w2")} == before
    assert newest(instance, "w1")[2] == ""
    # The older materialisation of w1 went with its run.
    assert len(instance.fetch_materializations(KEY, limit=10).records) == 2
    assert retain_runs(instance, 30, now=LATER).deleted == 0


def test_a_partition_made_again_later_needs_nothing_kept(instance: DagsterInstance) -> None:
    old = run(instance, "w1")
    run(instance, "w1")
    assert retain_runs(instance, 30, now=LATER, limit=1).kept_materialisations == 0
    assert instance.get_run_by_id(old) is None
    assert newest(instance, "w1")[2] != ""


def test_young_and_unfinished_runs_stay(instance: DagsterInstance) -> None:
    run(instance, "w1")
    create_run_for_test(instance, status=DagsterRunStatus.STARTED)
    assert retain_runs(instance, 30).deleted == 0
    assert retain_runs(instance, 30, now=LATER).deleted == 1
    started = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED]))
    assert len(started) == 1


def test_a_tick_is_bounded_and_says_that_more_remains(instance: DagsterInstance) -> None:
    for _ in range(3):
        run(instance, "w1")
    result = retain_runs(instance, 30, now=LATER, limit=2)
    assert (result.deleted, result.more) == (2, True)
    result = retain_runs(instance, 30, now=LATER, limit=2)
    assert (result.deleted, result.more) == (1, False)
    assert instance.get_materialized_partitions(KEY) == {"w1", "w2"}


def test_a_dry_run_only_counts(instance: DagsterInstance) -> None:
    kept = run(instance, "w1")
    result = retain_runs(instance, 30, now=LATER, dry_run=True)
    assert (result.deleted, result.dry_run) == (1, True)
    assert instance.get_run_by_id(kept) is not None


def test_less_than_a_day_is_refused(instance: DagsterInstance) -> None:
    with pytest.raises(ValueError, match="a day at least"):
        retain_runs(instance, 0)
