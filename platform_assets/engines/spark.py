"""The Spark engine: PySpark and delta-spark, in process, on a master, or through Connect.

Belongs here: the engine protocol over PySpark DataFrames. Does not belong here: rules
(:mod:`platform_assets.silver.transform`, the same as for the local engine), decoding (the
same :mod:`platform_assets.engines.decode`, run by the workers on Arrow batches), sessions
(:mod:`platform_assets.engines.spark_session`). Next room: engines/spark_changes.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import narwhals as nw
import polars as pl
import pyarrow as pa

from platform_assets.contracts.model import Contract, TopicKind
from platform_assets.engines import layout
from platform_assets.engines.base import Checked, MicroBatch, OffsetRange, Published, Taken
from platform_assets.engines.counting import Tally
from platform_assets.engines.decode import decode
from platform_assets.engines.log import TopicLog
from platform_assets.engines.registry import Lookup, Registry
from platform_assets.engines.spark_changes import publish_changes
from platform_assets.engines.spark_session import open_session, release
from platform_assets.engines.spark_tables import SparkTable, columns
from platform_assets.naming import TableName
from platform_assets.settings import Settings
from platform_assets.silver import transform

_PLACE = ("_micro_batch", "kafka_partition", "kafka_offset")


class SparkEngine:
    """Reads by offsets, decodes on the workers, writes Delta; see ``base.py``."""

    name = "spark"

    def __init__(
        self, settings: Settings, lookup: Lookup | None = None, session: Any = None
    ) -> None:
        self._settings = settings
        self._root = settings.lake_root.rstrip("/")
        self._lookup = lookup or Registry(settings.registry_url, settings.request_timeout_seconds)
        self._given = session
        self._own = False
        self._logs: dict[str, TopicLog] = {}
        self._tables: dict[TableName, SparkTable] = {}
        self._kept: list[Any] = []

    @property
    def session(self) -> Any:
        """The session, opened at first use."""
        if self._given is None:
            self._given, self._own = open_session(self._settings)
        return self._given

    def ensure_tables(self, contract: Contract) -> None:
        """Create the contract's tables, empty, where they are not there; add new columns."""
        for shape in layout.layouts(contract):
            self._table(shape)

    def take(
        self, contract: Contract, ranges: Sequence[OffsetRange], max_bytes: int | None
    ) -> Taken:
        """See :meth:`Engine.take`."""
        wanted = [item for item in ranges if item.records > 0]
        self._forget()
        if not wanted:
            return Taken(self.frame(layout.RAW.empty_table()), (), 0, 0)
        topic = str(contract.topic)
        if topic not in self._logs:
            self._logs[topic] = TopicLog(
                self._settings.kafka_bootstrap, topic, self._settings.request_timeout_seconds
            )
        self._logs[topic].check(wanted)
        records = self._keep(self._read_log(topic, wanted))
        sums = {
            row["kafka_partition"]: (row["rows"], row["size"])
            for row in records.groupBy("kafka_partition")
            .agg({"kafka_offset": "count", "kafka_value": "count"})
            .toDF("kafka_partition", "rows", "values")
            .join(
                records.selectExpr("kafka_partition", "length(kafka_value) AS size")
                .groupBy("kafka_partition").sum("size").toDF("kafka_partition", "size"),
                "kafka_partition",
            )
            .collect()
        }  # fmt: skip
        size = sum(value or 0 for _, value in sums.values())
        if max_bytes is None or size <= max_bytes:
            return Taken(records, tuple(wanted), sum(rows for rows, _ in sums.values()), size)
        return _bounded(records, wanted, max_bytes)

    def decode(self, contract: Contract, batches: Sequence[MicroBatch], taken: Taken) -> Any:
        """See :meth:`Engine.decode`."""
        return self._keep(self._decoded(contract, self._number(batches, taken.frame)))

    def write_bronze(self, contract: Contract, batches: Sequence[MicroBatch], frame: Any) -> int:
        """See :meth:`Engine.write_bronze`."""
        table = self._table(layout.bronze(contract))
        table.replace([batch.id for batch in batches], frame)
        return int(frame.count())

    def read_bronze(self, contract: Contract, batches: Sequence[MicroBatch]) -> Any:
        """See :meth:`Engine.read_bronze`."""
        self._forget()
        table = self._table(layout.bronze(contract))
        raw = table.rows_of([batch.id for batch in batches])
        return self._keep(self._decoded(contract, raw.select(*layout.RAW.names, "_micro_batch")))

    def check(self, contract: Contract, bronze: Any) -> Checked:
        """See :meth:`Engine.check`."""
        judged = self._keep(nw.to_native(transform.judge(contract, nw.from_native(bronze))))
        summary = judged.selectExpr(
            "count(*) AS records",
            f"count({transform.RULE}) AS rejected",
            "count(decode_error) AS dead",
        ).collect()[0]
        return Checked(judged, summary["records"], summary["rejected"], summary["dead"])

    def publish(
        self, contract: Contract, batches: Sequence[MicroBatch], checked: Checked
    ) -> Published:
        """See :meth:`Engine.publish`."""
        ids = [batch.id for batch in batches]
        judged = checked.frame
        changing = contract.kind is TopicKind.CHANGE
        shape = transform.change_events if changing else transform.silver_rows
        narrow = _polars(
            judged.select(*_PLACE, contract.event_time, transform.RULE, "decode_error")
        ).rename({"kafka_partition": "_kafka_partition", "kafka_offset": "_kafka_offset"})
        fine = narrow.filter(pl.col(transform.RULE).is_null() & pl.col("decode_error").is_null())
        tally = Tally(contract, batches, narrow, fine)
        good = shape(contract, transform.accepted(nw.from_native(judged)))
        rows = nw.to_native(transform.first_in_log(contract, good))
        silver = self._table(layout.silver(contract))
        if changing:
            history = self._table(layout.history(contract))
            published = publish_changes(
                contract, ids, rows, tally, history, silver, self._waiting(contract, ids),
                self._keep,
            )  # fmt: skip
        else:
            published = self._publish_facts(contract, ids, rows, tally, silver)
        quarantine = self._table(layout.quarantine(contract))
        if checked.quarantined or quarantine.holds(ids):
            rejected = transform.quarantine_rows(contract, nw.from_native(judged))
            quarantine.replace(ids, nw.to_native(rejected))
        self._forget()
        return published

    def _publish_facts(
        self, contract: Contract, ids: list[int], rows: Any, tally: Tally, silver: SparkTable
    ) -> Published:
        """Publish an append topic: the first record in the log of each key and date stays."""
        by = list(transform.dedupe_by(contract))
        rows = self._keep(rows)
        dates = [row[0] for row in rows.select("event_date").distinct().collect()]
        there = silver.read()
        held = (
            there.where(there.event_date.isin(dates))
            .where(f"NOT ({layout.span(ids)})")
            .select(*by, there["_micro_batch"].alias("_held"))
        )
        resolved = self._keep(rows.join(held, on=by, how="left"))
        new = resolved.where("_held IS NULL OR _held > _micro_batch")
        place = ["_micro_batch", "_kafka_partition", "_kafka_offset", "event_date"]
        published = tally.published(_polars(new.select(*place)))
        old = self._keep(silver.rows_of(ids).select(*by, "_micro_batch"))
        before = _polars(old.select("_micro_batch", "event_date").distinct())
        others = [
            row[0] for row in resolved.where("_held > _micro_batch").select("_held").distinct()
            .collect()
        ]  # fmt: skip
        freed: set[int] = set()
        if len(before):
            published.dates |= set(before["event_date"].to_list())
            lost = old.join(new.select(*by), on=by, how="left_anti")
            freed = self._waiting(contract, ids)(lost)
        if others:
            later = resolved.where("_held > _micro_batch").selectExpr(
                *(f"`{name}`" for name in by), "_held AS _micro_batch"
            )
            kept = silver.rows_of(others)
            on = [*by, "_micro_batch"]
            tally.displace(
                published,
                _polars(kept.join(later, on=on, how="left_semi")
                        .select("_micro_batch", "event_date")),
            )  # fmt: skip
            kept = kept.join(later, on=on, how="left_anti")
            everything = new.drop("_held").unionByName(kept, allowMissingColumns=True)
            silver.replace([*ids, *others], everything)
        elif len(new.take(1)) or len(before):
            silver.replace(ids, new.drop("_held"))
        published.redo |= freed
        return published

    def _waiting(self, contract: Contract, ids: Sequence[int]) -> Callable[[Any], set[int]]:
        """Later micro-batches with a record of a key that nobody holds any more."""

        def find(freed: Any) -> set[int]:
            first = freed.agg({"_micro_batch": "min"}).collect()[0][0]
            if first is None:
                return set()
            by = list(transform.identity(contract))
            source = {column.name: column.source for column in contract.columns}
            bronze = self._table(layout.bronze(contract)).read()
            names = {n: n if source.get(n, "payload") == "payload" else source[n] for n in by}
            later = bronze.where(f"_micro_batch > {int(first)}").selectExpr(
                "_micro_batch", *(f"`{column}` AS `{name}`" for name, column in names.items())
            )
            found = later.join(freed.select(*by), on=by, how="left_semi")
            rows = found.select("_micro_batch").distinct().collect()
            return {row[0] for row in rows} - set(ids)

        return find

    def close(self) -> None:
        """See :meth:`Engine.close`."""
        self._forget()
        for log in self._logs.values():
            log.close()
        self._logs, self._tables = {}, {}
        if self._own and self._given is not None:
            release(self._given)
            self._given = None

    def _table(self, shape: layout.Layout) -> SparkTable:
        known = self._tables.get(shape.table)
        if known is None or known.layout != shape:
            known = SparkTable(self.session, self._root, shape)
            self._tables[shape.table] = known
        return known

    def _read_log(self, topic: str, ranges: Sequence[OffsetRange]) -> Any:
        """A batch read of Kafka from exact offsets to exact offsets."""
        reader = self.session.read.format("kafka").options(
            **{
                "kafka.bootstrap.servers": self._settings.kafka_bootstrap,
                "assign": json.dumps({topic: [item.partition for item in ranges]}),
                "startingOffsets": json.dumps({topic: {i.partition: i.start for i in ranges}}),
                "endingOffsets": json.dumps({topic: {i.partition: i.end for i in ranges}}),
                "includeHeaders": "true",
                "failOnDataLoss": "true",
                "kafka.isolation.level": "read_committed",
                "kafkaConsumer.pollTimeoutMs": int(self._settings.request_timeout_seconds * 1000),
            }
        )
        return reader.load().selectExpr(
            "partition AS kafka_partition",
            "offset AS kafka_offset",
            "timestamp AS kafka_timestamp",
            "key AS kafka_key",
            "IF(size(headers) > 0, headers, NULL) AS kafka_headers",
            "value AS kafka_value",
        )

    def _number(self, batches: Sequence[MicroBatch], raw: Any) -> Any:
        """Give each raw record the id of the micro-batch whose range holds it."""
        from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

        if len(batches) == 1:
            return raw.withColumn("_micro_batch", F.lit(batches[0].id).cast("bigint"))
        spans = [
            (item.partition, item.start, item.end, batch.id)
            for batch in batches
            for item in batch.ranges
        ]
        ranges = self.session.createDataFrame(
            spans, "_of int, _start bigint, _end bigint, _micro_batch bigint"
        )
        inside = (
            (raw.kafka_partition == ranges._of)
            & (raw.kafka_offset >= ranges._start)
            & (raw.kafka_offset < ranges._end)
        )
        return raw.join(F.broadcast(ranges), inside, "inner").drop("_of", "_start", "_end")

    def _decoded(self, contract: Contract, raw: Any) -> Any:
        """Run the decoder of the local engine on the workers' Arrow batches."""
        schema = layout.bronze_schema(contract)
        work = _decoder(contract, self._lookup)
        ordered = raw.select(*layout.RAW.names, "_micro_batch")
        return ordered.mapInArrow(work, columns(schema))

    def frame(self, table: pa.Table) -> Any:
        """An Arrow table as a frame of this engine."""
        return self.session.createDataFrame(table, columns(table.schema))

    def _keep(self, frame: Any) -> Any:
        """Keep a frame that several jobs read, until the next micro-batch."""
        kept = frame.persist()
        self._kept.append(kept)
        return kept

    def _forget(self) -> None:
        for frame in self._kept:
            frame.unpersist()
        self._kept = []


def _decoder(
    contract: Contract, lookup: Lookup
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    schema = layout.bronze_schema(contract)

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            raw = pl.DataFrame(pa.Table.from_batches([batch]))
            yield from decode(contract, raw, lookup).to_arrow().cast(schema).to_batches()

    return work


def _polars(frame: Any) -> pl.DataFrame:
    return pl.DataFrame(frame.toArrow())


def _bounded(records: Any, ranges: Sequence[OffsetRange], max_bytes: int) -> Taken:
    """Cut each partition where its share of the bytes ends, but take a record at least."""
    share = max_bytes // len(ranges)
    in_order = "PARTITION BY kafka_partition ORDER BY kafka_offset"
    running = records.selectExpr(
        "kafka_partition",
        "kafka_offset",
        "length(kafka_value) AS size",
        f"sum(length(kafka_value)) OVER ({in_order}) AS upto",
        f"row_number() OVER ({in_order}) AS place",
    ).where(f"upto <= {share} OR place = 1")
    cuts = {
        row[0]: (row[1], row[2], row[3])
        for row in running.groupBy("kafka_partition")
        .agg({"kafka_offset": "max", "place": "max", "size": "sum"})
        .select("kafka_partition", "max(kafka_offset)", "max(place)", "sum(size)")
        .collect()
    }
    covered = tuple(
        OffsetRange(item.partition, item.start, cuts[item.partition][0] + 1)
        for item in ranges
        if item.partition in cuts
    )
    kept = " OR ".join(f"(kafka_partition = {i.partition} AND kafka_offset < {i.end})"
                       for i in covered)  # fmt: skip
    rows = sum(count for _, count, _ in cuts.values())
    size = sum(value or 0 for _, _, value in cuts.values())
    return Taken(records.where(kept), covered, rows, size)
