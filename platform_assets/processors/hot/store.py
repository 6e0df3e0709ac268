"""Results into PostgreSQL: rows, their sums and the position in the log, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from platform_assets.core.databases import SHORT, Connection, DatabaseError, Patience
from platform_assets.core.settings import Settings
from platform_assets.processors.hot import rollups
from platform_assets.processors.hot.database import CHANNEL, hot_database

KEPT_DAYS = 366
"""Event days that the hot path keeps; older rows are in silver alone."""
_AHEAD = timedelta(days=2)
"""Further ahead no event is believed: a contract's rule has refused it."""

_COLUMNS = {
    "day": "date",
    "event_id": "text",
    "occurred_at": "timestamptz",
    "source_topic": "text",
    "source_event_id": "text",
    "source_partition": "integer",
    "source_offset": "bigint",
    "arrived_at": "timestamptz",
    "characters": "integer",
    "language": "text",
    "language_confidence": "double precision",
    "sentiment": "text",
    "intensity": "double precision",
    "route": "text",
    "entities": "jsonb",
    "functions": "text",
    "log_partition": "integer",
    "log_offset": "bigint",
}

_SUMS = ",\n".join(
    f"""{column}s AS (
  INSERT INTO {table} AS known ({column}, source_topic, language, sentiment, texts, intensity)
  SELECT date_trunc('{column}', occurred_at, 'UTC'), source_topic, language,
    coalesce(sentiment, 'unknown'), count(*), coalesce(sum(intensity), 0)
  FROM fresh GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
  ON CONFLICT ({column}, source_topic, language, sentiment) DO UPDATE
    SET texts = known.texts + excluded.texts, intensity = known.intensity + excluded.intensity)"""  # noqa: S608 - our own
    for column, table in rollups.ROLLUPS.items()
)
_ADD = f"""
WITH given AS (
  SELECT * FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in _COLUMNS.items())})
    AS one ({", ".join(_COLUMNS)})),
fresh AS (
  INSERT INTO understood ({", ".join(_COLUMNS)}, step)
  SELECT {", ".join(_COLUMNS)}, %(step)s FROM given
  ON CONFLICT (day, event_id) DO NOTHING
  RETURNING occurred_at, source_topic, language, sentiment, intensity, event_id, day,
    log_partition),
places AS (
  INSERT INTO understood_taken (day, log_partition) SELECT DISTINCT day, log_partition FROM fresh
  ON CONFLICT DO NOTHING),
{_SUMS}
SELECT event_id FROM fresh"""  # noqa: S608 - names and types of this module alone


class PositionConflictError(DatabaseError):
    """Another process has moved the position in the log; what it stored counts."""


@dataclass(frozen=True)
class Added:
    """What became of rows: new ones, those that were there, those too old to keep."""

    new: frozenset[str]
    repeated: int
    old: int


class HotStore:
    """The tables of the hot path; safe to share between threads.

    Args:
        settings: where PostgreSQL is.
        patience: with a restart of it.
    """

    def __init__(self, settings: Settings, patience: Patience = SHORT) -> None:
        self.database = hot_database(settings, patience)
        self._months: set[date] = set()

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

    def positions(self, topic: str) -> dict[int, int]:
        """Partition -> next offset that is not taken in."""
        with self.database.borrow() as connection:
            rows = connection.execute(
                "SELECT partition, next_offset FROM hot_position WHERE topic = %s", (topic,)
            ).fetchall()
        return dict(rows)

    def add(
        self, topic: str, before: Mapping[int, int], after: Mapping[int, int], rows: pl.DataFrame
    ) -> Added:
        """Store rows and move the position; both or neither.

        Args:
            topic: that they came from.
            before: partition -> next offset, as this process knows it.
            after: the same after these rows.
            rows: the columns of table ``understood``, ``step`` aside, in the order of the log; of
                several with one event id and day the first counts, and one that is stored stays.

        Raises:
            PositionConflictError: the position is another one.
            DatabaseError: PostgreSQL does not answer. Whether the rows are stored, the position
                tells.
        """
        kept = rows.filter(pl.col("day").is_between(*kept_days(datetime.now(UTC))))
        once = kept.unique(["day", "event_id"], keep="first", maintain_order=True)
        self.ensure_months(once["day"])
        given = {name: once[name].to_list() for name in _COLUMNS}
        with self.database.borrow() as connection, connection.transaction():
            step = self._move(connection, topic, before, after)
            found = (
                connection.execute(_ADD, {**given, "step": step}).fetchall() if len(once) else []
            )
            if found:
                connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, topic))
        new = frozenset(row[0] for row in found)
        return Added(new, len(kept) - len(new), len(rows) - len(kept))

    def forget(self, now: datetime) -> list[str]:
        """Drop the months that are wholly older than :data:`KEPT_DAYS`; says which."""
        first = kept_days(now)[0].replace(day=1)
        with self.database.borrow() as connection:
            connection.execute("DELETE FROM understood_taken WHERE day < %s", (first,))
        return rollups.forget_before(self.database, first)

    def note_in_gold(self, taken: Mapping[tuple[date, int], int]) -> None:
        """Keep what gold has of the log, so that it is not offered to it any more.

        Args:
            taken: (event day, partition) -> last offset in gold.
        """
        days, partitions, offsets = [], [], []
        for (day, partition), offset in taken.items():
            days.append(day)
            partitions.append(partition)
            offsets.append(offset)
        with self.database.borrow() as connection:
            connection.execute(
                """UPDATE understood_taken AS known SET gold_offset = one.gold_offset
                   FROM unnest(%s::date[], %s::integer[], %s::bigint[])
                     AS one (day, log_partition, gold_offset)
                   WHERE known.day = one.day AND known.log_partition = one.log_partition
                     AND known.gold_offset < one.gold_offset""",
                (days, partitions, offsets),
            )

    @staticmethod
    def _move(
        connection: Connection, topic: str, before: Mapping[int, int], after: Mapping[int, int]
    ) -> int:
        # The row is locked until the end: of two that store, one waits, and then finds that the
        # position is not where it thinks. So steps become visible in their order, too.
        row = connection.execute("UPDATE hot_step SET step = step + 1 RETURNING step").fetchone()
        known: dict[int, int] = dict(
            connection.execute(
                "SELECT partition, next_offset FROM hot_position WHERE topic = %s", (topic,)
            ).fetchall()
        )
        if known != dict(before):
            raise PositionConflictError(
                f"hot path of {topic}: another process moved the position",
                "nothing to do: what it stored counts, this one goes on from there",
            )
        for partition, offset in after.items():
            connection.execute(
                """INSERT INTO hot_position (topic, partition, next_offset) VALUES (%s, %s, %s)
                   ON CONFLICT (topic, partition) DO UPDATE
                     SET next_offset = excluded.next_offset""",
                (topic, partition, offset),
            )
        return int(row[0]) if row else 0

    def ensure_months(self, days: Iterable[date]) -> None:
        """Make the partitions of these days' months where they are missing."""
        missing = {day.replace(day=1) for day in days} - self._months
        rollups.ensure_months(self.database, missing)
        self._months |= missing


def kept_days(now: datetime) -> tuple[date, date]:
    """First and last event day that is kept."""
    return (now - timedelta(days=KEPT_DAYS)).date(), (now + _AHEAD).date()
