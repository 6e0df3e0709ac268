"""How sources fare and what people asked of them: tables in the ledger's database."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from platform_assets.connectors.revisions import REVISIONS
from platform_assets.connectors.seam.cost import Usage
from platform_assets.core.databases import LONG, Connection, Database, Patience
from platform_assets.core.settings import Settings

if TYPE_CHECKING:
    from platform_assets.connectors.seam.pull import StreamOutcome

_STREAMS: Final = """
    select s.source, s.stream, s.topic, s.records, s.dead_letters, s.bytes, s.busy_seconds,
        s.read_at, s.row_at, s.lag_seconds, s.error, s.error_at, s.failures, s.changes, s.requests,
        coalesce(day.requests, 0), coalesce(day.bytes, 0), coalesce(day.busy_seconds, 0)
    from source_stream s left join lateral (
        select sum(requests)::bigint as requests, sum(bytes)::bigint as bytes,
            sum(busy_seconds) as busy_seconds
        from source_usage u
        where u.source = s.source and u.stream = s.stream
            and u.began > now() - interval '24 hours'
    ) day on true
    order by s.source, s.stream
"""
_USED: Final = """
    insert into source_usage as u (source, stream, began, requests, bytes, busy_seconds)
    values (%(source)s, %(stream)s,
        to_timestamp(floor(extract(epoch from now()) / 600) * 600),
        %(requests)s, %(bytes)s, %(seconds)s)
    on conflict (source, stream, began) do update set
        requests = u.requests + excluded.requests,
        bytes = u.bytes + excluded.bytes,
        busy_seconds = u.busy_seconds + excluded.busy_seconds
    returning xmax = 0
"""
_OLD: Final = (
    "delete from source_usage where source = %(source)s and stream = %(stream)s"
    " and began < now() - interval '48 hours'"
)


@dataclass(frozen=True)
class StreamState:
    """How one stream fares.

    Attributes:
        source, stream, topic: whose.
        records, dead_letters, bytes: committed so far.
        busy_seconds: spent on mapping and committing them.
        read_at: when it was last read to its end, or to the end of a page.
        row_at: when its last rows were committed.
        lag_seconds: how far behind the source, where that is known.
        error, error_at: the last error since the last good read.
        failures: reads in a row that failed.
        changes: of its columns and types that its last read put up with, in words.
        requests: sent over HTTP so far.
        day: what was used of it in the last 24 hours.
    """

    source: str
    stream: str
    topic: str
    records: int = 0
    dead_letters: int = 0
    bytes: int = 0
    busy_seconds: float = 0.0
    read_at: datetime | None = None
    row_at: datetime | None = None
    lag_seconds: float | None = None
    error: str | None = None
    error_at: datetime | None = None
    failures: int = 0
    changes: Sequence[str] = ()
    requests: int = 0
    day: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class Pause:
    """A source that a person has paused."""

    source: str
    reason: str
    who: str
    at: datetime


@dataclass(frozen=True)
class Action:
    """What a person did to a source."""

    at: datetime
    who: str
    source: str
    action: str
    detail: str


class SourceStates:
    """The states of all sources; safe to share between threads.

    Args:
        settings: where PostgreSQL is.
        patience: how long to wait out a restart of it.
    """

    def __init__(self, settings: Settings, patience: Patience = LONG) -> None:
        self._database = Database(settings, "ledger", REVISIONS, connections=4, patience=patience)

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    def add(self, source: str, outcome: StreamOutcome) -> None:
        """Add what a read used and committed, and whether it failed."""
        failed = outcome.error is not None
        values = {
            "source": source,
            "stream": outcome.stream,
            "topic": outcome.topic,
            "records": outcome.records,
            "letters": outcome.dead_letters,
            "requests": outcome.requests,
            "bytes": outcome.bytes,
            "seconds": outcome.seconds,
            "lag": outcome.lag,
            "failed": failed,
            "error": outcome.error,
            "pages": outcome.pages,
            "changes": list(outcome.changes),
        }
        with self._database.borrow() as connection, connection.transaction():
            connection.execute(
                """
                insert into source_stream as s (source, stream, topic, records, dead_letters,
                    bytes, busy_seconds, read_at, row_at, lag_seconds, error, error_at, failures,
                    changes, requests)
                values (%(source)s, %(stream)s, %(topic)s, %(records)s, %(letters)s, %(bytes)s,
                    %(seconds)s, case when %(failed)s then null else now() end,
                    case when %(records)s > 0 then now() end, %(lag)s, %(error)s,
                    case when %(failed)s then now() end, %(failed)s::int, %(changes)s,
                    %(requests)s)
                on conflict (source, stream) do update set
                    topic = excluded.topic,
                    records = s.records + excluded.records,
                    dead_letters = s.dead_letters + excluded.dead_letters,
                    bytes = s.bytes + excluded.bytes,
                    busy_seconds = s.busy_seconds + excluded.busy_seconds,
                    read_at = coalesce(excluded.read_at, s.read_at),
                    row_at = coalesce(excluded.row_at, s.row_at),
                    lag_seconds = excluded.lag_seconds,
                    error = excluded.error,
                    error_at = excluded.error_at,
                    failures = case when %(failed)s then s.failures + 1 else 0 end,
                    changes = case when %(pages)s > 0 then excluded.changes else s.changes end,
                    requests = s.requests + excluded.requests
                """,
                values,
            )
            if not (outcome.requests or outcome.bytes or outcome.seconds):
                return
            begun = connection.execute(_USED, values).fetchone()
            if begun and begun[0]:
                connection.execute(_OLD, values)

    def replayed(self, source: str, stream: str, rows: int) -> None:
        """So many dead letters of a stream were sent after all."""
        query = (
            "update source_stream set records = records + %(rows)s,"
            " dead_letters = greatest(0, dead_letters - %(rows)s), row_at = now()"
            " where source = %(source)s and stream = %(stream)s"
        )
        with self._database.borrow() as connection:
            connection.execute(query, {"rows": rows, "source": source, "stream": stream})

    def streams(self) -> list[StreamState]:
        """All streams that were ever read, by source and name."""
        with self._database.borrow() as connection:
            rows = connection.execute(_STREAMS).fetchall()
        return [replace(StreamState(*row[:-3]), day=Usage(*row[-3:])) for row in rows]

    def pauses(self) -> dict[str, Pause]:
        """The sources that are paused."""
        query = "select source, reason, paused_by, paused_at from source_pause"
        with self._database.borrow() as connection:
            return {row[0]: Pause(*row) for row in connection.execute(query).fetchall()}

    def pause(self, source: str, reason: str) -> None:
        """Pause a source; a running read ends after its page."""
        with self._database.borrow() as connection, connection.transaction():
            connection.execute(
                "insert into source_pause (source, reason, paused_by) values (%s, %s, %s)"
                " on conflict (source) do update set reason = excluded.reason,"
                " paused_by = excluded.paused_by, paused_at = now()",
                (source, reason, getpass.getuser()),
            )
            self._note(connection, source, "pause", reason)

    def resume(self, source: str) -> bool:
        """Resume a source; whether it was paused."""
        with self._database.borrow() as connection, connection.transaction():
            query = "delete from source_pause where source = %s returning source"
            found = connection.execute(query, (source,)).fetchone()
            if found:
                self._note(connection, source, "resume", "")
        return found is not None

    def note(self, source: str, action: str, detail: str = "") -> None:
        """Remember what a person did."""
        with self._database.borrow() as connection:
            self._note(connection, source, action, detail)

    def audit(self, source: str = "", limit: int = 100) -> Sequence[Action]:
        """The latest actions, newest first."""
        query = (
            "select at, who, source, action, detail from source_audit"
            " where %(source)s = '' or source = %(source)s order by id desc limit %(limit)s"
        )
        with self._database.borrow() as connection:
            rows = connection.execute(query, {"source": source, "limit": limit}).fetchall()
        return [Action(*row) for row in rows]

    @staticmethod
    def _note(connection: Connection, source: str, action: str, detail: str) -> None:
        query = "insert into source_audit (who, source, action, detail) values (%s, %s, %s, %s)"
        connection.execute(query, (getpass.getuser(), source, action, detail))
