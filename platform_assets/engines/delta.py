"""Delta tables through delta-rs: create, evolve, replace the rows of a span.

Whether a micro-batch is in a table is always decided by looking at the table (the minimum
and maximum ``_micro_batch`` of its files), never by memory: a crash may have come between a
commit and anything that remembers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    Field,
    Schema,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from platform_assets.engines.layout import Layout, SchemaConflictError, span

GATHER_FILES = 32
"""Small files of one day at which they are put together into one."""

SMALL_BYTES = 8 * 1024 * 1024
"""A file below this is small; a replay rewrites a file of that size in a moment."""

_NO_RETRIES = 0
"""A conflicting commit is never rebased blindly: look at the table again and redo."""


def _commit(ids: Sequence[int]) -> CommitProperties:
    low, high = min(ids), max(ids)
    label = str(low) if low == high else f"{low}-{high}"
    return CommitProperties(custom_metadata={"micro_batch": label}, max_commit_retries=_NO_RETRIES)


_PLAIN = ColumnProperties(dictionary_enabled=False)
_OPAQUE = ColumnProperties(dictionary_enabled=False, statistics_enabled="NONE")
_WRITER = WriterProperties(
    # Their values hardly repeat, so a dictionary only costs; nobody looks for a range of bytes.
    column_properties={"event_id": _PLAIN, "kafka_key": _OPAQUE, "kafka_value": _OPAQUE}
)


class Table:
    """One Delta table of the lake."""

    def __init__(self, root: str, layout: Layout) -> None:
        self.layout = layout
        self.uri = f"{root}/{layout.table.path}"
        self._delta = self._open_or_create()
        self._evolve()
        self._files: pl.DataFrame | None = None
        self._files_version = -1
        self._commits = 0

    def _open_or_create(self) -> DeltaTable:
        try:
            return DeltaTable(self.uri)
        except TableNotFoundError:
            if "://" not in self.uri:
                Path(self.uri).mkdir(parents=True, exist_ok=True)
            partition = [self.layout.partition] if self.layout.partition else None
            return DeltaTable.create(
                self.uri,
                schema=Schema.from_arrow(self.layout.schema),
                mode="ignore",
                partition_by=partition,
                name=self.layout.table.entity,
                configuration=dict(self.layout.properties),
            )

    def _evolve(self) -> None:
        """Add the contract's new columns as nullable ones.

        Raises:
            SchemaConflictError: a column has another type in the table.
        """
        there = {field.name: field for field in pa.schema(self._delta.schema().to_arrow())}
        wanted = {field.name: field for field in Schema.from_arrow(self.layout.schema).fields}
        have = {field.name: field for field in self._delta.schema().fields}
        for name, field in wanted.items():
            if name in have and str(have[name].type) != str(field.type):
                raise SchemaConflictError(
                    f"table {self.layout.table.sql}: column {name!r} is {there[name].type} in the "
                    f"table and {self.layout.schema.field(name).type} in the contract; give the "
                    "column of the new type a new name, or rebuild the table from bronze"
                )
        new = [Field(name, field.type, nullable=True) for name, field in wanted.items()
               if name not in have]  # fmt: skip
        if new:
            self._delta.alter.add_columns(new)
            self._delta.update_incremental()
        self._columns = [
            (name, dtype)
            for name, dtype in pl.DataFrame(
                pa.schema(self._delta.schema().to_arrow()).empty_table()
            ).schema.items()
        ]

    def refresh(self) -> None:
        """See the newest version; do this before deciding anything."""
        self._delta.update_incremental()

    def reopen(self) -> None:
        """Throw the handle away and open the table again, after a conflict."""
        self._delta = DeltaTable(self.uri)
        self._files_version = -1

    @property
    def version(self) -> int:
        """The version that the handle sees."""
        return self._delta.version()

    @property
    def schema(self) -> pa.Schema:
        """The table's columns as the handle sees them."""
        return pa.schema(self._delta.schema().to_arrow())

    def files(self) -> pl.DataFrame:
        """The table's files: path, date (the partition), rows, bytes, low and high micro-batch."""
        if self._files is None or self._files_version != self._delta.version():
            actions = pl.DataFrame(self._delta.get_add_actions(flatten=True))
            none = pl.lit(None, dtype=pl.Int64)
            partition = f"partition.{self.layout.partition}"
            low, high = "min._micro_batch", "max._micro_batch"
            self._files = actions.select(
                "path",
                (pl.col(partition).cast(pl.Date) if partition in actions.columns
                 else pl.lit(None, dtype=pl.Date)).alias("date"),
                pl.col("num_records").alias("rows"),
                pl.col("size_bytes").alias("bytes"),
                (pl.col(low).cast(pl.Int64) if low in actions.columns else none).alias("low"),
                (pl.col(high).cast(pl.Int64) if high in actions.columns else none).alias("high"),
            )  # fmt: skip
            self._files_version = self._delta.version()
        return self._files

    def files_of(self, ids: Sequence[int]) -> pl.DataFrame:
        """Files that can hold rows of these micro-batches."""
        low, high = min(ids), max(ids)
        reaches = (pl.col("low") <= high) & (pl.col("high") >= low)
        return self.files().filter(reaches.fill_null(value=True))

    def paths(self, files: pl.DataFrame) -> list[str]:
        """Where the files lie."""
        return [f"{self.uri}/{path}" for path in files["path"].to_list()]

    def rows_of(self, ids: Sequence[int], columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows of these micro-batches (no file is read that cannot hold one)."""
        frame = self.scan().filter(pl.col("_micro_batch").is_in(sorted(set(ids))))
        if columns is not None:
            frame = frame.select(columns)
        if not len(self.files_of(ids)):
            return frame.head(0).collect()
        low, high = min(ids), max(ids)
        return frame.filter(pl.col("_micro_batch").is_between(low, high)).collect()

    def counts(self, ids: Sequence[int]) -> dict[int, int]:
        """How many rows each of these micro-batches has; 0 where none."""
        if not ids:
            return {}
        found = dict(self.rows_of(ids, ["_micro_batch"])["_micro_batch"].value_counts().iter_rows())
        return {number: found.get(number, 0) for number in ids}

    def scan(self) -> pl.LazyFrame:
        """The whole table, lazily."""
        if not len(self.files()):
            return pl.DataFrame(schema=dict(self._columns)).lazy()
        return pl.scan_delta(self._delta)

    def replace(self, ids: Sequence[int], rows: pl.DataFrame) -> int:
        """Have ``rows`` stand in the place of these micro-batches' rows, in one commit.

        A span that no file can hold is simply appended; nothing is committed where there
        was nothing and is nothing.

        Raises:
            CommitFailedError: another writer was faster; reopen, look again, redo.
        """
        if not len(self.files_of(ids)):
            return self.append(ids, rows) if len(rows) else 0
        if not len(rows):
            with self.layout.commit:
                self._delta.delete(span(ids), commit_properties=_commit(ids))
            return 0
        with self.layout.commit:
            write_deltalake(
                self._delta,
                self._aligned(rows),
                mode="overwrite",
                predicate=span(ids),
                commit_properties=_commit(ids),
                writer_properties=_WRITER,
            )
        self._commits += 1
        return len(rows)

    def append(self, ids: Sequence[int], rows: pl.DataFrame) -> int:
        """Add rows; the caller knows that they are not there."""
        with self.layout.commit:
            write_deltalake(
                self._delta,
                self._aligned(rows),
                mode="append",
                commit_properties=_commit(ids),
                writer_properties=_WRITER,
            )
        self._commits += 1
        return len(rows)

    def gather(self) -> int:
        """Put the small files of a crowded day together; returns how many went into it.

        A live topic leaves a file a second, and every reader pays for each. Call it under the
        table's writer lock. It looks once in many commits; closed days are put together whole
        by the maintenance (``maintain/delta.py``).
        """
        if self.layout.partition is None or self._commits < GATHER_FILES:
            return 0
        self._commits = 0
        crowded = (
            self.files()
            .filter(pl.col("bytes") < SMALL_BYTES)
            .group_by("date")
            .len()
            .filter((pl.col("len") >= GATHER_FILES) & pl.col("date").is_not_null())
        )
        gathered = 0
        for day in crowded["date"].sort().to_list():
            try:
                metrics = self._delta.optimize.compact(
                    partition_filters=[(self.layout.partition, "=", day.isoformat())],
                    target_size=SMALL_BYTES,
                    max_concurrent_tasks=1,
                    commit_properties=CommitProperties(max_commit_retries=_NO_RETRIES),
                )
            except CommitFailedError:
                self.reopen()  # somebody wrote without the lock: theirs stands, ours comes later
                return gathered
            gathered += int(metrics["numFilesRemoved"])
        return gathered

    def merge(
        self, ids: Sequence[int], key: Sequence[str], changed: pl.DataFrame, gone: pl.DataFrame
    ) -> None:
        """Upsert changed rows and delete gone ones by key, in one commit."""
        source = pl.concat(
            [
                self._aligned(changed).with_columns(pl.lit(value=False).alias("_gone")),
                self._aligned(gone).with_columns(pl.lit(value=True).alias("_gone")),
            ]
        )
        columns = {f"t.`{name}`": f"s.`{name}`" for name, _ in self._columns}
        with self.layout.commit:
            (
                self._delta.merge(
                    source,
                    predicate=" AND ".join(f"t.`{name}` = s.`{name}`" for name in key),
                    source_alias="s",
                    target_alias="t",
                    commit_properties=_commit(ids),
                )
                .when_matched_delete("s.`_gone`")
                .when_matched_update(columns)
                .when_not_matched_insert(columns, "NOT s.`_gone`")
                .execute()
            )

    def _aligned(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The table's columns in its order; null where the contract has dropped one."""
        return rows.select(
            pl.col(name).cast(dtype)
            if name in rows.columns
            else pl.lit(None, dtype=dtype).alias(name)
            for name, dtype in self._columns
        )
