"""What watching remembers, in PostgreSQL: cursors, series, scores, and the outbox of events."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ml.anomaly.errors import AnomalyError
from ml.anomaly.revisions import REVISIONS
from ml.anomaly.series import Happened, Reading
from platform_assets.core.databases import Connection, Database, retry_connection
from platform_assets.core.settings import Settings

DATABASE = "models"

NO_VERSION = -1
"""Version of a cursor whose memories were forgotten; no model has it."""


class StepConflictError(AnomalyError):
    """Another process moved the stream's cursor first."""


@dataclass(frozen=True)
class Cursor:
    """How far a stream is scored. Times in seconds since 1970.

    Attributes:
        version: of the model that its series' memories belong to.
        through: intervals before it are scored.
        live_from: intervals before it only teach; nobody is told of them.
        batch: newest micro-batch seen.
    """

    version: int
    through: float
    live_from: float
    batch: int


@dataclass(frozen=True)
class Kept:
    """A series as it lies in the table: see :class:`.series.Series`."""

    series: str
    memory: bytes | None
    standing: dict[str, Any]


@dataclass(frozen=True)
class Scored:
    """A point of a series with its readings."""

    series: str
    at: float
    readings: Sequence[Reading]


@dataclass(frozen=True)
class Told:
    """An event for the outbox: what happened to a series, and what else there is to say."""

    series: str
    happened: Happened
    details: dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """Points of one signal, oldest first: (time in seconds, value, score, threshold or None)."""

    points: list[tuple[float, float, float, float | None]]


class Store:
    """The tables; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings, DATABASE, REVISIONS, connections=2)

    def close(self) -> None:
        """Close its connections."""
        self._database.close()

    @retry_connection
    def cursor(self, stream: str) -> Cursor | None:
        """How far a stream is scored; None if it never was."""
        with self._database.borrow() as connection:
            row = connection.execute(
                """SELECT version, through, live_from, micro_batch FROM anomaly_cursor
                   WHERE stream = %s""",
                (stream,),
            ).fetchone()
        if row is None:
            return None
        return Cursor(row[0], row[1].timestamp(), row[2].timestamp(), row[3])

    @retry_connection
    def series(self, stream: str) -> list[Kept]:
        """All series of a stream."""
        with self._database.borrow() as connection:
            rows = connection.execute(
                "SELECT series, memory, standing FROM anomaly_series WHERE stream = %s", (stream,)
            ).fetchall()
        return [Kept(row[0], row[1] and bytes(row[1]), row[2]) for row in rows]

    def commit(
        self,
        stream: str,
        before: Cursor | None,
        after: Cursor,
        series: Sequence[Kept],
        scored: Sequence[Scored],
        told: Sequence[Told],
        late: int,
    ) -> None:
        """Store all that a step did, or nothing of it.

        Not repeated by itself: after a lost connection it is not known whether it was stored.
        The caller reads the cursor again and sees.

        Args:
            stream: its name.
            before: the cursor that the step began with.
            after: the cursor that it leaves.
            series: those that changed. With another version than before, memories of all others
                are forgotten.
            scored: its points.
            told: events for the outbox, in order.
            late: rows that came too late.

        Raises:
            StepConflictError: the cursor is not ``before`` any more; nothing was stored.
        """
        with self._database.borrow() as connection, connection.transaction():
            _move(connection, stream, before, after, sum(len(s.readings) for s in scored), late)
            if before is not None and before.version != after.version:
                connection.execute(
                    "UPDATE anomaly_series SET memory = NULL WHERE stream = %s", (stream,)
                )
            _keep(connection, stream, series)
            _keep_scores(connection, stream, after, scored)
            for one in told:
                _enqueue(connection, stream, one)

    @retry_connection
    def disown(self, stream: str) -> None:
        """Forget all memories of a stream: the next step learns its history as another model does.

        For memories of another form. Scores, incidents and events stay.
        """
        with self._database.borrow() as connection, connection.transaction():
            connection.execute(
                "UPDATE anomaly_cursor SET version = %s WHERE stream = %s", (NO_VERSION, stream)
            )
            connection.execute(
                "UPDATE anomaly_series SET memory = NULL WHERE stream = %s", (stream,)
            )

    @retry_connection
    def chart(self, stream: str, series: str, signal: str, until: float, count: int) -> Chart:
        """The last scored points of a signal."""
        with self._database.borrow() as connection:
            rows = connection.execute(
                """SELECT at, value, score, threshold FROM anomaly_scores
                   WHERE stream = %s AND series = %s AND signal = %s AND at <= %s
                   ORDER BY at DESC LIMIT %s""",
                (stream, series, signal, moment(until), count),
            ).fetchall()
        return Chart([(row[0].timestamp(), *row[1:]) for row in reversed(rows)])

    @retry_connection
    def totals(self, stream: str) -> dict[str, int]:
        """Points scored, late rows and open incidents, since the stream is watched."""
        with self._database.borrow() as connection:
            row = connection.execute(
                """SELECT coalesce(max(points), 0), coalesce(max(late), 0),
                     (SELECT count(*) FROM anomaly_series
                      WHERE stream = %s AND (standing->>'opened')::boolean)
                   FROM anomaly_cursor WHERE stream = %s""",
                (stream, stream),
            ).fetchone()
        points, late, incidents = row or (0, 0, 0)
        return {"points": points, "late": late, "open_incidents": incidents}

    @retry_connection
    def forget(self, stream: str, days: int) -> int:
        """Delete scores older than so many days before the cursor; returns how many."""
        with self._database.borrow() as connection:
            return connection.execute(
                """DELETE FROM anomaly_scores WHERE stream = %s AND at <
                     (SELECT through FROM anomaly_cursor WHERE stream = %s) - %s""",
                (stream, stream, timedelta(days=days)),
            ).rowcount


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as a moment in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _move(
    connection: Connection,
    stream: str,
    before: Cursor | None,
    after: Cursor,
    points: int,
    late: int,
) -> None:
    """Move the cursor if it is where the step began: of two that took the same points, one."""
    new = (after.version, moment(after.through), moment(after.live_from), after.batch)
    if before is None:
        moved = connection.execute(
            """INSERT INTO anomaly_cursor
                 (version, through, live_from, micro_batch, points, late, stream)
               VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING""",
            (*new, points, late, stream),
        ).rowcount
    else:
        moved = connection.execute(
            """UPDATE anomaly_cursor SET version = %s, through = %s, live_from = %s,
                 micro_batch = %s, points = points + %s, late = late + %s, changed_at = now()
               WHERE stream = %s AND version = %s AND through = %s AND micro_batch = %s""",
            (*new, points, late, stream, before.version, moment(before.through), before.batch),
        ).rowcount
    if moved != 1:
        raise StepConflictError(
            f"{stream}: another process scored these points first",
            "read the cursor again and continue",
        )


def _keep(connection: Connection, stream: str, series: Sequence[Kept]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO anomaly_series (stream, series, memory, standing)
               VALUES (%s, %s, %s, %s) ON CONFLICT (stream, series)
               DO UPDATE SET memory = excluded.memory, standing = excluded.standing""",
            [(stream, one.series, one.memory, json.dumps(one.standing)) for one in series],
        )


def _keep_scores(
    connection: Connection, stream: str, after: Cursor, scored: Sequence[Scored]
) -> None:
    if not scored:
        return
    # A new model scores the past again to learn it: its scores take the old ones' place.
    connection.execute(
        "DELETE FROM anomaly_scores WHERE stream = %s AND at >= %s AND at < %s",
        (stream, moment(min(one.at for one in scored)), moment(after.through)),
    )
    with (
        connection.cursor() as cursor,
        cursor.copy(
            """COPY anomaly_scores
               (stream, series, signal, at, value, score, threshold, version) FROM STDIN"""
        ) as copy,
    ):
        for one in scored:
            for reading in one.readings:
                known = reading.threshold if math.isfinite(reading.threshold) else None
                copy.write_row(
                    (stream, one.series, reading.signal, moment(one.at), reading.value,
                     reading.score, known, after.version)
                )  # fmt: skip


def _enqueue(connection: Connection, stream: str, one: Told) -> None:
    event = one.happened.event
    connection.execute(
        """INSERT INTO incident_events (stream, series, incident, ordinal, kind, at, details)
           SELECT %s, %s, %s, coalesce(max(ordinal) + 1, 0), %s, %s, %s
           FROM incident_events WHERE incident = %s""",
        (
            stream,
            one.series,
            event.incident.id,
            event.kind.value,
            moment(event.at),
            json.dumps(one.details),
            event.incident.id,
        ),
    )
