"""Which files of a table hold which keys: an index in memory over immutable files.

A Parquet file of a Delta table never changes, so what was read from it once stays true for
as long as the table lists it: each batch reads only the files that are new in the dates it
touches. Hashes only say where to look; the keys themselves are then read and compared.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from platform_assets.engines.delta import Table

_BUDGET = 16_000_000
"""Hashes kept in memory (12 bytes each) for one table."""
_FILE = "_file"
_HASH = "_hash"


@dataclass
class _Day:
    """What is known of one date."""

    files: dict[str, int] = field(default_factory=dict)
    hashes: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={_HASH: pl.UInt64, _FILE: pl.UInt32})
    )


class KeyIndex:
    """Finds rows of a table by key within dates (or in the whole table, where it has none)."""

    def __init__(self, table: Table, key: Sequence[str], dated: bool) -> None:
        self._table = table
        self._key = list(key)
        self._dated = dated
        self._days: OrderedDict[date | None, _Day] = OrderedDict()
        self._counter = 0

    def find(self, wanted: pl.DataFrame, without: Sequence[int]) -> pl.DataFrame:
        """Rows with one of the wanted keys, of other micro-batches than ``without``.

        Args:
            wanted: key columns, and ``event_date`` where the table is partitioned by it.
            without: micro-batch ids whose rows do not count.

        Returns:
            Key columns, ``event_date`` (dated tables) and ``_micro_batch``.
        """
        by = [*self._key, "event_date"] if self._dated else self._key
        files = self._table.files()
        found: list[pl.DataFrame] = []
        for day, group in self._groups(wanted):
            there = files.filter(pl.col("date") == day) if self._dated else files
            paths = self._candidates(day, there["path"].to_list(), group)
            if not paths:
                continue
            rows = self._read(paths, [*self._key, "_micro_batch"])
            if self._dated:
                rows = rows.with_columns(pl.lit(day, dtype=pl.Date).alias("event_date"))
            found.append(rows.join(group, on=by, how="semi"))
        self._trim()
        if not found:
            schema = {**wanted.select(by).schema, "_micro_batch": pl.Int64()}
            return pl.DataFrame(schema=schema)
        return (
            pl.concat(found)
            .select(*by, "_micro_batch")
            .filter(~pl.col("_micro_batch").is_in(list(without)))
        )

    def _groups(self, wanted: pl.DataFrame) -> list[tuple[date | None, pl.DataFrame]]:
        if not self._dated:
            return [(None, wanted.select(self._key).unique())] if len(wanted) else []
        columns = [*self._key, "event_date"]
        parts = wanted.select(columns).partition_by("event_date", as_dict=True)
        return [(key[0], part) for key, part in parts.items()]

    def _read(self, paths: list[str], columns: list[str]) -> pl.DataFrame:
        lazy = pl.scan_parquet(
            [f"{self._table.uri}/{path}" for path in paths],
            hive_partitioning=False,
            missing_columns="insert",
            extra_columns="ignore",
        )
        return lazy.select(columns).collect()

    def _candidates(self, day: date | None, paths: list[str], group: pl.DataFrame) -> list[str]:
        """Files in which a hash of the group occurs."""
        known = self._days.setdefault(day, _Day())
        self._days.move_to_end(day)
        listed = set(paths)
        gone = [path for path in known.files if path not in listed]
        if gone:
            numbers = [known.files.pop(path) for path in gone]
            known.hashes = known.hashes.filter(~pl.col(_FILE).is_in(numbers))
        new = [path for path in paths if path not in known.files]
        fresh = [known.hashes] if len(known.hashes) else []
        for path in new:
            number = known.files[path] = self._counter
            self._counter += 1
            keys = self._read([path], self._key)
            fresh.append(
                pl.DataFrame(
                    {
                        _HASH: _hashes(keys, self._key),
                        _FILE: pl.repeat(number, len(keys), dtype=pl.UInt32, eager=True),
                    }
                )
            )
        if new:
            known.hashes = pl.concat(fresh)
        wanted = _hashes(group, self._key)
        hits = known.hashes.filter(pl.col(_HASH).is_in(wanted.implode()))[_FILE].unique()
        hit = set(hits.to_list())
        return [path for path, number in known.files.items() if number in hit]

    def _trim(self) -> None:
        total = sum(len(day.hashes) for day in self._days.values())
        while total > _BUDGET and len(self._days) > 1:
            _, oldest = self._days.popitem(last=False)
            total -= len(oldest.hashes)


def _hashes(frame: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    if len(key) == 1:
        return frame[key[0]].hash()
    return frame.select(key).hash_rows()
