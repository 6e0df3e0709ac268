"""The Spark engine through a Spark Connect server of its own process.

Belongs here: that what the engine says is understood there. Does not belong here: all that the
engines must agree on (test_engine_equality.py).
"""

from __future__ import annotations

import tempfile
from contextlib import closing

import pytest
from pyspark import cloudpickle

from platform_assets.contracts.avro import value_schema_text
from platform_assets.core.settings import Settings
from platform_assets.engines.local.engine import LocalEngine
from platform_assets.engines.spark.engine import SparkEngine
from platform_assets.engines.spark.frames import SMALL
from platform_assets.local import supervise
from platform_assets.local.java import spark_java_home
from tests import engine_rows as rows

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(
        spark_java_home() is None, reason="no JDK 17 or 21 for Spark; see weir doctor"
    ),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def remote(stack: Settings) -> str:
    supervise.start(stack, ["spark"])
    # The server's workers know the project's package, not its tests.
    cloudpickle.register_pickle_by_value(rows)
    return f"sc://127.0.0.1:{stack.port_base + 7}"


def _clicks() -> rows.Log:
    values = [rows.HEADER + rows.encode(rows.CLICKS, rows.click(n)) for n in range(8)]
    free = rows.HEADER + rows.encode(rows.CLICKS, rows.click(21, event_type="view", price=2.0))
    return rows.cut(rows.CLICKS, {0: [*values, b"nonsense", free, values[2]]}, [5])


def _changes() -> rows.Log:
    steps = [(0, 1, 0, "c"), (1, 1, 9, "u"), (2, 2, 1, "c"), (3, 1, 5, "u"), (4, 2, 3, "d")]
    values: list[bytes | None] = [
        rows.HEADER + rows.encode(rows.CUSTOMERS, rows.change(n, user, minutes, op=op))
        for n, user, minutes, op in steps
    ]
    return rows.cut(rows.CUSTOMERS, {0: values}, [3])


@pytest.mark.parametrize(
    ("make", "small"),
    [
        pytest.param(_clicks, SMALL, id="append-small", marks=pytest.mark.soak),
        pytest.param(_changes, SMALL, id="change-small"),
        pytest.param(_changes, 0, id="change-large", marks=pytest.mark.soak),
        pytest.param(_clicks, 0, id="append-large", marks=pytest.mark.soak),
    ],
)
def test_connect_gives_the_same_rows(remote: str, make, small: int) -> None:
    log = make()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        lookup = rows.Schemas(value_schema_text(log.contract))
        local = LocalEngine(Settings(lake_root=one), lookup)
        settings = Settings(lake_root=two, spark_remote=remote)
        with closing(SparkEngine(settings, lookup, small=small)) as spark:
            for engine in (local, spark):
                engine.ensure_tables(log.contract)
            for batches in [[log.batches[1]], [log.batches[0]], log.batches]:
                first, second = (rows.publish(engine, log, batches) for engine in (local, spark))
                assert first == second
            rows.same(rows.tables(two, log.contract), rows.tables(one, log.contract))
