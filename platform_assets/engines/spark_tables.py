"""Delta tables through Spark SQL: create, evolve, replace the rows of a span, merge.

Belongs here: statements on Delta tables, in forms that Spark Connect knows too. Does not
belong here: which rows (spark.py). Next room: engines/spark.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

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
        pa.int64(): "bigint",
        pa.int32(): "int",
        pa.float64(): "double",
        pa.bool_(): "boolean",
        pa.date32(): "date",
        pa.binary(): "binary",
    }
    return words[dtype]


def columns(schema: Any) -> str:
    """A schema as a column list."""
    return ", ".join(f"`{field.name}` {ddl(field.type)}" for field in schema)


class SparkTable:
    """One Delta table of the lake."""

    def __init__(self, session: Any, root: str, layout: Layout) -> None:
        self._session = session
        self.layout = layout
        self.path = f"{root}/{layout.table.path}"
        self.sql = f"delta.`{self.path}`"
        self._create()
        self._evolve()

    def _create(self) -> None:
        partition = f"PARTITIONED BY (`{self.layout.partition}`)" if self.layout.partition else ""
        properties = ", ".join(f"'{k}' = '{v}'" for k, v in self.layout.properties.items())
        self._session.sql(
            f"CREATE TABLE IF NOT EXISTS {self.sql} ({columns(self.layout.schema)}) "
            f"USING delta {partition} TBLPROPERTIES ({properties})"
        )

    def _evolve(self) -> None:
        have = {f.name: f.dataType.simpleString() for f in self.read().schema.fields}
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
        self.names = [field.name for field in self.read().schema.fields]

    def read(self) -> Any:
        """The table as it is now."""
        return self._session.read.format("delta").load(self.path)

    def rows_of(self, ids: Sequence[int]) -> Any:
        """The rows of these micro-batches; Delta skips files that cannot hold one."""
        return self.read().where(span(ids))

    def holds(self, ids: Sequence[int]) -> bool:
        """Whether there is a row of these micro-batches."""
        return bool(self.rows_of(ids).select("_micro_batch").take(1))

    def replace(self, ids: Sequence[int], rows: Any) -> None:
        """Have ``rows`` stand in the place of these micro-batches' rows, in one commit."""
        (
            self._aligned(rows)
            .write.format("delta")
            .mode("overwrite")
            .option("replaceWhere", span(ids))
            .option("userMetadata", _label(ids))
            .save(self.path)
        )

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
        sets = ", ".join(f"t.`{name}` = s.`{name}`" for name in self.names)
        into = ", ".join(f"`{name}`" for name in self.names)
        values = ", ".join(f"s.`{name}`" for name in self.names)
        try:
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

        types = {field.name: field.dataType for field in self.read().schema.fields}
        return rows.select(
            *(
                F.col(name).cast(types[name]).alias(name)
                if name in rows.columns
                else F.lit(None).cast(types[name]).alias(name)
                for name in self.names
            )
        )


def _label(ids: Sequence[int]) -> str:
    low, high = min(ids), max(ids)
    return f"micro_batch {low}" if low == high else f"micro_batch {low}-{high}"
