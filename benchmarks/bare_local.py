"""A bare loop of confluent-kafka, Polars and delta-rs: what Weir's local engine is held against.

Belongs here: the same work written by hand for one topic: the same bronze, silver and
quarantine tables, deduplication within and across batches, the same batch size and
compression. It has no ledger, no contract, no checks, no locks, no watermarks, no recovery.
Does not belong here: anything of Weir's but the tables' columns, so that both write the same.
"""

from __future__ import annotations

import io
import json
import time
from typing import Any
from urllib.request import urlopen

import polars as pl
import pyarrow as pa
from confluent_kafka import Consumer, Message, TopicPartition
from deltalake import DeltaTable, Schema, write_deltalake

from benchmarks import events
from benchmarks.clickstream import RULES
from benchmarks.process import cpu_seconds
from platform_assets.core.settings import Settings, get_settings
from platform_assets.engines import layout

_SYNC = b"bare-loop-sync-!"
_COLUMNS = ["event_id", "user_id", "product_id", "event_type", "price", "timestamp"]
_UTC = pl.Datetime("us", "UTC")


def ingest(entity: str, warm_entity: str, root: str) -> dict[str, Any]:
    """Land and publish a whole topic, after a small one has warmed the process."""
    settings = get_settings()
    _Loop(settings, warm_entity, f"{root}/warm").run()
    return _Loop(settings, entity, root).run()


class _Loop:
    def __init__(self, settings: Settings, entity: str, root: str) -> None:
        contract = events.contract_for(entity)
        self._topic = str(contract.topic)
        self._ends = events.ends(settings, entity)
        self._batch = settings.batch_max_records
        self._kafka = settings.kafka_bootstrap
        self._header = _container_header(settings, self._topic)
        self._tables: dict[str, tuple[DeltaTable, list[str]]] = {}
        shapes = {"bronze": layout.bronze(contract), "silver": layout.silver(contract),
                  "quarantine": layout.quarantine(contract)}  # fmt: skip
        for name, shape in shapes.items():
            delta = DeltaTable.create(
                f"{root}/{shape.table.path}",
                schema=Schema.from_arrow(shape.schema),
                partition_by=[str(shape.partition)],
                configuration=dict(shape.properties),
            )
            self._tables[name] = delta, shape.schema.names

    def run(self) -> dict[str, Any]:
        started, cpu = time.perf_counter(), cpu_seconds()
        totals = dict.fromkeys(("records", "published", "quarantined", "duplicates"), 0)
        left, batches = sum(self._ends.values()), 0
        consumer = self._consumer()
        while left:
            messages = _take(consumer, min(left, self._batch))
            left -= len(messages)
            batches += 1
            bronze = self._decode(batches, messages)
            self._append("bronze", bronze)
            good, rejected = _judge(bronze)
            silver = self._dedupe(good)
            self._append("silver", silver)
            if len(rejected):
                self._append("quarantine", rejected)
            totals["records"] += len(bronze)
            totals["published"] += len(silver)
            totals["quarantined"] += len(rejected)
            totals["duplicates"] += len(good) - len(silver)
        seconds, spent = time.perf_counter() - started, cpu_seconds() - cpu
        consumer.close()
        return {"seconds": seconds, "cpu_seconds": spent, "batches": batches, **totals}

    def _consumer(self) -> Consumer:
        consumer = Consumer(
            {
                "bootstrap.servers": self._kafka,
                "group.id": "bare-loop",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.max.bytes": 32 * 1024 * 1024,
                "max.partition.fetch.bytes": 8 * 1024 * 1024,
                "queued.min.messages": 100_000,
            }
        )
        consumer.assign([TopicPartition(self._topic, part, 0) for part in self._ends])
        return consumer

    def _decode(self, number: int, messages: list[Message]) -> pl.DataFrame:
        """Raw columns with the decoded ones beside them, one bulk decode a batch."""
        values = [message.value() or b"" for message in messages]
        bodies = b"".join([value[5:] for value in values])
        block = _zigzag(len(values)) + _zigzag(len(bodies))
        decoded = pl.read_avro(io.BytesIO(b"".join([self._header, block, bodies, _SYNC])))
        headers: list[Any] = [message.headers() for message in messages]
        listed = [h and [{"key": k, "value": v} for k, v in h] for h in headers]
        raw = pl.DataFrame(
            pa.table(
                [
                    pa.array([message.partition() for message in messages], pa.int32()),
                    pa.array([message.offset() for message in messages], pa.int64()),
                    pa.array([message.timestamp()[1] for message in messages],
                             pa.timestamp("ms", "UTC")).cast(layout.TIMESTAMP),
                    pa.array([message.key() for message in messages], pa.binary()),
                    pa.array(listed, layout.HEADERS) if any(headers)
                    else pa.nulls(len(messages), layout.HEADERS),
                    pa.array(values, pa.binary()),
                ],
                schema=layout.RAW,
            )
        )  # fmt: skip
        return (
            raw.hstack(decoded.drop("before").unnest("after").get_columns())
            .with_columns(
                pl.lit(number, dtype=pl.Int64).alias("_micro_batch"),
                pl.col("kafka_timestamp").dt.date().alias("ingest_date"),
                pl.col("kafka_value").bin.slice(1, 4)
                .bin.reinterpret(dtype=pl.Int32, endianness="big").alias("schema_id"),
                pl.col("occurred_at", "ingested_at").dt.replace_time_zone("UTC"),
                *(pl.lit(None, dtype=pl.String).alias(name)
                  for name in ("decode_error", "type_errors", "before")),
            )
            .select(self._tables["bronze"][1])
        )  # fmt: skip

    def _dedupe(self, good: pl.DataFrame) -> pl.DataFrame:
        """First in the log within the batch, and nothing that the touched dates hold."""
        by = ["event_id", "event_date"]
        first = good.sort("_kafka_partition", "_kafka_offset").unique(
            by, keep="first", maintain_order=True
        )
        delta = self._tables["silver"][0]
        if not delta.file_uris():
            return first
        dates = first["event_date"].unique()
        held = pl.scan_delta(delta).filter(pl.col("event_date").is_in(dates.implode())).select(by)
        return first.lazy().join(held, on=by, how="anti").collect()

    def _append(self, name: str, rows: pl.DataFrame) -> None:
        delta, columns = self._tables[name]
        write_deltalake(delta, rows.select(columns), mode="append")


def _take(consumer: Consumer, wanted: int) -> list[Message]:
    messages: list[Message] = []
    while len(messages) < wanted:
        polled = consumer.consume(min(10_000, wanted - len(messages)), timeout=0.1)
        messages += [message for message in polled if message.error() is None]
    return messages


def _judge(bronze: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Silver rows, and rejected rows with their rules; names are looked for in those alone."""
    rows = bronze.with_columns(
        pl.col("occurred_at").alias("timestamp"),
        (pl.col("kafka_timestamp") + pl.duration(hours=1)).alias("latest"),
    )
    broken = [pl.sql_expr(where).fill_null(value=False) for _, where, _ in RULES]
    rows = rows.with_columns(pl.any_horizontal(broken).alias("bad"))
    good = rows.filter(~pl.col("bad")).select(
        *_COLUMNS,
        pl.col("timestamp").dt.date().alias("event_date"),
        "_micro_batch",
        pl.col("kafka_partition").alias("_kafka_partition"),
        pl.col("kafka_offset").alias("_kafka_offset"),
        pl.col("kafka_timestamp").alias("_kafka_timestamp"),
    )
    cases = list(zip(broken, RULES, strict=True))
    rejected = rows.filter("bad").with_columns(
        pl.coalesce(pl.when(at).then(pl.lit(rule[0])) for at, rule in cases).alias("rule"),
        pl.concat_str(
            [pl.when(at).then(pl.lit(rule[0])) for at, rule in cases],
            separator=",", ignore_nulls=True,
        ).alias("rules"),
        pl.coalesce(pl.when(at).then(pl.lit(rule[2])) for at, rule in cases).alias("reason"),
    )  # fmt: skip
    return good, rejected


def _container_header(settings: Settings, topic: str) -> bytes:
    """An Avro container's header with the topic's schema."""
    address = f"{settings.registry_url}/subjects/{topic}-value/versions/latest"
    with urlopen(address, timeout=settings.request_timeout_seconds) as answer:
        text = json.load(answer)["schema"].encode()
    pairs = [(b"avro.schema", text), (b"avro.codec", b"null")]
    body = b"".join(
        _zigzag(len(name)) + name + _zigzag(len(value)) + value for name, value in pairs
    )
    return b"Obj\x01" + _zigzag(len(pairs)) + body + _zigzag(0) + _SYNC


def _zigzag(number: int) -> bytes:
    number <<= 1
    out = bytearray()
    while number > 0x7F:
        out.append((number & 0x7F) | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
