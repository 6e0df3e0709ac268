"""A processor as a job of Spark's structured streaming.

Spark keeps its place in a checkpoint and writes to Kafka at least once: after a failure some
results come again, under the same event ids, and silver and the hot path keep the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from platform_assets.processors.scaled.program import LogRecord, Program

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = (
    "topic string, key binary, value binary, headers array<struct<key: string, value: binary>>"
)


def start(session: Any, program: Program, checkpoint: str, *, until_end: bool = False) -> Any:
    """Start the job; the query goes on until it is stopped.

    Args:
        session: of Spark, with its Kafka package; the workers need this project's environment.
        program: what each worker calls on its share of the partitions.
        checkpoint: folder, or address of an object store, in which Spark keeps its place.
        until_end: end when all that was there at the start is processed.

    Returns:
        Spark's ``StreamingQuery``.
    """
    settings = program.settings
    records = (
        session.readStream.format("kafka")
        .options(
            **{
                "kafka.bootstrap.servers": settings.kafka_bootstrap,
                "subscribe": ",".join(program.topics),
                "startingOffsets": "earliest",
                "failOnDataLoss": "true",
                "kafka.isolation.level": "read_committed",
                "kafkaConsumer.pollTimeoutMs": int(settings.request_timeout_seconds * 1000),
            }
        )
        .load()
        .select("topic", "partition", "offset", "timestamp", "key", "value")
    )
    writer = (
        records.mapInArrow(_each(program), _COLUMNS)
        .writeStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka_bootstrap)
        .option("kafka.acks", "all")
        .option("kafka.compression.type", "lz4")
        .option("checkpointLocation", checkpoint)
    )
    return (writer.trigger(availableNow=True) if until_end else writer).start()


def _each(program: Program) -> Any:
    """What a worker calls on the batches of its share."""

    def made(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield _results(program, batch)

    return made


def _results(program: Program, batch: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow as pa

    columns = [batch.column(name) for name in ("topic", "partition", "offset", "key", "value")]
    times = batch.column("timestamp").cast(pa.int64())
    taken = [
        LogRecord(topic, part, at, micros // 1000, key, value)
        for topic, part, at, key, value, micros in zip(
            *(one.to_pylist() for one in columns), times.to_pylist(), strict=True
        )
    ]
    made = program(taken)
    pair = pa.struct([("key", pa.string()), ("value", pa.binary())])
    headers = [
        [{"key": name, "value": value} for name, value in one.headers or ()] or None for one in made
    ]
    return pa.record_batch(
        {
            "topic": pa.array([one.topic for one in made], pa.string()),
            "key": pa.array([one.key for one in made], pa.binary()),
            "value": pa.array([one.value for one in made], pa.binary()),
            "headers": pa.array(headers, pa.list_(pair)),
        }
    )
