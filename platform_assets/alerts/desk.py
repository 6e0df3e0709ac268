"""Alerts in, messages out: each step is one transaction, so a kill loses and doubles nothing.

Taking in is idempotent by the events' ids. Messages are made with the change that they tell of,
one row a place, and sent afterwards under fixed keys: at least once. One that a place refuses holds
up no other place and no other incident; later messages of its incident wait for it at that place.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from platform_assets.alerts.board import Due
from platform_assets.alerts.model import Alert, Raised
from platform_assets.alerts.store import alerts as alerts_of
from platform_assets.alerts.store import alerts_database, changing, known, moment
from platform_assets.alerts.wording import notification
from platform_assets.core.databases import Connection, retry_connection
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.messaging import Event, Notification, Router, Severity

ATTEMPTS = 6
"""Then a message is given up; the pauses between add up to half an hour."""
AT_ONCE = 20
KEEP_DAYS = 366
"""After its end; as long as the hot path keeps its rows."""
_OF_INCIDENT = (
    ("alert_messages", "incident"),
    ("alert_events", "incident"),
    ("alerts", "incident"),
    ("alert_incidents", "id"),
)

Draw = Callable[[Alert], bytes | None]
"""Makes the chart (PNG) of an alert's signal; None: there is nothing to draw."""


@dataclass(frozen=True)
class Sent:
    """What a round came to: messages sent, refused, and of those given up."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0


class Desk:
    """The alerts of an installation and who is told of them; safe to share between threads.

    Args:
        settings: where PostgreSQL and the portal are.
        router: the rules and the places.
    """

    def __init__(self, settings: Settings, router: Router) -> None:
        self._settings, self._router = settings, router
        self._database = alerts_database(settings)

    def close(self) -> None:
        """Close its connections."""
        self._database.close()

    def take(self, raised: Sequence[Raised], now: float | None = None) -> int:
        """Take in what happened; events that are known change nothing.

        Returns:
            How many were new.

        Raises:
            DatabaseError: PostgreSQL does not answer; give the same again.
        """
        at = _clock(now)
        with changing(self._database, self._router.routes) as change:
            before = known(change.connection, [one.id for one in raised])
            new = [one for one in raised if one.id not in before]
            for one in new:
                change.board.take(one, self._router.destination(_addressed(one)), at)
        return len(new)

    def look(self, now: float | None = None) -> int:
        """Make the messages that are due; returns how many.

        Raises:
            DatabaseError: PostgreSQL does not answer; nothing was made, or all.
        """
        with changing(self._database, self._router.routes) as change:
            due = change.board.look(_clock(now))
            self._enqueue(change.connection, due)
        return len(due)

    def send(self, draw: Draw, until: float) -> Sent:
        """Send the messages that wait.

        Args:
            draw: makes a chart.
            until: no message is begun later (monotonic clock): a place that does not answer must
                not hold up who asks.
        """
        sent = failed = given_up = 0
        while waiting := self._waiting():
            for seq, place, told, lead in waiting:
                if time.monotonic() > until:
                    return Sent(sent, failed, given_up)
                try:
                    chart = draw(lead) if lead else None
                    self._router.send_to(place, _notification(told, chart))
                except WeirError as error:
                    failed += 1
                    given_up += self._failed(seq, str(error))
                else:
                    self._sent(seq, chart)
                    sent += 1
        return Sent(sent, failed, given_up)

    @retry_connection
    def forget(self, days: int = KEEP_DAYS) -> int:
        """Delete what belongs to incidents that ended so long ago; returns how many did.

        The topic and silver keep their events. Events that are not published yet stay.
        """
        with self._database.borrow() as connection, connection.transaction():
            old = [
                row[0]
                for row in connection.execute(
                    """SELECT id FROM alert_incidents WHERE ended_at < now() - %s
                       ORDER BY ended_at LIMIT 100""",
                    (timedelta(days=days),),
                ).fetchall()
            ]
            for table, column in _OF_INCIDENT if old else ():
                unsent = " AND published_at IS NOT NULL" if table == "alert_events" else ""
                query = f"DELETE FROM {table} WHERE {column} = ANY(%s){unsent}"  # noqa: S608
                connection.execute(query.encode(), (old,))
        return len(old)

    def _enqueue(self, connection: Connection, due: Sequence[Due]) -> None:
        bodies: dict[str, str] = dict(
            connection.execute(
                "SELECT id, body FROM alerts WHERE id = ANY(%s)",
                ([one.worst[0].id for one in due if one.lone],),
            ).fetchall()
        )
        for one in due:
            told = notification(
                one, bodies.get(one.worst[0].id, ""), self._settings.portal_url
            ).fields()
            at = moment(one.at)
            for place in one.places:
                connection.execute(
                    """INSERT INTO alert_messages (incident, ordinal, place, event, lead,
                         notification, created_at, next_at)
                       VALUES (%s, %s, %s, %s, %s, %s, %s, now())""",
                    (
                        one.incident.id, one.ordinal, place, one.kind.value, one.worst[0].id,
                        json.dumps(told), at,
                    ),
                )  # fmt: skip

    @retry_connection
    def _waiting(self) -> list[tuple[int, str, dict[str, Any], Alert | None]]:
        with self._database.borrow() as connection:
            rows = connection.execute(
                """SELECT seq, place, notification, lead FROM alert_messages AS message
                   WHERE sent_at IS NULL AND next_at <= now() AND NOT EXISTS (
                     SELECT FROM alert_messages AS earlier
                     WHERE earlier.incident = message.incident AND earlier.place = message.place
                       AND earlier.ordinal < message.ordinal AND earlier.sent_at IS NULL
                       AND earlier.next_at < 'infinity')
                   ORDER BY seq LIMIT %s""",
                (AT_ONCE,),
            ).fetchall()
            named = alerts_of(connection, "id = ANY(%s)", [row[3] for row in rows])
            leads = {one.id: one for one in named}
        return [(row[0], row[1], row[2], leads.get(row[3])) for row in rows]

    @retry_connection
    def _sent(self, seq: int, chart: bytes | None) -> None:
        with self._database.borrow() as connection:
            connection.execute(
                """UPDATE alert_messages SET sent_at = now(), attempts = attempts + 1,
                     error = NULL, chart = %s WHERE seq = %s""",
                (chart, seq),
            )

    @retry_connection
    def _failed(self, seq: int, error: str) -> bool:
        """A place did not take it; returns whether it is given up."""
        with self._database.borrow() as connection:
            row = connection.execute(
                """UPDATE alert_messages SET attempts = attempts + 1, error = %s,
                     next_at = CASE WHEN attempts + 1 >= %s THEN 'infinity'::timestamptz
                       ELSE now() + interval '1 minute' * (2 ^ attempts) END
                   WHERE seq = %s RETURNING attempts >= %s""",
                (error[:2000], ATTEMPTS, seq, ATTEMPTS),
            ).fetchone()
        return bool(row and row[0])


def _clock(now: float | None) -> float:
    """The time as it is read back: PostgreSQL keeps microseconds."""
    return moment(time.time() if now is None else now).timestamp()


def _addressed(raised: Raised) -> Notification:
    """The alert as the rules see it."""
    return Notification(
        raised.title, "", Severity(raised.severity), raised.source, owner=raised.owner
    )


def _notification(told: dict[str, Any], chart: bytes | None) -> Notification:
    return Notification(
        **{**told, "severity": Severity(told["severity"]), "event": Event(told["event"])},
        chart=chart,
    )
