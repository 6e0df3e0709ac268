"""The Spark engine: PySpark and delta-spark, in process, on a master, or through Connect.

A micro-batch of few records is fixed on the driver (:mod:`.spark_frames`), where it is also
decoded: then a publication is a Spark job for each table read or written and hardly any other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import narwhals as nw
import polars as pl
import pyarrow as pa

from platform_assets.contracts.model import Contract, TopicKind
from platform_assets.core.naming import TableName
from platform_assets.core.settings import Settings
from platform_assets.engines import layout
from platform_assets.engines.base import Checked, MicroBatch, OffsetRange, Published, Taken
from platform_assets.engines.counting import Tally
from platform_assets.engines.decode import decode
from platform_assets.engines.local.engine import number
from platform_assets.engines.log import TopicLog
from platform_assets.engines.registry import Lookup, Recorded, WriterSchemas
from platform_assets.engines.spark.changes import publish_changes
from platform_assets.engines.spark.facts import publish_facts
from platform_assets.engines.spark.frames import SMALL, Frames
from platform_assets.engines.spark.session import open_session, release
from platform_assets.engines.spark.tables import SparkTable, columns
from platform_assets.transform import rows as transform


class SparkEngine:
    """Reads by offsets, decodes on the workers, writes Delta; see ``base.py``."""

    name = "spark"

    def __init__(
        self,
        settings: Settings,
        lookup: Lookup | None = None,
        session: Any = None,
        small: int = SMALL,
    ) -> None:
        self._settings = settings
        self._root = settings.lake_root.rstrip("/")
        self._lookup = lookup or WriterSchemas(settings)
        self._given = session
        self._own = False
        self._logs: dict[str, TopicLog] = {}
        self._tables: dict[TableName, SparkTable] = {}
        self._frames = Frames(lambda: self.session, small)
        self._judged: tuple[Any, pl.DataFrame] | None = None

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
        self,
        contract: Contract,
        ranges: Sequence[OffsetRange],
        max_bytes: int | None,
        schemas: Mapping[int, str] | None = None,
    ) -> Taken:
        """See :meth:`Engine.take`.

        Records of a large batch stream through the executors, which spill to disk, so the
        planned records bound the memory here. ``max_bytes`` is kept by the mean size of a
        record: where the ranges hold more, every range is cut in proportion (to a record at
        least), so a batch of very uneven records can pass it. A small batch lies in this
        process and is cut where the bytes end.
        """
        wanted = [item for item in ranges if item.offsets > 0]
        self._frames.forget()
        if not wanted:
            return Taken(self.frame(layout.RAW.empty_table()), (), 0, 0)
        topic = str(contract.topic)
        if topic not in self._logs:
            self._logs[topic] = TopicLog(
                self._settings.kafka_bootstrap, topic, self._settings.request_timeout_seconds
            )
        self._logs[topic].check(wanted)
        records = self._read_log(topic, wanted)
        if self._frames.is_small(sum(item.offsets for item in wanted)):
            return self._taken_here(records, wanted, max_bytes)
        # Decoded on the way: the log is then read, decoded and counted in one pass.
        from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

        unnumbered = records.withColumn("_micro_batch", F.lit(0).cast("bigint"))
        decoded = self._frames.persist(self._decoded(contract, unnumbered, schemas or {}))
        rows, size = _measure(decoded)
        if max_bytes is None or size <= max_bytes:
            return Taken(decoded, tuple(wanted), rows, size)
        covered = shorten(wanted, max_bytes / size)
        kept = " OR ".join(f"(kafka_partition = {i.partition} AND kafka_offset < {i.end})"
                           for i in covered)  # fmt: skip
        fewer = decoded.where(kept)
        return Taken(fewer, covered, *_measure(fewer))

    def _taken_here(
        self, records: Any, ranges: Sequence[OffsetRange], max_bytes: int | None
    ) -> Taken:
        """A small batch, brought to the driver."""
        table = pl.DataFrame(records.toArrow()).sort("kafka_partition", "kafka_offset")
        covered = tuple(ranges)
        sizes = table.select(
            pl.sum_horizontal(
                pl.col("kafka_value").bin.size(),
                pl.col("kafka_key").bin.size(),
                pl.col("kafka_headers").list.eval(_header_bytes()).list.sum(),
            )
        ).to_series()
        if max_bytes is not None and sizes.sum() > max_bytes:
            # A record more than fits, as the log gives no answer to "how large" beforehand.
            table = table.head(1 + int((sizes.cum_sum() <= max_bytes).sum()))
            ends = dict(table.group_by("kafka_partition").agg(pl.col("kafka_offset").max()).rows())
            covered = tuple(
                OffsetRange(item.partition, item.start, ends[item.partition] + 1)
                for item in ranges
                if item.partition in ends
            )
            sizes = sizes.head(len(table))
        frame = self.frame(table.to_arrow().cast(layout.RAW))
        return Taken(frame, covered, len(table), int(sizes.sum()))

    def given(self, contract: Contract, rows: pl.DataFrame, ranges: Sequence[OffsetRange]) -> Taken:
        """See :meth:`Engine.given`."""
        self._frames.forget()
        decoded = "decode_error" in rows.columns
        schema = layout.bronze_schema(contract) if decoded else layout.RAW
        table = rows.to_arrow().cast(schema)
        return Taken(self.frame(table), tuple(ranges), len(rows), table.nbytes)

    def decode(self, contract: Contract, batches: Sequence[MicroBatch], taken: Taken) -> Any:
        """See :meth:`Engine.decode`."""
        table = self._frames.table(taken.frame)
        if table is not None and self._frames.is_small(len(table)):
            here = number(batches, pl.DataFrame(table))
            if "decode_error" in here.columns:
                return self.frame(here.to_arrow().cast(table.schema))
            return self._decoded_here(contract, here, batches[0].schemas)
        numbered = self._number(batches, taken.frame)
        if "decode_error" in taken.frame.columns:
            return numbered
        return self._frames.persist(self._decoded(contract, numbered, batches[0].schemas))

    def schema_of(self, schema_id: int) -> str | None:
        """See :meth:`Engine.schema_of`."""
        writer = self._lookup(schema_id)
        return None if writer is None else writer.text

    def write_bronze(self, contract: Contract, batches: Sequence[MicroBatch], frame: Any) -> int:
        """See :meth:`Engine.write_bronze`."""
        held = self._frames.table(frame)
        ids = [batch.id for batch in batches]
        self._table(layout.bronze(contract)).replace(ids, frame, small=held is not None)
        return int(frame.count()) if held is None else len(held)

    def read_bronze(self, contract: Contract, batches: Sequence[MicroBatch]) -> Any:
        """See :meth:`Engine.read_bronze`."""
        self._frames.forget()
        table = self._table(layout.bronze(contract))
        raw = table.rows_of([batch.id for batch in batches])
        raw = raw.select(*layout.RAW.names, "_micro_batch")
        planned = sum(item.offsets for batch in batches for item in batch.ranges)
        if self._frames.is_small(planned):
            here = pl.DataFrame(raw.toArrow()).sort(list(transform.LOG_ORDER))
            return self._decoded_here(contract, here, batches[0].schemas)
        return self._frames.persist(self._decoded(contract, raw, batches[0].schemas))

    def rows(self, contract: Contract, table: TableName, ids: Iterable[int]) -> dict[int, int]:
        """See :meth:`Engine.rows`."""
        return self._table(layout.of(contract, table)).counts(list(ids))

    def check(self, contract: Contract, bronze: Any) -> Checked:
        """See :meth:`Engine.check`."""
        judged = nw.to_native(transform.judge(contract, nw.from_native(bronze)))
        held = self._frames.table(bronze)
        if held is not None:
            judged = self._frames.fix(judged, len(held))
        verdicts = self._verdicts(contract, judged)
        rejected, dead = (
            len(verdicts) - verdicts[name].null_count() for name in (transform.RULE, "decode_error")
        )
        batches = dict(verdicts["_micro_batch"].value_counts().iter_rows())
        return Checked(judged, batches, len(verdicts), rejected, dead)

    def _verdicts(self, contract: Contract, judged: Any) -> pl.DataFrame:
        """Here, and once for a frame: each row's place, event time and what the rules said."""
        if self._judged is None or self._judged[0] is not judged:
            names = [*transform.LOG_ORDER, contract.event_time, *transform.dedupe_by(contract),
                     transform.EVENT_DATE, transform.RULE, "decode_error"]  # fmt: skip
            names = list(dict.fromkeys(names))
            self._judged = judged, self._frames.polars(judged, names)
        return self._judged[1]

    def publish(
        self,
        contract: Contract,
        batches: Sequence[MicroBatch],
        checked: Checked,
        intend: Callable[[Published], None] = lambda _: None,
    ) -> Published:
        """See :meth:`Engine.publish`."""
        ids = [batch.id for batch in batches]
        judged = checked.frame
        small = self._frames.is_small(checked.records)
        names = dict(zip(transform.LOG_ORDER, transform.ORDER, strict=True))
        narrow = self._verdicts(contract, judged).rename(names)
        fine = narrow.filter(pl.col(transform.RULE).is_null() & pl.col("decode_error").is_null())
        tally = Tally(contract, batches, narrow, fine)
        accepted = transform.accepted(nw.from_native(judged))
        silver = self._table(layout.silver(contract))
        if contract.kind is TopicKind.CHANGE:
            events = nw.to_native(
                transform.first_in_log(contract, transform.change_events(contract, accepted))
            )
            published = publish_changes(
                contract, ids, events, len(fine), tally, self._table(layout.history(contract)),
                silver, self._waiting(contract, ids), self._frames, intend,
            )  # fmt: skip
        else:
            published = publish_facts(
                contract, ids, nw.to_native(transform.silver_rows(contract, accepted)), fine,
                tally, silver, self._waiting(contract, ids), self._frames, intend,
            )  # fmt: skip
        quarantine = self._table(layout.quarantine(contract))
        if checked.quarantined or quarantine.holds(ids):
            rejected = transform.quarantine_rows(contract, nw.from_native(judged))
            quarantine.replace(ids, nw.to_native(rejected), small=small)
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
        self._frames.forget()
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

    def _decoded(self, contract: Contract, raw: Any, schemas: Mapping[int, str]) -> Any:
        """Run the decoder of the local engine on the workers' Arrow batches."""
        schema = layout.bronze_schema(contract)
        work = _decoder(contract, Recorded(schemas, self._lookup))
        ordered = raw.select(*layout.RAW.names, "_micro_batch")
        return ordered.mapInArrow(work, columns(schema))

    def _decoded_here(
        self, contract: Contract, raw: pl.DataFrame, schemas: Mapping[int, str]
    ) -> Any:
        """Decode a small batch in this process."""
        schema = layout.bronze_schema(contract)
        lookup = Recorded(schemas, self._lookup)
        return self.frame(decode(contract, raw, lookup).to_arrow().cast(schema))

    def frame(self, table: pa.Table) -> Any:
        """An Arrow table as a frame of this engine."""
        return self._frames.local(table)


def _decoder(
    contract: Contract, lookup: Lookup
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    schema = layout.bronze_schema(contract)

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            raw = pl.DataFrame(pa.Table.from_batches([batch]))
            yield from decode(contract, raw, lookup).to_arrow().cast(schema).to_batches()

    return work


def _header_bytes() -> pl.Expr:
    """Bytes of one header."""
    header = pl.element().struct
    value = header.field("value").bin.size().fill_null(0)
    return header.field("key").str.len_bytes() + value


def _measure(frame: Any) -> tuple[int, int]:
    """Records of a frame, and their bytes: values, keys and headers."""
    headers = (
        "aggregate(kafka_headers, 0, (n, h) -> n + length(h.key) + ifnull(length(h.value), 0))"
    )
    parts = ("length(kafka_value)", "length(kafka_key)", headers)
    size_of = " + ".join(f"ifnull({part}, 0)" for part in parts)
    rows, size = frame.selectExpr("count(*)", f"sum({size_of})").collect()[0]
    return rows, size or 0


def shorten(ranges: Sequence[OffsetRange], share: float) -> tuple[OffsetRange, ...]:
    """This share of each range, but a record at least."""
    return tuple(
        OffsetRange(item.partition, item.start, item.start + max(1, int(item.offsets * share)))
        for item in ranges
    )
