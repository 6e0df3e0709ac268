"""The Spark engine on real Kafka: exact ranges, its bounds, and the stream loop on it.

Belongs here: what only a real log shows. Does not belong here: equality for chosen frames
(test_engine_equality.py).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from platform_assets.core.settings import EngineName, Settings
from platform_assets.engines.base import MicroBatch, OffsetRange, RangeGoneError
from platform_assets.engines.spark.engine import SparkEngine
from platform_assets.engines.spark.frames import SMALL
from platform_assets.local.java import spark_java_home
from tests.integration.lake import START, Lake, open_lake

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(spark_java_home() is None, reason="no JDK 17 or 21; see weir doctor"),
    pytest.mark.timeout(900),
]


def _ends(lake: Lake) -> dict[int, int]:
    return {part: extent.high for part, extent in lake.broker.extents(lake.topic).items()}


@pytest.mark.parametrize(
    "small", [SMALL, pytest.param(0, marks=pytest.mark.soak)], ids=["small", "large"]
)
def test_exactly_these_offsets_within_the_bound(
    stack: Settings, spark_session: Any, small: int
) -> None:
    lake = open_lake(stack)
    lake.send_events(range(400))
    engine = SparkEngine(stack, session=spark_session, small=small)
    ranges = [OffsetRange(part, 3, end - 2) for part, end in _ends(lake).items()]
    wanted = [(item.partition, n) for item in ranges for n in range(item.start, item.end)]

    taken = engine.take(lake.contract, ranges, None)
    assert (taken.ranges, taken.records) == (tuple(ranges), len(wanted))
    bronze = engine.decode(lake.contract, [MicroBatch(7, taken.ranges)], taken)
    rows = pl.DataFrame(bronze.toArrow()).sort("kafka_partition", "kafka_offset")
    assert rows.select("kafka_partition", "kafka_offset").rows() == wanted
    size = rows["kafka_value"].bin.size().sum() + rows["kafka_key"].bin.size().sum()
    assert size == taken.bytes
    assert rows["decode_error"].null_count() == len(rows)
    assert set(rows["_micro_batch"]) == {7}

    part = engine.take(lake.contract, ranges, taken.bytes // 4)
    assert 0 < part.records == sum(item.offsets for item in part.ranges) < taken.records // 2
    assert {(item.partition, item.start) for item in part.ranges} <= {
        (item.partition, item.start) for item in ranges
    }
    one = engine.take(lake.contract, ranges, 1)
    assert 1 <= one.records == sum(item.offsets for item in one.ranges) <= len(ranges)
    engine.close()


def test_a_range_that_retention_took_is_said_to_be_gone(
    stack: Settings, spark_session: Any
) -> None:
    lake = open_lake(stack)
    lake.send_events(range(100))
    part, end = max(_ends(lake).items(), key=lambda item: item[1])
    admin = AdminClient({"bootstrap.servers": stack.kafka_bootstrap})
    for future in admin.delete_records([TopicPartition(str(lake.topic), part, 5)]).values():
        future.result(timeout=30)
    engine = SparkEngine(stack, session=spark_session)
    with pytest.raises(RangeGoneError, match="offset 4 is gone"):
        engine.take(lake.contract, [OffsetRange(part, 4, end)], None)
    assert engine.take(lake.contract, [OffsetRange(part, 5, end)], None).records == end - 5
    engine.close()


def test_the_stream_on_spark_gives_the_tables_of_the_local_engine(
    stack: Settings, spark_session: Any
) -> None:
    spark, local = open_lake(stack), open_lake(stack)
    for lake in (spark, local):
        good = [
            (f"e{n}", lake.value(f"e{n}", START + timedelta(hours=n % 40), user_id=n % 50 + 1))
            for n in range(300)
        ]
        rest = [
            ("b1", lake.value("b1", START, user_id=None)),
            ("b2", lake.value("b2", START, price=-1.0)),
            ("p1", good[0][1] + b"x"),
            ("p2", b"nonsense"),
        ]
        lake.send([*good[:200], *rest, *good[150:]])
    spark.run(engine=EngineName.SPARK, batch_max_records=200)
    local.run(batch_max_records=200)
    assert spark.published() == local.published()
    spark.assert_balanced()
    for name in ("bronze", "quarantine"):
        one, two = (lake.rows(getattr(lake.topic, name)) for lake in (spark, local))
        moving = {"kafka_timestamp", "ingest_date", "kafka_value", "schema_id", "decode_error",
                  "entity"}  # fmt: skip
        place = ["kafka_partition", "kafka_offset"]
        # When a record came, and under which name and schema id, differs between two topics.
        same = [column for column in one.columns if column not in moving]
        assert one.sort(place).select(same).equals(two.sort(place).select(same))
