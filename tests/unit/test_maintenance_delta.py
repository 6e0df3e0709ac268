"""Upkeep of Delta tables by a contract's policy, on real tables."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract, Maintenance
from platform_assets.core.naming import TableName, TopicName
from platform_assets.core.settings import Settings
from platform_assets.graph.upkeep import delta
from platform_assets.graph.upkeep.delta import MaintenanceError, MaintenanceResult

TODAY = date(2026, 1, 10)
NOW = datetime(2026, 1, 10, tzinfo=UTC)


class Locks:
    """Takes the place of the ledger's lock: says who held what, one at a time."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self._held = False

    @contextmanager
    def __call__(self, settings: Settings, table: str) -> Iterator[None]:
        assert not self._held
        self._held = True
        self.taken.append(table)
        try:
            yield
        finally:
            self._held = False


@pytest.fixture
def contract() -> Contract:
    found = load_contracts()[TopicName.parse("commerce.clickstream")]
    return replace(
        found, maintenance=Maintenance(optimize_after_days=1, bronze_days=30, quarantine_days=5)
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, lake_root=str(tmp_path / "lake"))


def write(settings: Settings, table: TableName, column: str, day: date, files: int = 3) -> str:
    uri = f"{settings.lake_root}/{table.path}"
    for number in range(files):
        frame = pl.DataFrame({"_micro_batch": [number, number], "x": ["a", "b"]}).with_columns(
            pl.lit(day).alias(column)
        )
        write_deltalake(uri, frame.to_arrow(), mode="append", partition_by=[column])
    return uri


def rows(uri: str) -> list[tuple[object, ...]]:
    return sorted(pl.read_delta(uri).select("_micro_batch", "x").rows())


def files_of(uri: str, day: date) -> int:
    partitions = DeltaTable(uri).get_add_actions(flatten=True)
    frame = pl.DataFrame(partitions)
    column = next(name for name in frame.columns if name.startswith("partition."))
    return frame.filter(pl.col(column).cast(pl.Date) == day).height


def test_closed_days_are_compacted_and_the_open_day_is_not(
    settings: Settings, contract: Contract
) -> None:
    table, locks = contract.topic.silver, Locks()
    old, yesterday = TODAY - timedelta(days=3), TODAY - timedelta(days=1)
    for day in (old, yesterday, TODAY):
        uri = write(settings, table, "event_date", day)
    before = rows(uri)

    result = delta.compact(settings, contract, table, TODAY, lock=locks)

    assert result.days == (old, yesterday)
    assert [files_of(uri, day) for day in (old, yesterday, TODAY)] == [1, 1, 3]
    assert (result.files_before, result.files_after) == (9, 5)
    assert result.bytes_after < result.bytes_before
    assert rows(uri) == before
    # One commit a day, each under the lock.
    assert locks.taken == ["silver.commerce.clickstream"] * 2
    again = delta.compact(settings, contract, table, TODAY, lock=locks)
    assert again.days == ()
    assert len(locks.taken) == 2


def test_a_dry_run_changes_nothing_and_takes_no_lock(
    settings: Settings, contract: Contract
) -> None:
    locks = Locks()
    uri = write(settings, contract.topic.bronze, "ingest_date", TODAY - timedelta(days=40))
    version = DeltaTable(uri).version()
    results = delta.maintain_topic(settings, contract, TODAY, lock=locks, dry_run=True)
    assert {result.action for result in results} == {
        "retention",
        "compact",
        "vacuum",
        "checkpoint",
    }
    assert all(result.dry_run for result in results)
    assert results[0].rows == 6
    assert DeltaTable(uri).version() == version
    assert locks.taken == []


def test_old_bronze_and_quarantine_days_go_and_silver_stays(
    settings: Settings, contract: Contract
) -> None:
    locks, topic = Locks(), contract.topic
    kept = TODAY - timedelta(days=5)
    old = TODAY - timedelta(days=31)
    uris = {}
    for table, column in (
        (topic.bronze, "ingest_date"),
        (topic.quarantine, "ingest_date"),
        (topic.silver, "event_date"),
    ):
        write(settings, table, column, old)
        uris[table] = write(settings, table, column, kept)

    results = delta.maintain_topic(settings, contract, TODAY, lock=locks)

    by_step = {(result.table, result.action): result for result in results}
    assert by_step[topic.bronze, "retention"].rows == 6
    assert by_step[topic.bronze, "retention"].days == (old,)
    assert by_step[topic.quarantine, "retention"].rows == 6
    assert (topic.silver, "retention") not in by_step
    assert len(rows(uris[topic.bronze])) == 6
    assert len(rows(uris[topic.quarantine])) == 6
    assert len(rows(uris[topic.silver])) == 12
    # Silver's tables are published under one lock, so the quarantine is maintained under it.
    assert set(locks.taken) == {topic.bronze.sql, topic.silver.sql}


def test_no_policy_keeps_rows_for_ever(settings: Settings, contract: Contract) -> None:
    keeps = replace(contract, maintenance=Maintenance(bronze_days=None, quarantine_days=None))
    write(settings, contract.topic.bronze, "ingest_date", date(2001, 1, 1))
    assert delta.delete_old_rows(settings, keeps, contract.topic.bronze, TODAY) is None


def test_vacuum_deletes_what_no_version_needs(settings: Settings, contract: Contract) -> None:
    import os

    uri = write(settings, contract.topic.silver, "event_date", TODAY - timedelta(days=3))
    orphan = next(Path(uri).glob("event_date=*")) / "part-00000-orphan.snappy.parquet"
    orphan.write_bytes(b"left by a writer that was killed")
    long_ago = 1_600_000_000
    os.utime(orphan, (long_ago, long_ago))
    before = rows(uri)
    result = delta.vacuum(settings, contract, contract.topic.silver, lock=Locks())
    assert result.removed == 1
    assert not orphan.exists()
    assert rows(uri) == before


def test_vacuum_below_the_tables_retention_is_refused_with_a_way_out(
    settings: Settings, contract: Contract
) -> None:
    write(settings, contract.topic.silver, "event_date", TODAY)
    hasty = replace(contract, maintenance=Maintenance(vacuum_hours=1))
    with pytest.raises(MaintenanceError, match=r"silver\.commerce\.clickstream.*vacuumHours"):
        delta.vacuum(settings, hasty, contract.topic.silver, lock=Locks())


def test_a_lost_commit_is_redone_on_the_newest_version(
    settings: Settings, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, old = contract.topic.silver, TODAY - timedelta(days=3)
    uri = write(settings, table, "event_date", old)
    opened, interfere = delta._open, iter([False, True, False, False, False])

    def open_and_lose(settings: Settings, name: TableName) -> DeltaTable:
        found = opened(settings, name)
        if next(interfere):
            # A writer without the lock replaces rows after we looked.
            frame = pl.DataFrame({"_micro_batch": [1], "x": ["new"], "event_date": [old]})
            write_deltalake(uri, frame.to_arrow(), mode="overwrite", predicate="_micro_batch = 1")
        return found

    monkeypatch.setattr(delta, "_open", open_and_lose)
    result: MaintenanceResult = delta.compact(settings, contract, table, TODAY, lock=Locks())
    assert result.files_after == 1
    assert rows(uri) == [(0, "a"), (0, "b"), (1, "new"), (2, "a"), (2, "b")]


def test_compactions_take_turns_so_that_no_row_doubles(
    settings: Settings, contract: Contract
) -> None:
    table, turns = contract.topic.silver, threading.Lock()
    for back in range(3, 6):
        uri = write(settings, table, "event_date", TODAY - timedelta(days=back))
    before = rows(uri)

    @contextmanager
    def lock(settings: Settings, name: str) -> Iterator[None]:
        with turns:
            yield

    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(lambda _: delta.compact(settings, contract, table, TODAY, lock=lock), range(4))
        )
    assert rows(uri) == before
    assert DeltaTable(uri).version() == 8 + 3


def test_a_compaction_beside_ours_without_the_lock_is_an_error_and_not_silence(
    settings: Settings, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, old = contract.topic.silver, TODAY - timedelta(days=3)
    uri = write(settings, table, "event_date", old)
    opened, interfere = delta._open, iter([False, True])

    def open_and_lose(settings: Settings, name: TableName) -> DeltaTable:
        found = opened(settings, name)
        if next(interfere):
            DeltaTable(uri).optimize.compact()
        return found

    monkeypatch.setattr(delta, "_open", open_and_lose)
    with pytest.raises(MaintenanceError, match="without the table's lock"):
        delta.compact(settings, contract, table, TODAY, lock=Locks())


def test_a_topic_without_tables_needs_nothing(settings: Settings, contract: Contract) -> None:
    assert delta.maintain_topic(settings, contract, TODAY, lock=Locks()) == []


def test_a_change_topics_tables_are_compacted_as_a_whole(settings: Settings) -> None:
    change = load_contracts()[TopicName.parse("commerce.customers")]
    uri = f"{settings.lake_root}/{change.topic.history.path}"
    for number in range(33):
        frame = pl.DataFrame({"_micro_batch": [number], "x": ["a"]})
        write_deltalake(uri, frame.to_arrow(), mode="append")
    locks = Locks()
    result = delta.compact(settings, change, change.topic.history, TODAY, lock=locks)
    assert result.files_after == 1
    assert locks.taken == ["silver.commerce.customers"]
