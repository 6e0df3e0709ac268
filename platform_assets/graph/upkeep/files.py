"""What the files of a Delta table's newest version say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deltalake import DeltaTable

DAY_COLUMNS = ("event_date", "ingest_date")
TARGET_BYTES = 128 * 1024 * 1024
FEW_FILES = 2
"""A day of fewer files is left as it is."""


@dataclass(frozen=True)
class Files:
    """Files, bytes and rows."""

    count: int
    size: int
    rows: int


def day_column(opened: DeltaTable) -> str | None:
    """The table's day partition, if it has one."""
    columns = opened.metadata().partition_columns
    return next((name for name in columns if name in DAY_COLUMNS), None)


def files_of(opened: DeltaTable) -> Files:
    """The whole table."""
    import polars as pl

    actions = pl.DataFrame(opened.get_add_actions(flatten=True))
    rows = actions["num_records"].sum() if "num_records" in actions.columns else 0
    return Files(actions.height, int(actions["size_bytes"].sum() or 0), int(rows or 0))


def days_of(opened: DeltaTable, column: str) -> dict[date, Files]:
    """What each partition day holds; rows without a day (null) are never maintained by day."""
    import polars as pl

    actions = pl.DataFrame(opened.get_add_actions(flatten=True))
    if actions.is_empty():
        return {}
    day = pl.col(f"partition.{column}").cast(pl.Date).alias("day")
    grouped = (
        actions.select(day, "size_bytes", "num_records")
        .drop_nulls("day")
        .group_by("day")
        .agg(pl.len(), pl.col("size_bytes").sum(), pl.col("num_records").sum())
    )
    return {
        day: Files(count, size or 0, rows or 0) for day, count, size, rows in grouped.iter_rows()
    }


def crowded_days(opened: DeltaTable, column: str) -> list[date]:
    """Days that hold more files than their size asks for."""
    return sorted(
        day
        for day, files in days_of(opened, column).items()
        if files.count >= max(FEW_FILES, 2 * -(-files.size // TARGET_BYTES))
    )
