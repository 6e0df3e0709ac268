"""The two engines give the same rows for the same micro-batches.

Belongs here: equality of tables and counts, whatever the records and the order of the
micro-batches. Does not belong here: Kafka (test_engine_spark_log.py), what is right (the laws
of the local engine in tests/unit). Each Spark publication costs a second or more, so examples
are few and chosen to differ; `make soak` runs the rest.
"""

from __future__ import annotations

import csv
import json
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from platform_assets.contracts.avro import value_schema_text
from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.engines.base import MicroBatch, OffsetRange
from platform_assets.engines.decode import decode
from platform_assets.engines.local.engine import LocalEngine, number
from platform_assets.engines.spark.engine import SparkEngine
from platform_assets.engines.spark.frames import SMALL
from platform_assets.local.java import spark_java_home
from tests import engine_rows as rows

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(
        spark_java_home() is None, reason="no JDK 17 or 21 for Spark; see weir doctor"
    ),
    pytest.mark.timeout(900),
]
RETAIL = REPOSITORY.parent / "shared" / "data" / "online_retail"


def _both(session: Any, log: rows.Log, order: list[Any], small: int = SMALL) -> None:
    """Publish on both engines; with ``small`` 0 Spark takes the way of large micro-batches."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        lookup = rows.Schemas(value_schema_text(log.contract))
        local = LocalEngine(Settings(lake_root=one), lookup)
        spark = SparkEngine(Settings(lake_root=two), lookup, session, small)
        for engine in (local, spark):
            engine.ensure_tables(log.contract)
        for batches in order:
            first, second = (rows.publish(engine, log, batches) for engine in (local, spark))
            assert first == second
        rows.same(rows.tables(two, log.contract), rows.tables(one, log.contract))
        spark.close()


@pytest.mark.parametrize("small", [0, SMALL])
def test_rows_of_a_bulk_file_are_taken_by_both(spark_session: Any, small: int) -> None:
    """They are given decoded, under a partition that the broker does not have."""
    values = [rows.HEADER + rows.encode(rows.CLICKS, rows.click(n % 5, n)) for n in range(9)]
    log = rows.cut(rows.CLICKS, {-1: [None, *values]}, [])
    batch = MicroBatch(1, (OffsetRange(-1, 1, 10),))
    raw = log.raw([batch])
    known = decode(
        rows.CLICKS, number([MicroBatch(0, batch.ranges)], raw), rows.schemas(rows.CLICKS)
    )
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        found = []
        for engine in (
            LocalEngine(Settings(lake_root=one), rows.schemas(rows.CLICKS)),
            SparkEngine(Settings(lake_root=two), rows.schemas(rows.CLICKS), spark_session, small),
        ):
            engine.ensure_tables(rows.CLICKS)
            taken = engine.given(rows.CLICKS, known, batch.ranges)
            bronze = engine.decode(rows.CLICKS, [batch], taken)
            engine.write_bronze(rows.CLICKS, [batch], bronze)
            published = engine.publish(rows.CLICKS, [batch], engine.check(rows.CLICKS, bronze))
            assert published.counts[1].published == 5
            found.append(published)
            engine.close()
        assert found[0] == found[1]
        rows.same(rows.tables(two, rows.CLICKS), rows.tables(one, rows.CLICKS))


def _any_order(session: Any, kind: str, data: st.DataObject) -> None:
    log = data.draw(rows.logs() if kind == "append" else rows.change_logs())
    order = [[batch] for batch in data.draw(st.permutations(log.batches))]
    _both(session, log, [*order, log.batches])


def _examples(number: int) -> settings:
    return settings(
        max_examples=number,
        derandomize=True,
        database=None,
        phases=[Phase.generate],  # to shrink a difference takes minutes; print it as it is
        suppress_health_check=list(HealthCheck),
    )


@given(data=st.data())
@_examples(1)
def test_a_log_in_any_order_gives_the_same_rows(spark_session: Any, data: st.DataObject) -> None:
    _any_order(spark_session, "append", data)


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["append", "change"])
@given(data=st.data())
@_examples(4)
def test_the_same_micro_batches_give_the_same_rows(
    spark_session: Any, kind: str, data: st.DataObject
) -> None:
    _any_order(spark_session, kind, data)


@pytest.mark.parametrize(
    "small", [pytest.param(SMALL, marks=pytest.mark.soak), 0], ids=["small", "large"]
)
def test_damaged_bytes_and_keys_that_come_again(spark_session: Any, small: int) -> None:
    good = [rows.HEADER + rows.encode(rows.CLICKS, rows.click(n)) for n in range(8)]
    late = rows.HEADER + rows.encode(rows.CLICKS, rows.click(20, minutes=-1500))
    free = rows.HEADER + rows.encode(rows.CLICKS, rows.click(21, event_type="view", price=2.0))
    damaged: list[bytes | None] = [
        None, b"", b"\x00", b"nonsense", good[0][:-1], good[0] + b"\x00", rows.HEADER,
        b"\x00\x00\x00\x00\x07" + good[0][5:], good[1][:9] + b"\xff\xff" + good[1][11:],
    ]  # fmt: skip
    values = {0: [*good[:5], *damaged, good[2], late], 1: [*good[3:], free, *damaged, good[0]]}
    log = rows.cut(rows.CLICKS, values, [6, 6])
    one, two, three = log.batches
    # The later batch first: it must then yield its keys; and the first once more.
    _both(spark_session, log, [[two], [one], [three], [one, two]], small)


# Large changes are a part of the soak; large appends stay, above.
@pytest.mark.parametrize(
    "small", [SMALL, pytest.param(0, marks=pytest.mark.soak)], ids=["small", "large"]
)
def test_changes_late_deleted_and_doubled(spark_session: Any, small: int) -> None:
    steps = [
        (0, 1, 0, "c", "A"), (1, 1, 9, "u", "B"), (2, 2, 1, "c", "A"), (3, 1, 5, "u", "C"),
        (1, 1, 9, "u", "B"), (4, 2, 3, "d", "A"), (5, 2, 8, "c", "D"), (2, 2, 1, "c", "A"),
    ]  # fmt: skip
    values: list[bytes | None] = [
        rows.HEADER + rows.encode(rows.CUSTOMERS, rows.change(n, user, minutes, op=op, name=name))
        for n, user, minutes, op, name in steps
    ]
    log = rows.cut(rows.CUSTOMERS, {0: values}, [2, 3])
    one, two, three = log.batches
    _both(spark_session, log, [[one], [three], [two], [one, two]], small)


def _invoices(path: Path) -> list[bytes]:
    """Lines of a day's file as records (a plain reading, for comparing engines only)."""
    values = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, line in enumerate(csv.DictReader(file), start=1):
            moment = datetime.fromisoformat(line["InvoiceDate"]).replace(tzinfo=UTC)
            customer = line["CustomerID"]
            after = {
                "invoice_no": line["InvoiceNo"], "line_no": number,
                "stock_code": line["StockCode"], "description": line["Description"] or None,
                "quantity": int(line["Quantity"]), "unit_price": float(line["UnitPrice"]),
                "customer_id": int(float(customer)) if customer else None,
                "country": line["Country"],
            }  # fmt: skip
            record = {
                "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(after))),
                "source": path.name, "entity": "invoice_lines", "op": "c",
                "occurred_at": moment, "ingested_at": moment, "before": None, "after": after,
            }  # fmt: skip
            values.append(rows.HEADER + rows.encode(rows.INVOICES, record))
    return values


@pytest.mark.soak
@pytest.mark.skipif(not RETAIL.is_dir(), reason=f"no {RETAIL}")
def test_real_invoices_row_for_row(spark_session: Any) -> None:
    days = [_invoices(path) for path in sorted(RETAIL.glob("*.csv"))[:2]]
    values: list[bytes | None] = [*days[0], *days[1], *days[0][:100]]
    log = rows.cut(rows.INVOICES, {0: values}, [len(days[0])])
    _both(spark_session, log, [[batch] for batch in log.batches], small=0)
