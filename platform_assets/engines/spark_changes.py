"""Publishing a change topic with Spark: its history, then its current rows.

Belongs here: the same steps as :mod:`platform_assets.engines.changes`, over PySpark frames.
Does not belong here: what a history is (:mod:`platform_assets.silver.history`). Next room:
engines/spark.py.
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
from platform_assets.engines.spark_tables import SparkTable
from platform_assets.silver import history as versions


def publish_changes(
    contract: Contract,
    ids: Sequence[int],
    events: Any,
    tally: Tally,
    history: SparkTable,
    silver: SparkTable,
    waiting: Callable[[Any], set[int]],
    keep: Callable[[Any], Any],
) -> Published:
    """Have history and current table say what all change events say together."""
    key = list(contract.key)
    span = layout.span(ids)
    there = history.read()
    held = there.where(f"NOT ({span})").select("event_id", there["_micro_batch"].alias("_held"))
    resolved = keep(events.join(held, on="event_id", how="left"))
    new = resolved.where("_held IS NULL OR _held > _micro_batch").drop("_held")
    yielding = resolved.where("_held > _micro_batch").select("event_id")
    place = ["_micro_batch", "_kafka_partition", "_kafka_offset", "valid_from"]
    published = tally.published(_polars(new.select(*place)), pl.col("valid_from").dt.date())

    old = keep(history.rows_of(ids))
    displaced = keep(history.read().where(f"NOT ({span})")
                     .join(yielding, on="event_id", how="left_semi"))  # fmt: skip
    lost = _polars(displaced.select("_micro_batch", "valid_from"))
    tally.displace(published, lost)
    touched = keep(
        new.select(*key).union(old.select(*key)).union(displaced.select(*key)).distinct()
    )
    known = keep(history.read().join(touched, on=key, how="left_semi"))
    remain = known.where(f"NOT ({span})").join(yielding, on="event_id", how="left_anti")
    every = remain.drop("valid_to").unionByName(new, allowMissingColumns=True)
    should = keep(nw.to_native(versions.versions(contract, nw.from_native(every))))
    before = _polars(old.select("valid_from"))
    freed = waiting(old.join(new.select("event_id"), on="event_id", how="left_anti"))
    now = keep(nw.to_native(versions.current(contract, nw.from_native(should))))
    current = keep(silver.read().join(touched, on=key, how="left_semi"))
    for frame in (should, now, current):
        frame.count()  # fixed before the tables they come from change
    _settle(history, ["event_id"], known, should)
    _settle(silver, key, current, now)
    for rows in (before, lost):
        published.dates |= set(rows["valid_from"].dt.date().unique().to_list())
    published.redo |= freed
    return published


def _settle(table: SparkTable, key: list[str], there: Any, should: Any) -> None:
    """Commit the difference between the rows that are there and those that should be."""
    same = [name for name in there.columns if name in should.columns]
    changed = should.select(*same).exceptAll(there.select(*same))
    gone = there.join(should.select(*key), on=key, how="left_anti")
    if changed.take(1) or gone.take(1):
        table.merge(key, changed, gone)


def _polars(frame: Any) -> pl.DataFrame:
    return pl.DataFrame(frame.toArrow())
