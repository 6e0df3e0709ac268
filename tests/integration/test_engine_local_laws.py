"""Laws of the local engine: publishing is exact, whatever the order and however often."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest import mock

import polars as pl
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.contracts.model import Contract, TopicKind
from platform_assets.core.settings import Settings
from platform_assets.engines import delta
from platform_assets.engines.base import MicroBatch
from platform_assets.engines.local.engine import LocalEngine
from tests import engine_rows as rows

BATCH_FREE = {"_micro_batch"}


def _engine(root: str, contract: Contract = rows.CLICKS) -> LocalEngine:
    return LocalEngine(Settings(lake_root=root), rows.schemas(contract))


def _settle(engine: LocalEngine, log: rows.Log, published: Any) -> None:
    """Publish again what a replay says must be looked at again."""
    todo = sorted(published.redo)
    while todo:
        first = todo.pop(0)
        batch = next(item for item in log.batches if item.id == first)
        todo += sorted(rows.replay(engine, log, [batch]).redo)


def _without(tables: dict[str, list[dict[str, Any]]], names: set[str]) -> Any:
    return {
        table: sorted(
            repr(sorted((k, v) for k, v in row.items() if k not in names)) for row in content
        )
        for table, content in tables.items()
    }


def _all_at_once(log: rows.Log, values: rows.Log | None = None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as root:
        engine = _engine(root, log.contract)
        engine.ensure_tables(log.contract)
        for batch in log.batches:
            rows.publish(engine, log, [batch])
        return rows.tables(root, log.contract)


@given(data=st.data())
@settings(max_examples=12)
def test_laws_of_appends(data: st.DataObject) -> None:
    """Three laws of one log: making its tables batch by batch is what costs."""
    log = data.draw(rows.logs())
    tables = _all_at_once(log)
    _the_first_in_the_log_wins_as_a_plain_loop_says(tables)
    _a_span_at_once_equals_batch_by_batch(log, tables)
    _any_order_and_repetition_gives_the_same_tables(log, tables, data)


@given(data=st.data())
@settings(max_examples=12)
def test_laws_of_changes(data: st.DataObject) -> None:
    log = data.draw(rows.change_logs())
    _any_order_and_repetition_gives_the_same_tables(log, _all_at_once(log), data)


def _any_order_and_repetition_gives_the_same_tables(
    log: rows.Log, expected: dict[str, Any], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(log.batches))
    again = data.draw(st.lists(st.sampled_from(log.batches), max_size=2))
    with tempfile.TemporaryDirectory() as root:
        engine = _engine(root, log.contract)
        engine.ensure_tables(log.contract)
        for batch in [*order, *again]:
            published = rows.publish(engine, log, [batch])
            counts = published.counts[batch.id]
            assert counts.records == (
                counts.published + counts.quarantined + counts.duplicates + counts.dead_letters
            )
            assert counts.duplicates >= 0
            _settle(engine, log, published)
        rows.same(rows.tables(root, log.contract), expected)


def _a_span_at_once_equals_batch_by_batch(log: rows.Log, expected: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as root:
        engine = _engine(root)
        engine.ensure_tables(rows.CLICKS)
        rows.publish(engine, log, log.batches)
        rows.same(rows.tables(root, rows.CLICKS), expected)


def _the_first_in_the_log_wins_as_a_plain_loop_says(tables: dict[str, Any]) -> None:
    quarantined = {(r["kafka_partition"], r["kafka_offset"])
                   for r in tables["silver.commerce.clickstream_quarantine"]}  # fmt: skip
    expected: dict[tuple[Any, Any], tuple[int, int, int]] = {}
    for row in sorted(
        tables["bronze.commerce.clickstream"],
        key=lambda r: (r["_micro_batch"], r["kafka_partition"], r["kafka_offset"]),
    ):
        place = (row["kafka_partition"], row["kafka_offset"])
        if row["decode_error"] is None and place not in quarantined:
            key = (row["event_id"], row["occurred_at"].date())
            expected.setdefault(key, (row["_micro_batch"], *place))
    got = {
        (r["event_id"], r["event_date"]): (
            r["_micro_batch"], r["_kafka_partition"], r["_kafka_offset"],
        )
        for r in tables["silver.commerce.clickstream"]
    }  # fmt: skip
    assert got == expected


@given(log=rows.logs(), sizes=st.lists(st.integers(1, 5), max_size=3))
@settings(max_examples=12)
def test_silver_and_lateness_do_not_depend_on_where_batches_are_cut(
    log: rows.Log, sizes: list[int]
) -> None:
    # One partition: across partitions the order of arrival is what decides, by design.
    one = rows.cut(rows.CLICKS, {0: log.values[0]}, sizes)
    other = rows.cut(rows.CLICKS, {0: log.values[0]}, [])
    late = []
    for cut in (one, other):
        with tempfile.TemporaryDirectory() as root:
            engine, marks, count = _engine(root), {}, 0
            engine.ensure_tables(rows.CLICKS)
            for batch in cut.batches:
                marked = MicroBatch(batch.id, batch.ranges, marks)
                published = rows.publish(engine, cut, [marked])
                marks = published.watermarks[batch.id]
                count += published.counts[batch.id].late
            late.append(count)
    assert late[0] == late[1]
    assert _without(_all_at_once(one), BATCH_FREE) == _without(_all_at_once(other), BATCH_FREE)


def test_a_mended_contract_gives_a_key_back_to_its_first_record(tmp_path: Any) -> None:
    def body(number: int, **values: Any) -> bytes:
        return rows.HEADER + rows.encode(rows.CLICKS, rows.click(number, **values))

    values = [body(1, event_type="wave"), body(2), body(1), body(1)]
    log = rows.cut(rows.CLICKS, {0: list(values)}, [2, 1])
    engine = _engine(str(tmp_path))
    engine.ensure_tables(rows.CLICKS)
    for batch in log.batches:
        rows.publish(engine, log, [batch])
    held = pl.read_delta(str(tmp_path / rows.CLICKS.topic.silver.path)).filter(event_id="e1")
    assert held["_kafka_offset"].to_list() == [2]

    rules = tuple(rule for rule in rows.CLICKS.rules if rule.check != "one_of")
    mended = replace(rows.CLICKS, rules=rules)
    log.contract = mended
    published = rows.replay(engine, log, log.batches[:1])
    assert published.displaced == {2: 1}
    held = pl.read_delta(str(tmp_path / rows.CLICKS.topic.silver.path)).filter(event_id="e1")
    assert held["_kafka_offset"].to_list() == [0]

    log.contract = rows.CLICKS
    published = rows.replay(engine, log, log.batches[:1])
    assert published.redo == {2, 3}
    _settle(engine, log, published)
    held = pl.read_delta(str(tmp_path / rows.CLICKS.topic.silver.path)).filter(event_id="e1")
    assert held["_kafka_offset"].to_list() == [2]


def test_history_is_right_whatever_the_order_of_arrival(tmp_path: Any) -> None:
    changes = [
        rows.change(1, 7, 0, "c", "A"), rows.change(3, 7, 20, "u", "C"),
        rows.change(2, 7, 10, "u", "B"), rows.change(4, 7, 30, "d"),
        rows.change(5, 8, 0, "c", "Z"),
    ]  # fmt: skip
    values = [rows.HEADER + rows.encode(rows.CUSTOMERS, item) for item in changes]
    log = rows.cut(rows.CUSTOMERS, {0: list(values)}, [2, 1, 1])
    engine = _engine(str(tmp_path), rows.CUSTOMERS)
    engine.ensure_tables(rows.CUSTOMERS)
    for batch in log.batches[:3]:
        rows.publish(engine, log, [batch])
    current = rows.rows(str(tmp_path), rows.CUSTOMERS.topic.silver)
    assert current == []
    rows.publish(engine, log, [log.batches[3]])
    current = rows.rows(str(tmp_path), rows.CUSTOMERS.topic.silver)
    assert [row["user_id"] for row in current] == [8]
    history = pl.read_delta(str(tmp_path / rows.CUSTOMERS.topic.history.path))
    seven = history.filter(user_id=7).sort("valid_from")
    assert seven["event_id"].to_list() == ["c1", "c2", "c3", "c4"]
    steps = [rows.NOON + timedelta(minutes=m) for m in (10, 20, 30)]
    assert seven["valid_to"].to_list() == [*steps, None]


def test_a_column_added_to_and_removed_from_the_contract(tmp_path: Any) -> None:
    values = [rows.HEADER + rows.encode(rows.CLICKS, rows.click(i)) for i in (1, 2)]
    log = rows.cut(rows.CLICKS, {0: list(values)}, [1])
    columns = rows.CLICKS.columns
    fewer = replace(
        rows.CLICKS,
        columns=tuple(c for c in columns if c.name != "product_id"),
        rules=tuple(r for r in rows.CLICKS.rules if r.column != "product_id"),
    )
    engine = _engine(str(tmp_path))
    for contract, batch in ((fewer, log.batches[0]), (rows.CLICKS, log.batches[1])):
        log.contract = contract
        rows.publish(engine, log, [batch])
    path = str(tmp_path / rows.CLICKS.topic.silver.path)
    assert pl.read_delta(path).sort("event_id")["product_id"].to_list() == [None, 1]
    log.contract = fewer
    rows.replay(engine, log, [log.batches[1]])
    assert pl.read_delta(path).sort("event_id")["product_id"].to_list() == [None, None]


def test_a_stale_handle_looks_again_and_doubles_nothing(tmp_path: Any) -> None:
    values = [rows.HEADER + rows.encode(rows.CLICKS, rows.click(i)) for i in range(4)]
    log = rows.cut(rows.CLICKS, {0: list(values)}, [2])
    one, two = _engine(str(tmp_path)), _engine(str(tmp_path))
    for engine in (one, two, one, two):
        for batch in log.batches:
            rows.publish(engine, log, [batch])
    silver = pl.read_delta(str(tmp_path / rows.CLICKS.topic.silver.path))
    assert sorted(silver["event_id"].to_list()) == ["e0", "e1", "e2", "e3"]


def test_contracts_of_both_kinds_are_covered() -> None:
    assert rows.CLICKS.kind is TopicKind.APPEND
    assert rows.CUSTOMERS.kind is TopicKind.CHANGE


@given(log=rows.logs(), sizes=st.lists(st.integers(1, 3), min_size=3, max_size=6))
@settings(max_examples=6)
def test_gathering_small_files_changes_no_row(log: rows.Log, sizes: list[int]) -> None:
    cut = rows.cut(log.contract, log.values, sizes)
    expected = _all_at_once(cut)
    with tempfile.TemporaryDirectory() as root, mock.patch.object(delta, "GATHER_FILES", 2):
        engine = _engine(root)
        engine.ensure_tables(cut.contract)
        for batch in [*cut.batches, *cut.batches]:  # the second time replays into gathered files
            _settle(engine, cut, rows.publish(engine, cut, [batch]))
        rows.same(rows.tables(root, cut.contract), expected)


def test_a_day_of_many_small_files_becomes_one() -> None:
    values = [rows.HEADER + rows.encode(rows.CLICKS, rows.click(number)) for number in range(12)]
    log = rows.cut(rows.CLICKS, {0: list(values)}, [1] * 11)
    with tempfile.TemporaryDirectory() as root, mock.patch.object(delta, "GATHER_FILES", 10):
        engine = _engine(root)
        engine.ensure_tables(log.contract)
        for batch in log.batches:
            if batch.ranges:
                rows.publish(engine, log, [batch])
        for table in (log.contract.topic.bronze, log.contract.topic.silver):
            there = DeltaTable(f"{root}/{table.path}")
            assert len(there.file_uris()) == 3, "ten gathered into one, two since"
            assert there.count() == 12
