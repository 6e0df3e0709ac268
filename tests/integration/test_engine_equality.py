"""The two engines give the same rows for the same micro-batches."""

from __future__ import annotations

import csv
import json
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_assets.contracts.avro import value_schema_text
from platform_assets.engines.local import LocalEngine
from platform_assets.engines.spark import SparkEngine
from platform_assets.engines.spark_session import open_session, release
from platform_assets.local.java import spark_java_home
from platform_assets.settings import REPOSITORY, Settings
from tests import engine_rows as rows

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(spark_java_home() is None, reason="no JDK 17 or 21 for Spark"),
    pytest.mark.timeout(1800),
]
RETAIL = REPOSITORY.parent / "shared" / "data" / "online_retail"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    spark, own = open_session(Settings(home=tmp_path_factory.mktemp("spark")))
    yield spark
    if own:
        release(spark)


def _both(session: Any, log: rows.Log, order: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        lookup = rows.Schemas(value_schema_text(log.contract))
        local = LocalEngine(Settings(lake_root=one), lookup)
        spark = SparkEngine(Settings(lake_root=two), lookup, session)
        for engine in (local, spark):
            engine.ensure_tables(log.contract)
        for batches in order:
            first, second = (rows.publish(engine, log, batches) for engine in (local, spark))
            assert first == second
        rows.same(rows.tables(two, log.contract), rows.tables(one, log.contract))
        spark.close()


@pytest.mark.parametrize("kind", ["append", "change"])
@given(data=st.data())
@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_same_micro_batches_give_the_same_rows(
    session: Any, kind: str, data: st.DataObject
) -> None:
    log = data.draw(rows.logs() if kind == "append" else rows.change_logs())
    order = [[batch] for batch in data.draw(st.permutations(log.batches))]
    _both(session, log, [*order, log.batches])


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


@pytest.mark.skipif(not RETAIL.is_dir(), reason=f"no {RETAIL}")
def test_real_invoices_row_for_row(session: Any) -> None:
    days = [_invoices(path) for path in sorted(RETAIL.glob("*.csv"))[:2]]
    values: list[bytes | None] = [*days[0], *days[1], *days[0][:100]]
    log = rows.cut(rows.INVOICES, {0: values}, [len(days[0]), len(days[1])])
    _both(session, log, [[batch] for batch in log.batches])
