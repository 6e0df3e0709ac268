"""Delta tables through Spark SQL: create, evolve, replace the rows of a span, merge.

On a lake that is stored on a disk of this machine the log is asked through delta-rs: what a table
is and which files can hold a micro-batch are then known without a Spark job.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

import polars as pl
import pyarrow as pa

from platform_assets.engines.delta import Table
from platform_assets.engines.keys import KeyIndex
from platform_assets.engines.layout import Layout, SchemaConflictError, span


def ddl(dtype: Any) -> str:
    """An Arrow type in Spark's words."""
    if pa.types.is_list(dtype):
        return f"array<{ddl(dtype.value_type)}>"
    if pa.types.is_struct(dtype):
        fields = (dtype.field(place) for place in range(dtype.num_fields))
        return f"struct<{', '.join(f'`{field.name}`: {ddl(field.type)}' for field in fields)}>"
    if pa.types.is_timestamp(dtype):
        return "timestamp"
    words = {
        pa.string(): "string",
        pa.large_string(): "string",
        pa.int64(): "bigint",
        pa.int32(): "int",
        pa.float64(): "double",
        pa.bool_(): "boolean",
        pa.date32(): "date",
        pa.binary(): "binary",
        pa.large_binary(): "binary",
    }
    return words[dtype]


def columns(schema: Any) -> str:
    """A schema as a column list."""
    return ", ".join(f"`{field.name}` {ddl(field.type)}" for field in schema)


def local_frame(session: Any, table: pa.Table, schema: Any) -> Any:
    """A local relation of an Arrow table."""
    # An empty table may have no chunk at all, of which Spark cannot tell a type.
    empty = pa.RecordBatch.from_pylist([], schema=table.schema)
    return session.createDataFrame(table if len(table) else pa.Table.from_batches([empty]), schema)


_FEW_FILES = 500
"""Up to which Spark is given files by name."""


class SparkTable:
    """One Delta table of the lake."""

    def __init__(self, session: Any, root: str, layout: Layout) -> None:
        self._session = session
        self.layout = layout
        self.path = f"{root}/{layout.table.path}"
        self.sql = f"delta.`{self.path}`"
        self._log = None if "://" in root else Table(root, layout)
        self._index: KeyIndex | None = None
        if self._log is None:
            self._create()
            self._evolve()
            self._types = {f.name: f.dataType.simpleString() for f in self._delta().schema.fields}
        else:
            self._types = {field.name: ddl(field.type) for field in self._log.schema}

    def _create(self) -> None:
        partition = f"PARTITIONED BY (`{self.layout.partition}`)" if self.layout.partition else ""
        properties = ", ".join(f"'{k}' = '{v}'" for k, v in self.layout.properties.items())
        self._session.sql(
            f"CREATE TABLE IF NOT EXISTS {self.sql} ({columns(self.layout.schema)}) "
            f"USING delta {partition} TBLPROPERTIES ({properties})"
        )

    def _evolve(self) -> None:
        have = {f.name: f.dataType.simpleString() for f in self._delta().schema.fields}
        new = []
        for field in self.layout.schema:
            wanted = ddl(field.type)
            if field.name not in have:
                new.append(f"`{field.name}` {wanted}")
            elif have[field.name].replace("`", "") != wanted.replace("`", "").replace(
                ": ", ":"
            ).replace(", ", ","):
                raise SchemaConflictError(
                    f"table {self.layout.table.sql}: column {field.name!r} is {have[field.name]} "
                    f"in the table and {wanted} in the contract; give the column of the new type "
                    "a new name, or rebuild the table from bronze"
                )
        if new:
            self._session.sql(f"ALTER TABLE {self.sql} ADD COLUMNS ({', '.join(new)})")

    def read(self, dates: Collection[date] | None = None) -> Any:
        """The table as it is now, or its rows in the partitions of these dates."""
        wanted = sorted(dates or ())
        if self._log is not None:
            self._log.refresh()
            files = self._log.files()
            files = files if dates is None else files.filter(pl.col("date").is_in(wanted))
            if len(files) <= _FEW_FILES:
                return self._scan(self._log, files)
        rows = self._delta()
        return rows if dates is None else rows.where(rows[self.layout.partition].isin(wanted))

    def rows_of(self, ids: Sequence[int]) -> Any:
        """The rows of these micro-batches; no file is read that cannot hold one."""
        if self._log is not None:
            self._log.refresh()
            files = self._log.files_of(ids)
            if len(files) <= _FEW_FILES:
                return self._scan(self._log, files).where(span(ids))
        return self._delta().where(span(ids))

    def counts(self, ids: Sequence[int]) -> dict[int, int]:
        """How many rows each of these micro-batches has; 0 where none."""
        if not ids:
            return {}
        rows = self.rows_of(ids).groupBy("_micro_batch").count().collect()
        found = {row[0]: row[1] for row in rows}
        return {number: found.get(number, 0) for number in ids}

    def _delta(self) -> Any:
        return self._session.read.format("delta").load(self.path)

    def _scan(self, log: Table, files: pl.DataFrame) -> Any:
        """These files of the log, read as the Parquet they are.

        Delta would first rebuild its state in Spark, which for a few files costs more than
        to read them. The tables have no deletion vectors (see ``layout.py``).
        """
        schema = ", ".join(f"`{name}` {dtype}" for name, dtype in self._types.items())
        if not len(files):
            return local_frame(self._session, log.schema.empty_table(), schema)
        paths = [f"{self.path}/{path}" for path in files["path"].to_list()]
        return self._session.read.schema(schema).option("basePath", self.path).parquet(*paths)

    def holds(self, ids: Sequence[int]) -> bool:
        """Whether there can be a row of these micro-batches."""
        if self._log is None:
            return bool(self.rows_of(ids).select("_micro_batch").take(1))
        self._log.refresh()
        return len(self._log.files_of(ids)) > 0

    def find(
        self, key: Sequence[str], wanted: pl.DataFrame, without: Sequence[int]
    ) -> pl.DataFrame | None:
        """Rows of other micro-batches with one of these keys on its date, without a Spark job.

        Returns:
            Key columns, ``event_date`` and ``_micro_batch``; None where the lake is not on a
            disk of this machine.
        """
        if self._log is None:
            return None
        self._log.refresh()
        if self._index is None:
            self._index = KeyIndex(self._log, key, dated=True)
        return self._index.find(wanted, without)

    def holds_others(self, ids: Sequence[int], dates: Collection[date] | None) -> bool:
        """Whether there can be a row of any other micro-batch (in a partition of these dates)."""
        if self._log is None:
            return True
        self._log.refresh()
        files = self._log.files()
        if dates is not None:
            files = files.filter(pl.col("date").is_in(sorted(dates)))
        ours = pl.col("low").is_in(list(ids)) & (pl.col("low") == pl.col("high"))
        return len(files.filter(~ours.fill_null(value=False))) > 0

    def replace(self, ids: Sequence[int], rows: Any, *, small: bool) -> None:
        """Have ``rows`` stand in the place of these micro-batches' rows, in one commit.

        A span that no file can hold is appended.
        """
        if not self.holds(ids):
            self.append(ids, rows, small=small)
            return
        writer = self._writer(ids, rows, small=small).mode("overwrite")
        with self.layout.commit:
            writer.option("replaceWhere", span(ids)).save(self.path)

    def append(self, ids: Sequence[int], rows: Any, *, small: bool) -> None:
        """Add rows; the caller knows that they are not there."""
        writer = self._writer(ids, rows, small=small).mode("append")
        with self.layout.commit:
            writer.save(self.path)

    def _writer(self, ids: Sequence[int], rows: Any, *, small: bool) -> Any:
        aligned = self._aligned(rows)
        writer = (aligned.coalesce(1) if small else aligned).write.format("delta")
        return writer.option("userMetadata", _label(ids))

    def merge(self, key: Sequence[str], changed: Any, gone: Any) -> None:
        """Upsert changed rows and delete gone ones by key, in one commit."""
        from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

        source = (
            self._aligned(changed)
            .withColumn("_gone", F.lit(False))
            .unionByName(self._aligned(gone).withColumn("_gone", F.lit(True)))
        )
        view = f"weir_changes_{uuid.uuid4().hex}"
        source.createOrReplaceTempView(view)
        on = " AND ".join(f"t.`{name}` = s.`{name}`" for name in key)
        sets = ", ".join(f"t.`{name}` = s.`{name}`" for name in self._types)
        into = ", ".join(f"`{name}`" for name in self._types)
        values = ", ".join(f"s.`{name}`" for name in self._types)
        try:
            with self.layout.commit:
                self._session.sql(
                    f"MERGE INTO {self.sql} t USING {view} s ON {on} "  # noqa: S608 - our own names
                    f"WHEN MATCHED AND s._gone THEN DELETE WHEN MATCHED THEN UPDATE SET {sets} "
                    f"WHEN NOT MATCHED AND NOT s._gone THEN INSERT ({into}) VALUES ({values})"
                ).collect()
        finally:
            self._session.catalog.dropTempView(view)

    def _aligned(self, rows: Any) -> Any:
        """The table's columns in its order; null where the contract has dropped one."""
        from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

        have = set(rows.columns)
        return rows.select(
            *(
                F.col(name).cast(dtype).alias(name)
                if name in have
                else F.lit(None).cast(dtype).alias(name)
                for name, dtype in self._types.items()
            )
        )


def _label(ids: Sequence[int]) -> str:
    low, high = min(ids), max(ids)
    return f"micro_batch {low}" if low == high else f"micro_batch {low}-{high}"
