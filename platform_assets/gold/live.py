"""Gold with the newest minutes from the hot path: exactly the rows that gold lacks.

The view reads gold's sums and the hot path's newest rows once each. Of each date and partition of
the log, gold says itself how far it has taken it in (``last_offset``); rows of the hot path count
after that. Both come from one snapshot of gold, so no row is missed or counted twice, however far
gold is behind and whenever it commits.
"""

from __future__ import annotations

import time
from collections.abc import Collection

from platform_assets.core.naming import TableName
from platform_assets.core.settings import Settings
from platform_assets.core.trino import TrinoQueryError, execute

MODEL = TableName("gold", "feedback", "sentiment_per_hour")
VIEW = TableName("gold", "feedback", "sentiment_live")
CATALOG = "hot"
"""Trino's catalog of the hot path; analysts see it through the view alone."""

SURE_MINUTES = 5
"""Age of gold's snapshot up to which the hot path's rows are left out at the source: no query that
runs has planned with an older one."""

NOTE_SECONDS = 60.0
_NO_SNAPSHOT = "INVALID_ARGUMENTS"
"""Trino's word where a table is younger than the time asked for."""

_COLUMNS = "hour, event_date, source_topic, language, sentiment, log_partition"

_VIEW = f"""
create or replace view {VIEW.sql} security definer as
with both_paths as (
    select {_COLUMNS}, last_offset as log_offset, texts, intensity, true as in_gold
    from {MODEL.sql}
    union all
    select hour, day, source_topic, language, sentiment, log_partition, log_offset,
      1, intensity, false
    from {CATALOG}.public.understood_tail
), marked as (
    select *, max(if(in_gold, log_offset))
      over (partition by event_date, log_partition) as taken
    from both_paths
)
select hour, event_date, source_topic, language, sentiment, sum(texts) as texts,
  sum(intensity) as intensity, sum(if(in_gold, 0, texts)) as texts_not_in_gold
from marked where in_gold or taken is null or log_offset > taken
group by 1, 2, 3, 4, 5"""  # noqa: S608 - names of this module alone

_SURE = f"""
select event_date, log_partition, max(last_offset) from {MODEL.sql}
for timestamp as of current_timestamp - interval '%d' minute - interval '0.01' second
group by 1, 2"""  # noqa: S608 - names of this module alone


class LiveView:
    """Makes the view, and keeps what it reads small.

    Args:
        settings: where Trino and PostgreSQL are.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made, self._noted = False, 0.0

    def follow(self, models: Collection[str]) -> None:
        """After a step of gold that ran these models: make what is missing, note what is due.

        Raises:
            DatabaseError: PostgreSQL does not answer.
            TrinoQueryError, TrinoUnreachableError: Trino refuses, or does not answer.
        """
        if MODEL.entity not in models:
            return
        if not self._made:
            self.make()
            self._made = True
        if time.monotonic() - self._noted > NOTE_SECONDS:
            self.note_taken()
            self._noted = time.monotonic()

    def make(self) -> None:
        """Make the view, or make it anew; gold's table must be there.

        Raises:
            As :meth:`follow`.
        """
        from platform_assets.processors.hot.database import hot_database

        database = hot_database(self._settings)
        database.prepare()
        database.close()
        execute(self._settings, _VIEW)

    def note_taken(self, minutes: int = SURE_MINUTES) -> int:
        """Tell the hot path what gold surely has; returns of how many dates and partitions.

        It only spares the view reading rows that gold has: where it is not called, the view is
        right and reads more.

        Args:
            minutes: age of the snapshot of gold that is asked.

        Raises:
            As :meth:`follow`.
        """
        from platform_assets.processors.hot.store import HotStore

        try:
            found = execute(self._settings, _SURE % minutes).rows
        except TrinoQueryError as error:
            if error.name == _NO_SNAPSHOT:
                return 0  # gold is younger than that
            raise
        store = HotStore(self._settings)
        try:
            store.note_in_gold(
                {(day, int(partition)): int(offset) for day, partition, offset in found}
            )
        finally:
            store.close()
        return len(found)
