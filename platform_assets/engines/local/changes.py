"""Publishing a change topic with Polars and delta-rs: its current rows, then its history.

Both tables are brought to what the history's function says about the touched entities, and
only rows that differ are written. So publishing again changes nothing. The current rows come
first because they follow from the history: after a crash between the two commits the history
still says which entities were touched, and publishing again finds all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import narwhals as nw
import polars as pl

from platform_assets.contracts.model import Contract
from platform_assets.engines.base import Published
from platform_assets.engines.counting import Tally
from platform_assets.engines.delta import Table
from platform_assets.engines.keys import KeyIndex
from platform_assets.transform import history as versions
from platform_assets.transform import rows as transform

Waiting = Callable[[pl.DataFrame], set[int]]
"""Freed rows to the later micro-batches that hold a record with their identity."""


def publish_changes(
    contract: Contract,
    ids: Sequence[int],
    good: pl.DataFrame,
    tally: Tally,
    history: Table,
    silver: Table,
    index: KeyIndex,
    waiting: Waiting,
    intend: Callable[[Published], None],
) -> Published:
    """Have history and current table say what all change events say together.

    Raises:
        CommitFailedError: another writer was faster; look again and redo.
    """
    history.refresh()
    silver.refresh()
    key = list(contract.key)
    events = _native(transform.first_in_log(contract, nw.from_native(good.lazy())))
    held = index.find(events.select("event_id"), ids)
    owners = events.select("event_id", "_micro_batch").join(held, on="event_id", suffix="_held")
    first = pl.col("_micro_batch_held") < pl.col("_micro_batch")
    events = events.join(owners.filter(first), on="event_id", how="anti")
    yielding = owners.filter(~first).select("event_id")
    old = history.rows_of(ids)
    published = tally.published(events, pl.col("valid_from").dt.date())

    displaced = history.scan().join(yielding.lazy(), on="event_id", how="semi").collect()
    tally.displace(published, displaced)
    touched = pl.concat([events.select(key), old.select(key), displaced.select(key)]).unique()
    there = _of(history, touched, key)
    gone = pl.col("_micro_batch").is_in(list(ids))
    kept = there.filter(~gone).join(yielding, on="event_id", how="anti")
    every = pl.concat([kept.drop("valid_to"), events], how="diagonal_relaxed")
    should = _native(versions.versions(contract, nw.from_native(every.lazy())))
    now = _native(versions.current(contract, nw.from_native(should.lazy())))

    for rows in (old, displaced):
        published.dates |= set(rows["valid_from"].dt.date().unique().to_list())
    freed = old.join(events, on="event_id", how="anti")
    if len(freed):
        published.freed = True
        published.redo |= waiting(freed)
    intend(published)
    _settle(silver, ids, key, _of(silver, touched, key), now)
    _settle(history, ids, ["event_id"], there, should)
    return published


def _of(table: Table, touched: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The table's rows of the touched entities."""
    if not len(touched):
        return table.scan().head(0).collect()
    lazy = table.scan()
    if len(key) == 1:  # a filter is pushed down to the files, a join is not
        return lazy.filter(pl.col(key[0]).is_in(touched[key[0]].implode())).collect()
    return lazy.join(touched.lazy(), on=key, how="semi").collect()


def _settle(
    table: Table, ids: Sequence[int], key: list[str], there: pl.DataFrame, should: pl.DataFrame
) -> None:
    """Commit the difference between the rows that are there and those that should be."""
    same = [name for name in there.columns if name in should.columns]
    changed = should.join(there, on=same, how="anti", nulls_equal=True)
    gone = there.join(should, on=key, how="anti")
    if not len(changed) and not len(gone):
        return
    known = changed.join(there, on=key, how="semi")
    if not len(known) and not len(gone):
        table.append(ids, changed)
    else:
        table.merge(ids, key, changed, gone)


def _native(frame: nw.LazyFrame[pl.LazyFrame]) -> pl.DataFrame:
    return nw.to_native(frame).collect()
