"""A partition materialised by hand, and a backfill: exactly the recorded records again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest
from deltalake import DeltaTable

from platform_assets.core.naming import TableName
from platform_assets.core.settings import Settings
from platform_assets.graph.bronze import build_bronze_assets
from platform_assets.graph.silver import build_silver_assets
from platform_assets.local.wait import wait_until
from platform_assets.streaming.ledger import Ledger, UnknownWindowError
from platform_assets.streaming.windows import Windows
from tests.integration.lake import START, Lake, in_thread, open_lake


class Ui:
    """What a person does in the Dagster UI: materialise a partition of a topic's assets."""

    def __init__(self, instance: dg.DagsterInstance, lake: Lake) -> None:
        self.instance = instance
        self.lake = lake
        self.assets = [
            *build_bronze_assets([lake.contract]),
            *build_silver_assets([lake.contract]),
        ]

    def materialise(self, key: str) -> dg.ExecuteInProcessResult:
        topic = self.lake.topic
        self.instance.add_dynamic_partitions(topic.partitions_name, [key])
        result = dg.materialize(self.assets, partition_key=key, instance=self.instance)
        assert result.success
        return result


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def two_windows(settings: Settings) -> tuple[Lake, list[str]]:
    """A topic with data of all kinds in two windows, some of it the same key in both."""
    lake = open_lake(settings, window_seconds=2)
    windows = Windows(settings)
    bad = ("bad", lake.value("bad", START, price=-1.0))
    lake.send_events(range(300))
    lake.send([bad, ("poison", b"poison")])
    lake.run(batch_max_records=120)
    (first, *_) = windows.keys(lake.topic)
    lake.send_events(range(250, 500))
    wait_until(
        lambda: windows.current(lake.contract, datetime.now(UTC)).key != first,
        what="the next window", timeout=10,
    )  # fmt: skip
    lake.run(batch_max_records=120)
    return lake, sorted({key for key in windows.keys(lake.topic) if _filled(lake, key)})


def _filled(lake: Lake, key: str) -> bool:
    return Ledger(lake.settings).totals(lake.topic, key).batches > 0


def everything(lake: Lake) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the topic's tables."""
    order = {"bronze": ["kafka_partition", "kafka_offset"]}
    found = {}
    for table in lake.contract.tables:
        frame = lake.rows(table)
        columns = order.get(table.layer) or [
            name for name in frame.columns if name.endswith(("kafka_partition", "kafka_offset"))
        ]
        found[table.sql] = frame.sort(columns).drop("kafka_headers", strict=False).rows()
    return found


def version(lake: Lake, table: TableName) -> int:
    return DeltaTable(f"{lake.settings.lake_root}/{table.path}").version()


def test_a_partition_by_hand_replays_its_records_and_changes_nothing(
    stack: Settings, instance: dg.DagsterInstance
) -> None:
    lake, keys = two_windows(stack)
    before, totals = everything(lake), Ledger(stack).totals(lake.topic)
    seen = version(lake, lake.topic.silver)
    result = Ui(instance, lake).materialise(keys[0])
    assert everything(lake) == before
    assert Ledger(stack).totals(lake.topic) == totals
    assert version(lake, lake.topic.silver) > seen, "it did write again"
    made = {event.asset_key.path[-1]: event.materialization.metadata
            for event in result.get_asset_materialization_events()}  # fmt: skip
    records = Ledger(stack).totals(lake.topic, keys[0]).records
    assert set(made) == {lake.topic.entity, f"{lake.topic.entity}_quarantine"}
    assert made[lake.topic.entity]["records"].value == records
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert set(checks) == {"contract", "balance"}
    assert all(check.passed for check in checks.values())


def test_a_backfill_over_all_windows_in_any_order(
    stack: Settings, instance: dg.DagsterInstance
) -> None:
    lake, keys = two_windows(stack)
    before = everything(lake)
    ui = Ui(instance, lake)
    for key in [*reversed(keys), *keys]:
        ui.materialise(key)
    assert everything(lake) == before
    lake.assert_balanced()


def test_a_backfill_mends_a_table_that_lost_rows(
    stack: Settings, instance: dg.DagsterInstance
) -> None:
    lake, keys = two_windows(stack)
    before = everything(lake)
    for table in lake.contract.tables:
        DeltaTable(f"{stack.lake_root}/{table.path}").delete("_micro_batch <= 2")
    assert everything(lake) != before
    ui = Ui(instance, lake)
    for key in keys:
        ui.materialise(key)
    assert everything(lake) == before
    lake.assert_balanced()


def test_a_backfill_while_the_stream_goes_on(stack: Settings, instance: dg.DagsterInstance) -> None:
    lake, keys = two_windows(stack)
    before = set(lake.published())
    lake.send_events(range(500, 2500))
    streaming = in_thread(lambda: lake.run(batch_max_records=200))
    ui = Ui(instance, lake)
    for key in keys:
        ui.materialise(key)
    streaming.join(timeout=120)
    assert not streaming.is_alive()
    assert before <= set(lake.published())
    assert len(lake.published()) == 2500
    lake.assert_balanced()


def test_a_window_without_records_says_so(stack: Settings) -> None:
    lake = open_lake(stack)
    with pytest.raises(UnknownWindowError, match="recorded for window 1999-01-01-00:00"):
        lake.processor().replay_bronze(lake.contract, "1999-01-01-00:00")
