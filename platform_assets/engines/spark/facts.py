"""Publishing an append topic with Spark: the first record in the log of a key and date stays.

Duplicates are looked for with keys and places alone, so that wide rows are never shuffled;
what loses is then left out of the rows by its place in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import narwhals as nw
import polars as pl

from platform_assets.contracts.model import Contract
from platform_assets.engines import layout
from platform_assets.engines.base import Published
from platform_assets.engines.counting import Tally
from platform_assets.engines.spark.frames import Frames
from platform_assets.engines.spark.tables import SparkTable
from platform_assets.transform import rows as transform

_ORDER = list(transform.ORDER)


def publish_facts(
    contract: Contract,
    ids: Sequence[int],
    rows: Any,
    fine: pl.DataFrame,
    tally: Tally,
    silver: SparkTable,
    waiting: Callable[[Any], set[int]],
    frames: Frames,
    intend: Callable[[Published], None],
) -> Published:
    """Replace the span's rows in silver.

    Args:
        contract: the topic's contract.
        ids: the span's micro-batches.
        rows: accepted rows in silver's shape, duplicates among them.
        fine: the same rows here: places in the log, keys and event dates.
        tally: counts of the span.
        silver: the table.
        waiting: freed rows to the later micro-batches that hold a record with their key.
        frames: keeps what several steps read.
        intend: told the result before the commit.
    """
    by = list(transform.dedupe_by(contract))
    replaces = silver.holds(ids)
    dates = set(fine[transform.EVENT_DATE].unique().to_list())
    small = frames.is_small(len(fine))
    found = silver.find(contract.key, fine.select(by).unique(), ids)
    if found is None:
        resolved = _resolved(contract, ids, rows, dates, silver)
        if small:
            resolved = frames.fix(resolved, len(fine))
        places = frames.polars(resolved, [*by, *_ORDER, "_held"])
    else:
        places = _resolved_here(contract, fine, found)
    wins = pl.col("_held").is_null() | (pl.col("_held") > pl.col("_micro_batch"))
    winners = places.filter(wins)
    published = tally.published(winners)
    lost = fine.select(_ORDER).join(winners, on=_ORDER, how="anti")
    new = rows
    if len(lost):
        from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

        out = frames.local(lost.to_arrow())
        new = rows.join(F.broadcast(out), on=_ORDER, how="left_anti")
    if replaces:
        old = frames.fix(silver.rows_of(ids).select(*by, "_micro_batch"), len(fine))
        published.dates |= set(frames.polars(old, by)[transform.EVENT_DATE].unique().to_list())
        freed = old.join(new.select(*by), on=by, how="left_anti")
        published.freed = bool(freed.take(1))
        if published.freed:
            published.redo |= waiting(freed)
    others = winners["_held"].drop_nulls().unique().sort().to_list()
    if others:
        yielding = places.filter(pl.col("_held") > pl.col("_micro_batch"))
        owners = yielding.select(*by, pl.col("_held").alias("_micro_batch"))
        later = frames.local(owners.to_arrow())
        kept = silver.rows_of(others)
        on = [*by, "_micro_batch"]
        displaced = kept.join(later, on=on, how="left_semi").select("_micro_batch", "event_date")
        tally.displace(published, pl.DataFrame(displaced.toArrow()))
        intend(published)
        kept = kept.join(later, on=on, how="left_anti")
        everything = new.unionByName(kept, allowMissingColumns=True)
        silver.replace([*ids, *others], everything, small=small)
        return published
    intend(published)
    if replaces:
        silver.replace(ids, new, small=small)
    elif len(winners):
        silver.append(ids, new, small=small)
    return published


def _resolved_here(contract: Contract, fine: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """The same as :func:`_resolved`, in this process, of keys that the table's log gave."""
    by = list(transform.dedupe_by(contract))
    first = transform.first_in_log(contract, nw.from_native(fine.select(*by, *_ORDER).lazy()))
    held = found.select(*by, pl.col("_micro_batch").alias("_held"))
    kept: pl.DataFrame = nw.to_native(first).collect()
    return kept.join(held, on=by, how="left")


def _resolved(
    contract: Contract, ids: Sequence[int], rows: Any, dates: set[Any], silver: SparkTable
) -> Any:
    """The first record of each key, and the micro-batch outside the span that holds the key."""
    by = list(transform.dedupe_by(contract))
    keys = rows.select(*by, *_ORDER)
    first = nw.to_native(transform.first_in_log(contract, nw.from_native(keys)))
    if not silver.holds_others(ids, dates):
        return first.selectExpr("*", "CAST(NULL AS bigint) AS _held")
    there = silver.read(dates).where(f"NOT ({layout.span(ids)})")
    held = there.select(*by, there["_micro_batch"].alias("_held"))
    return first.join(held, on=by, how="left")
