"""The local engine: confluent-kafka, Polars and delta-rs in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import polars as pl
from deltalake.exceptions import CommitFailedError

from platform_assets.contracts.model import Contract, TopicKind
from platform_assets.core.naming import TableName
from platform_assets.core.settings import Settings
from platform_assets.engines import layout
from platform_assets.engines.base import Checked, MicroBatch, OffsetRange, Published, Taken
from platform_assets.engines.counting import Tally
from platform_assets.engines.decode import decode
from platform_assets.engines.delta import Table
from platform_assets.engines.keys import KeyIndex
from platform_assets.engines.local.changes import publish_changes
from platform_assets.engines.local.compiled import Compiled
from platform_assets.engines.log import TopicLog
from platform_assets.engines.registry import Lookup, Recorded, WriterSchemas
from platform_assets.transform import rows as transform

_ATTEMPTS = 5
_Result = TypeVar("_Result")


class LocalEngine:
    """Reads by offsets, decodes in bulk, writes Delta; see the protocol in ``base.py``."""

    name = "local"

    def __init__(self, settings: Settings, lookup: Lookup | None = None) -> None:
        self._settings = settings
        self._root = settings.lake_root.rstrip("/")
        self._lookup = lookup or WriterSchemas(settings)
        self._logs: dict[str, TopicLog] = {}
        self._tables: dict[TableName, Table] = {}
        self._indexes: dict[TableName, KeyIndex] = {}
        self._plans: dict[tuple[str, str], tuple[Contract, Compiled]] = {}

    def ensure_tables(self, contract: Contract) -> None:
        """Create the contract's tables, empty, where they are not there; add new columns."""
        for shape in layout.layouts(contract):
            self._table(shape)

    def take(
        self,
        contract: Contract,
        ranges: Sequence[OffsetRange],
        max_bytes: int | None,
        schemas: Mapping[int, str] | None = None,  # noqa: ARG002 - nothing is decoded yet
    ) -> Taken:
        """See :meth:`Engine.take`."""
        topic = str(contract.topic)
        if topic not in self._logs:
            self._logs[topic] = TopicLog(
                self._settings.kafka_bootstrap, topic, self._settings.request_timeout_seconds
            )
        table, covered, size = self._logs[topic].read(ranges, max_bytes)
        frame = pl.DataFrame(table)
        return Taken(frame, covered, len(frame), size)

    def given(
        self,
        contract: Contract,  # noqa: ARG002 - a frame of this engine already
        rows: pl.DataFrame,
        ranges: Sequence[OffsetRange],
    ) -> Taken:
        """See :meth:`Engine.given`."""
        return Taken(rows, tuple(ranges), len(rows), int(rows.estimated_size()))

    def decode(
        self, contract: Contract, batches: Sequence[MicroBatch], taken: Taken
    ) -> pl.DataFrame:
        """See :meth:`Engine.decode`."""
        numbered = number(batches, taken.frame)
        if "decode_error" in numbered.columns:
            return numbered
        return decode(contract, numbered, Recorded(batches[0].schemas, self._lookup))

    def schema_of(self, schema_id: int) -> str | None:
        """See :meth:`Engine.schema_of`."""
        writer = self._lookup(schema_id)
        return None if writer is None else writer.text

    def write_bronze(
        self, contract: Contract, batches: Sequence[MicroBatch], frame: pl.DataFrame
    ) -> int:
        """See :meth:`Engine.write_bronze`."""
        table = self._table(layout.bronze(contract))

        def write() -> int:
            table.refresh()
            return table.replace([batch.id for batch in batches], frame)

        written = self._redo(write, table)
        table.gather()
        return written

    def read_bronze(self, contract: Contract, batches: Sequence[MicroBatch]) -> pl.DataFrame:
        """See :meth:`Engine.read_bronze`."""
        table = self._table(layout.bronze(contract))
        table.refresh()
        raw = table.rows_of([batch.id for batch in batches], [*layout.RAW.names, "_micro_batch"])
        raw = raw.sort(list(transform.LOG_ORDER))
        return decode(contract, raw, Recorded(batches[0].schemas, self._lookup))

    def rows(self, contract: Contract, table: TableName, ids: Iterable[int]) -> dict[int, int]:
        """See :meth:`Engine.rows`."""
        opened = self._table(layout.of(contract, table))
        opened.refresh()
        return opened.counts(list(ids))

    def check(self, contract: Contract, bronze: pl.DataFrame) -> Checked:
        """See :meth:`Engine.check`."""
        judged = self._plan(contract, "judge", transform.judge)(bronze)
        rejected = len(judged) - judged[transform.RULE].null_count()
        dead = len(judged) - judged["decode_error"].null_count()
        batches = dict(judged["_micro_batch"].value_counts().iter_rows())
        return Checked(judged, batches, len(judged), rejected, dead)

    def publish(
        self,
        contract: Contract,
        batches: Sequence[MicroBatch],
        checked: Checked,
        intend: Callable[[Published], None] = lambda _: None,
    ) -> Published:
        """See :meth:`Engine.publish`."""
        ids = [batch.id for batch in batches]
        quarantine = self._table(layout.quarantine(contract))
        silver = self._table(layout.silver(contract))
        judged: pl.DataFrame = checked.frame
        good = self._plan(contract, "good", _good)(judged)
        tally = Tally(contract, batches, judged, good)

        def write() -> Published:
            if contract.kind is TopicKind.CHANGE:
                history = self._table(layout.history(contract))
                index = self._index(history, ("event_id",), dated=False)
                bronze = self._table(layout.bronze(contract))
                return publish_changes(
                    contract, ids, good, tally, history, silver, index,
                    lambda freed: waiting(contract, bronze, freed, ids), intend,
                )  # fmt: skip
            return self._publish_facts(contract, ids, good, tally, silver, intend)

        published = self._redo(write, silver, *self._known(contract))

        def reject() -> int:
            quarantine.refresh()
            rows = judged.clear()
            if checked.quarantined:
                rows = self._plan(contract, "rejected", transform.quarantine_rows)(judged)
            return quarantine.replace(ids, rows)

        self._redo(reject, quarantine)
        for table in self._known(contract):
            if table.layout.table != contract.topic.bronze:  # that one has a lock of its own
                table.gather()
        return published

    def _publish_facts(
        self,
        contract: Contract,
        ids: list[int],
        good: pl.DataFrame,
        tally: Tally,
        silver: Table,
        intend: Callable[[Published], None],
    ) -> Published:
        """Publish an append topic: the first record in the log of each key and date stays."""
        silver.refresh()
        by = list(transform.dedupe_by(contract))
        # ``first_in_log`` without its sort: frames of this engine are in the order of the log.
        rows = good.unique(by, keep="first", maintain_order=True)
        index = self._index(silver, contract.key, dated=True)
        held = index.find(rows.select(by), ids)
        later = None
        if len(held):
            owners = rows.select(*by, "_micro_batch").join(held, on=by, suffix="_held")
            first = pl.col("_micro_batch_held") < pl.col("_micro_batch")
            rows = rows.join(owners.filter(first), on=by, how="anti")
            later = owners.filter(~first)
        old = silver.rows_of(ids, [*by, "_micro_batch"]) if len(silver.files_of(ids)) else None
        published = tally.published(rows)
        if old is not None and len(old):
            published.dates |= set(old["event_date"].unique().to_list())
            freed = old.join(rows, on=by, how="anti")
            if len(freed):
                published.freed = True
                bronze = self._table(layout.bronze(contract))
                published.redo |= waiting(contract, bronze, freed, ids)
        if later is not None and len(later):
            others = sorted(later["_micro_batch_held"].unique().to_list())
            kept = silver.rows_of(others)
            lost = kept.join(later, left_on=[*by, "_micro_batch"],
                             right_on=[*by, "_micro_batch_held"], how="semi")  # fmt: skip
            kept = kept.join(later, left_on=[*by, "_micro_batch"],
                             right_on=[*by, "_micro_batch_held"], how="anti")  # fmt: skip
            tally.displace(published, lost)
            intend(published)
            everything = pl.concat([rows, kept], how="diagonal")
            silver.replace([*ids, *others], everything)
        else:
            intend(published)
            silver.replace(ids, rows)
        return published

    def close(self) -> None:
        """See :meth:`Engine.close`."""
        for log in self._logs.values():
            log.close()
        self._logs, self._tables, self._indexes = {}, {}, {}

    def _table(self, shape: layout.Layout) -> Table:
        known = self._tables.get(shape.table)
        if known is None or known.layout != shape:
            known = self._tables[shape.table] = Table(self._root, shape)
            self._indexes.pop(shape.table, None)
        return known

    def _index(self, table: Table, key: Sequence[str], *, dated: bool) -> KeyIndex:
        name = table.layout.table
        if name not in self._indexes:
            self._indexes[name] = KeyIndex(table, key, dated)
        return self._indexes[name]

    def _plan(
        self, contract: Contract, name: str, function: Callable[[Contract, Any], Any]
    ) -> Compiled:
        key = (str(contract.topic), name)
        known = self._plans.get(key)
        if known is None or known[0] is not contract:
            known = contract, Compiled(lambda frame: function(contract, frame))
            self._plans[key] = known
        return known[1]

    def _known(self, contract: Contract) -> list[Table]:
        return [self._tables[name] for name in contract.tables if name in self._tables]

    def _redo(self, work: Callable[[], _Result], *tables: Table) -> _Result:
        """Do it; where another writer committed in between, look again and redo."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return work()
            except CommitFailedError:
                if attempt == _ATTEMPTS:
                    raise
                for table in tables:
                    table.reopen()
        raise AssertionError("unreachable")


def number(batches: Sequence[MicroBatch], raw: pl.DataFrame) -> pl.DataFrame:
    """Give each raw record the id of the micro-batch whose range holds it."""
    if len(batches) == 1:
        return raw.with_columns(pl.lit(batches[0].id, dtype=pl.Int64).alias("_micro_batch"))
    spans = pl.DataFrame(
        [
            {"kafka_partition": r.partition, "start": r.start, "end": r.end, "_micro_batch": b.id}
            for b in batches
            for r in b.ranges
        ],
        schema={"kafka_partition": pl.Int32, "start": pl.Int64, "end": pl.Int64,
                "_micro_batch": pl.Int64},
    ).sort("start")  # fmt: skip
    numbered = raw.sort("kafka_offset").join_asof(
        spans, left_on="kafka_offset", right_on="start", by="kafka_partition", strategy="backward",
        check_sortedness=False,
    )  # fmt: skip
    stray = numbered.filter(
        pl.col("_micro_batch").is_null() | (pl.col("kafka_offset") >= pl.col("end"))
    )
    if len(stray):
        row = stray.row(0, named=True)
        raise ValueError(
            f"record at partition {row['kafka_partition']}, offset {row['kafka_offset']} is in "
            "no range of the given micro-batches; take exactly their ranges"
        )
    return numbered.drop("start", "end").sort(list(transform.LOG_ORDER))


def waiting(contract: Contract, bronze: Table, freed: pl.DataFrame, ids: Sequence[int]) -> set[int]:
    """Later micro-batches with a record of a key that nobody holds any more."""
    bronze.refresh()
    by = list(transform.identity(contract))
    first = freed["_micro_batch"].min()
    candidates = bronze.scan().filter(pl.col("_micro_batch") > first)
    source = {column.name: column.source for column in contract.columns}
    renamed = [
        pl.col(name if source.get(name, "payload") == "payload" else source[name]).alias(name)
        for name in by
    ]
    rows = candidates.select("_micro_batch", *renamed).join(
        freed.lazy().select(by).unique(), on=by, how="semi"
    )
    found = rows.select(pl.col("_micro_batch").unique()).collect()["_micro_batch"].to_list()
    return set(found) - set(ids)


def _good(contract: Contract, judged: transform.Frame) -> transform.Frame:
    shape = transform.change_events if contract.kind is TopicKind.CHANGE else transform.silver_rows
    return shape(contract, transform.accepted(judged))
