"""Publishing a change topic with Spark: its current rows, then its history.

What the tables say of the touched entities is fixed first: it must not be read again after
the first of the two commits. The current rows come first because they follow from the history:
after a crash between the two, the history still says which entities were touched.
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
from platform_assets.transform import history as versions
from platform_assets.transform import rows as transform

_ORDER = list(transform.ORDER)


def publish_changes(
    contract: Contract,
    ids: Sequence[int],
    events: Any,
    at_most: int,
    tally: Tally,
    history: SparkTable,
    silver: SparkTable,
    waiting: Callable[[Any], set[int]],
    frames: Frames,
    intend: Callable[[Published], None],
) -> Published:
    """Have history and current table say what all change events say together.

    Args:
        contract: the topic's contract.
        ids: the span's micro-batches.
        events: its change events, the first of each event id.
        at_most: how many they can be.
        tally: counts of the span.
        history: the table of versions.
        silver: the table of current rows.
        waiting: freed rows to the later micro-batches that hold a record with their id.
        frames: keeps what several steps read.
        intend: told the result before the first commit.
    """
    key, span = list(contract.key), layout.span(ids)
    day = pl.col("valid_from").dt.date()

    def fix(frame: Any) -> Any:
        return frames.fix(frame, at_most)

    events = fix(events)
    replaces, others = history.holds(ids), history.holds_others(ids, None)
    new, yielding = events, None
    if others:
        held = history.read().where(f"NOT ({span})")
        held = held.select("event_id", held["_micro_batch"].alias("_held"))
        resolved = fix(events.join(held, on="event_id", how="left"))
        new = resolved.where("_held IS NULL OR _held > _micro_batch").drop("_held")
        if frames.polars(resolved, ["_held"])["_held"].null_count() < _size(frames, resolved):
            yielding = resolved.where("_held > _micro_batch").select("event_id")
    published = tally.published(frames.polars(new, [*_ORDER, "valid_from"]), day)

    touched = new.select(*key)
    remain = None
    if replaces:
        old = fix(history.rows_of(ids))
        touched = touched.union(old.select(*key))
        before = frames.polars(old, ["valid_from"])
        published.dates |= set(before.select(day)["valid_from"].unique().to_list())
        freed = old.join(new.select("event_id"), on="event_id", how="left_anti")
        published.freed = bool(freed.take(1))
        if published.freed:
            published.redo |= waiting(freed)
    if yielding is not None:
        displaced = fix(
            history.read().where(f"NOT ({span})").join(yielding, on="event_id", how="left_semi")
        )
        touched = touched.union(displaced.select(*key))
        lost = frames.polars(displaced, ["_micro_batch", "valid_from"])
        tally.displace(published, lost)
        published.dates |= set(lost.select(day)["valid_from"].unique().to_list())
    there = current = None
    every = new
    if replaces or others:
        touched = touched.distinct()
        there = fix(history.read().join(touched, on=key, how="left_semi"))
        remain = there.where(f"NOT ({span})")
        if yielding is not None:
            remain = remain.join(yielding, on="event_id", how="left_anti")
        every = remain.drop("valid_to").unionByName(new, allowMissingColumns=True)
        current = fix(silver.read().join(touched, on=key, how="left_semi"))
    should = fix(nw.to_native(versions.versions(contract, nw.from_native(every))))
    now = nw.to_native(versions.current(contract, nw.from_native(should)))
    differences = [
        (silver, key, _differences(key, current, now, fix)),
        (history, ["event_id"], _differences(["event_id"], there, should, fix)),
    ]
    intend(published)
    _write(differences, ids, frames)
    return published


def _write(
    differences: Sequence[tuple[SparkTable, list[str], Any]], ids: Sequence[int], frames: Frames
) -> None:
    """Commit them, each table's in turn."""
    kinds = [frames.polars(rows, ["_was"])["_was"] for _, _, rows in differences]
    for (table, by, rows), was in zip(differences, kinds, strict=True):
        found = set(was.unique().to_list())
        if found == {"missing"}:
            table.append(ids, rows, small=frames.is_small(len(was)))
        elif found:
            changed = rows.where("_was <> 'wrong'")
            table.merge(by, changed, rows.where("_was = 'wrong'"))


def _differences(by: list[str], there: Any, should: Any, fix: Callable[[Any], Any]) -> Any:
    """Rows to write, with what the table has in their place.

    ``_was`` is ``missing`` (no row of this key), ``other`` (another row) or ``wrong`` (a row
    that should not be there; only its key counts).
    """
    from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

    if there is None:
        return fix(should.withColumn("_was", F.lit("missing")))
    same = [name for name in should.columns if name in there.columns]
    left = should.select(F.struct(*should.columns).alias("s"))
    right = there.select(F.struct(*same).alias("t"))
    on = [F.col(f"s.`{name}`") == F.col(f"t.`{name}`") for name in by]
    equal = F.lit(True)
    for name in same:
        equal = equal & F.col(f"s.`{name}`").eqNullSafe(F.col(f"t.`{name}`"))
    was = (
        F.when(F.col("t").isNull(), "missing").when(F.col("s").isNull(), "wrong")
        .when(~equal, "other")
    )  # fmt: skip
    values = [
        (F.coalesce(F.col(f"s.`{name}`"), F.col(f"t.`{name}`")) if name in same
         else F.col(f"s.`{name}`")).alias(name)
        for name in should.columns
    ]  # fmt: skip
    joined = left.join(right, on=on, how="full_outer").withColumn("_was", was)
    return fix(joined.where("_was IS NOT NULL").select(*values, "_was"))


def _size(frames: Frames, frame: Any) -> int:
    return len(frames.polars(frame, ["event_id"]))
