"""What the stream run tells Dagster: few events, right sums, keys before materialisations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace

import dagster as dg
import pytest

from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.engines.base import BatchCounts, MicroBatch, OffsetRange, Published
from platform_assets.graph.runs import host
from platform_assets.graph.runs import stream as stream_run
from platform_assets.graph.runs.stream import Reporter
from platform_assets.streaming.ledger import Totals
from platform_assets.streaming.microbatch import Step

CONTRACTS = load_contracts()
CLICKS = CONTRACTS[TopicName("commerce", "clickstream")]
METERS = CONTRACTS[TopicName("energy", "meter_readings")]
CUSTOMERS = CONTRACTS[TopicName("commerce", "customers")]
NOON, ONE = "2026-03-01-12:00", "2026-03-01-13:00"


@dataclass
class Windows:
    """The ledger's windows, of which some are due."""

    due: dict[TopicName, list[str]] = field(default_factory=dict)
    recorded: dict[TopicName, list[str]] = field(default_factory=dict)
    asked: int = 0

    def keys(self, topic: TopicName) -> list[str]:
        return self.recorded.get(topic, [])

    def close_due(self, topic: TopicName, now: datetime) -> list[str]:
        assert now.tzinfo is UTC
        self.asked += 1
        return self.due.pop(topic, [])


class Watch:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Bench:
    """A reporter over an ephemeral instance and a clock."""

    instance: dg.DagsterInstance
    windows: Windows
    watch: Watch
    reporter: Reporter

    def add(self, contract: Contract, batch_id: int, window: str = NOON, **counts: int) -> None:
        """A step of one micro-batch of ten records; ``counts`` alter what became of them."""
        became = {"records": 10, "published": 10, **counts}
        batch = MicroBatch(batch_id, (OffsetRange(0, (batch_id - 1) * 10, batch_id * 10),))
        published = Published({batch_id: BatchCounts(**became)}, {})
        self.reporter.add(Step(contract, batch, window, published, 0.1, 10))

    def due(self, after: float = 0.0, *, everything: bool = False) -> list[stream_run.StreamEvent]:
        """Events after some seconds more."""
        self.watch.now += after
        return list(self.reporter.due(everything=everything))

    def keys(self, contract: Contract) -> list[str]:
        """Partition keys that Dagster knows."""
        return list(self.instance.get_dynamic_partitions(contract.topic.partitions_name))


@pytest.fixture
def bench(tmp_path, monkeypatch) -> Iterator[Bench]:
    watch, windows = Watch(), Windows()
    monkeypatch.setattr(stream_run.time, "monotonic", watch.monotonic)
    with dg.DagsterInstance.ephemeral() as instance:
        context = SimpleNamespace(instance=instance, log=dg.get_dagster_logger())
        whole = Totals(records=9020, published=9000, quarantined=3, open_records=20)

        def totals(_topic: TopicName, window: str) -> Totals:
            return whole if window == NOON else Totals()

        settings = Settings(home=tmp_path, materialisation_every_seconds=10)
        yield Bench(instance, windows, watch, Reporter(settings, context, windows, totals))


def materialised(events: list[stream_run.StreamEvent]) -> dict[str, dg.AssetMaterialization]:
    found = [event for event in events if isinstance(event, dg.AssetMaterialization)]
    named = {event.asset_key.to_user_string(): event for event in found}
    assert len(named) == len(found), "one materialisation a table"
    return named


def value(event: dg.AssetMaterialization, name: str) -> object:
    return event.metadata[name].value


def test_a_table_gets_one_materialisation_with_sums_every_ten_seconds(bench: Bench) -> None:
    bench.add(CLICKS, 1)
    first = materialised(bench.due())
    assert set(first) == {
        "bronze/commerce/clickstream",
        "silver/commerce/clickstream",
        "silver/commerce/clickstream_quarantine",
    }
    for batch_id in range(2, 102):
        bench.add(CLICKS, batch_id, published=7, quarantined=1, duplicates=1, dead_letters=1)
        assert bench.due(0.09) == []
    events = materialised(bench.due(1.1))
    silver = events["silver/commerce/clickstream"]
    assert silver.partition == NOON
    assert value(silver, "micro_batches") == 100
    assert (value(silver, "first_micro_batch"), value(silver, "last_micro_batch")) == (2, 101)
    assert value(silver, "next_offsets") == {"0": 1010}
    assert value(silver, "records") == 1000
    assert value(silver, "dagster/partition_row_count") == 9000, (
        "of the partition, not of the report"
    )
    bronze, quarantine = (
        events["bronze/commerce/clickstream"],
        events["silver/commerce/clickstream_quarantine"],
    )
    assert value(bronze, "dagster/partition_row_count") == 9000
    assert value(quarantine, "dagster/partition_row_count") == 3
    assert bench.due(60) == []


def test_a_change_topic_has_its_history_too(bench: Bench) -> None:
    bench.add(CUSTOMERS, 1)
    assert "silver/commerce/customers_history" in materialised(bench.due())


def test_the_partition_key_is_there_before_the_materialisation(bench: Bench) -> None:
    bench.add(CLICKS, 1)
    assert bench.keys(CLICKS) == []
    for event in bench.reporter.due():
        assert isinstance(event, dg.AssetMaterialization | dg.AssetCheckEvaluation)
        assert bench.keys(CLICKS) == [NOON]


def test_topics_and_windows_are_reported_apart(bench: Bench) -> None:
    bench.add(CLICKS, 1)
    bench.add(METERS, 1)
    assert len(materialised(bench.due())) == len(CLICKS.tables) + len(METERS.tables)
    bench.add(CLICKS, 2)
    bench.add(CLICKS, 3, ONE)
    events = [
        event
        for event in bench.due(everything=True)
        if isinstance(event, dg.AssetMaterialization)
        and event.asset_key.path == CLICKS.topic.silver.asset_key
    ]
    assert [(event.partition, value(event, "records")) for event in events] == [
        (NOON, 10), (ONE, 10),
    ]  # fmt: skip
    assert bench.keys(CLICKS) == [NOON, ONE]


def test_two_windows_at_a_boundary_are_both_reported_in_time(bench: Bench) -> None:
    bench.add(CLICKS, 1)
    bench.due()
    bench.add(CLICKS, 2)
    bench.add(CLICKS, 3, ONE)
    seen = [
        event.partition
        for _ in range(2)
        for event in bench.due(10.1)
        if isinstance(event, dg.AssetMaterialization)
    ]
    assert set(seen) == {NOON, ONE}


def test_the_balance_is_checked_on_every_report(bench: Bench) -> None:
    bench.add(CLICKS, 1)
    (good,) = [e for e in bench.due() if isinstance(e, dg.AssetCheckEvaluation)]
    assert good.passed
    bench.add(CLICKS, 2, published=9)
    bench.add(CLICKS, 3, published=11, records=10)
    (bad,) = [e for e in bench.due(everything=True) if isinstance(e, dg.AssetCheckEvaluation)]
    assert not bad.passed, "two errors that cancel out are two errors"
    assert bad.asset_key.path == CLICKS.topic.silver.asset_key


def test_the_end_reports_what_is_left(bench: Bench) -> None:
    bench.add(CLICKS, 1)
    bench.due()
    bench.add(CLICKS, 2)
    assert bench.due(1) == []
    assert materialised(bench.due(everything=True))
    assert bench.due(everything=True) == []


def test_windows_are_closed_now_and_then_and_at_the_end(bench: Bench) -> None:
    bench.windows.due[CLICKS.topic] = [NOON]
    bench.due()
    assert bench.windows.due == {}
    asked = bench.windows.asked
    bench.due(1)
    assert bench.windows.asked == asked
    bench.due(everything=True)
    assert bench.windows.asked > asked


def test_the_code_version_follows_code_and_contracts(tmp_path, monkeypatch) -> None:
    contract = tmp_path / "platform_assets" / "contracts" / "a.yaml"
    contract.parent.mkdir(parents=True)
    contract.write_text("version: 1")
    monkeypatch.setattr(host, "REPOSITORY", tmp_path)
    host.deploy_version.cache_clear()
    try:
        before = host.deploy_version(host.LAKE_CODE)
        contract.write_text("version: 2")
        assert host.deploy_version(host.LAKE_CODE) == before, (
            "read once a process: a restart is the deploy"
        )
        host.deploy_version.cache_clear()
        assert host.deploy_version(host.LAKE_CODE) != before
    finally:
        host.deploy_version.cache_clear()


def test_what_a_killed_run_did_not_report_is_reported_by_its_successor(bench: Bench) -> None:
    bench.windows.recorded = {CLICKS.topic: [NOON, ONE]}
    bench.instance.add_dynamic_partitions(CLICKS.topic.partitions_name, [NOON])
    events = list(bench.reporter.reconcile([CLICKS, METERS]))
    reported = {
        (tuple(event.asset_key.path), event.partition)
        for event in events
        if isinstance(event, dg.AssetMaterialization)
    }
    assert reported == {(tuple(table.asset_key), ONE) for table in CLICKS.tables}
    assert bench.instance.has_dynamic_partition(CLICKS.topic.partitions_name, ONE)
    again = materialised(list(bench.reporter.reconcile([CLICKS])))
    assert {event.partition for event in again.values()} == {ONE}
