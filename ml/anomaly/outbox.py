"""Events of incidents that wait to be handed over to the alerts (:mod:`platform_assets.alerts`).

An event is marked after it was handed over, so a crash between the two repeats it under the same
key rather than losing it. One that cannot be said does not hold up other incidents, and is given up
after some attempts; the later events of its incident wait for it until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ml.anomaly.incidents import Kind
from ml.anomaly.revisions import REVISIONS
from ml.anomaly.store import DATABASE
from platform_assets.core.databases import Database, retry_connection
from platform_assets.core.settings import Settings

ATTEMPTS = 6
"""Then an event is given up; the pauses between add up to half an hour."""


@dataclass(frozen=True)
class Waiting:
    """An event that is due.

    Attributes:
        id: of the event.
        stream: name of the stream.
        series: value of its key.
        incident: equal for all events of one incident.
        ordinal: 0 for the first of an incident.
        kind: opened, updated or recovered.
        at: start of the interval that made it known.
        details: see :meth:`.watch.Watch`: incident, readings, others, detector, version.
        attempts: how often it was tried.
    """

    id: int
    stream: str
    series: str
    incident: str
    ordinal: int
    kind: Kind
    at: datetime
    details: dict[str, Any]
    attempts: int

    @property
    def key(self) -> str:
        """The same on every attempt."""
        return f"{self.incident}:{self.ordinal}:{self.kind.value}"


class Outbox:
    """The events; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings, DATABASE, REVISIONS, connections=2)

    def close(self) -> None:
        """Close its connections."""
        self._database.close()

    @retry_connection
    def due(self, limit: int) -> list[Waiting]:
        """Events to hand over now, oldest first, of each incident in order."""
        with self._database.borrow() as connection:
            # Not one look-up a row: a storm comes faster than PostgreSQL learns of its size.
            rows = connection.execute(
                """SELECT id, stream, series, incident, ordinal, kind, at, details, attempts
                   FROM incident_events
                   WHERE told_at IS NULL AND next_at <= now() AND incident NOT IN (
                     SELECT incident FROM incident_events
                     WHERE told_at IS NULL AND next_at > now() AND next_at < 'infinity')
                   ORDER BY id LIMIT %s""",
                (limit,),
            ).fetchall()
        return [
            Waiting(row[0], row[1], row[2], row[3], row[4], Kind(row[5]), row[6], row[7], row[8])
            for row in rows
        ]

    @retry_connection
    def told(self, events: Sequence[Waiting]) -> None:
        """They were handed over."""
        with self._database.borrow() as connection:
            connection.execute(
                """UPDATE incident_events SET told_at = now(), attempts = attempts + 1,
                     error = NULL WHERE id = ANY(%s)""",
                ([event.id for event in events],),
            )

    @retry_connection
    def failed(self, event: Waiting, error: str) -> bool:
        """It cannot be said; returns whether it is given up."""
        with self._database.borrow() as connection:
            row = connection.execute(
                """UPDATE incident_events SET attempts = attempts + 1, error = %s,
                     next_at = CASE WHEN attempts + 1 >= %s THEN 'infinity'::timestamptz
                       ELSE now() + interval '1 minute' * (2 ^ attempts) END
                   WHERE id = %s RETURNING attempts >= %s""",
                (error[:2000], ATTEMPTS, event.id, ATTEMPTS),
            ).fetchone()
        return bool(row and row[0])
