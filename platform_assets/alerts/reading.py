"""What the shell and the portal show: incidents, one of them whole, silences, who did what."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from platform_assets.alerts.board import counted
from platform_assets.alerts.model import AlertError, Incident
from platform_assets.alerts.store import alerts, incidents, moment, silences
from platform_assets.core.databases import Database, retry_connection

WORST = 20
"""Alerts of an incident that are shown, the worst first."""


@retry_connection
def listed(database: Database, *, past: bool = False, limit: int = 100) -> list[dict[str, Any]]:
    """Incidents, the newest first.

    Args:
        database: see :func:`.store.alerts_database`.
        past: with those that are over.
        limit: at most so many.

    Returns:
        For each incident, severity, state, since, alerts, firing, series, streams, worst,
        acknowledged (by whom), messages and ended.
    """
    with database.borrow() as connection:
        rows = connection.execute(
            """SELECT i.id, count(*), count(*) FILTER (WHERE a.ended_at IS NULL),
                 count(DISTINCT (a.stream, a.series)), array_agg(DISTINCT a.stream),
                 (array_agg(a.title ORDER BY a.peak DESC, a.id))[1],
                 CASE max(CASE a.severity WHEN 'error' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END)
                   WHEN 2 THEN 'error' WHEN 1 THEN 'warning' ELSE 'info' END
               FROM (SELECT id, opened_at FROM alert_incidents
                     WHERE %s OR ended_at IS NULL ORDER BY opened_at DESC LIMIT %s) AS i
                 JOIN alerts AS a ON a.incident = i.id
               GROUP BY i.id, i.opened_at ORDER BY i.opened_at DESC""",
            (past, limit),
        ).fetchall()
        known = {
            one.id: one for one in incidents(connection, "id = ANY(%s)", [row[0] for row in rows])
        }
    return [
        {
            **_plain(known[row[0]]),
            "alerts": row[1],
            "firing": row[2],
            "series": row[3],
            "streams": row[4],
            "worst": row[5],
            "severity": row[6],
        }
        for row in rows
    ]


@retry_connection
def shown(database: Database, name: str) -> dict[str, Any]:
    """One incident whole.

    Args:
        database: see :func:`.store.alerts_database`.
        name: of the incident, or how it begins.

    Returns:
        As in :func:`listed`; and places, escalation, the worst alerts (``signals``), what happened
        to it (``history``) and its messages (``told``).

    Raises:
        AlertError: there is none, or several.
    """
    with database.borrow() as connection:
        found = incidents(connection, "starts_with(id, %s)", name) if name else []
        if len(found) != 1:
            raise AlertError(
                f"{len(found)} incidents begin with {name!r}" if found else f"no incident {name!r}",
                "see weir alerts list --all",
            )
        incident = found[0]
        all_alerts = alerts(connection, "incident = %s", incident.id)
        history = connection.execute(
            """SELECT recorded_at, kind, actor, comment FROM alert_events
               WHERE incident = %s AND scope = 'incident' ORDER BY seq""",
            (incident.id,),
        ).fetchall()
        told = connection.execute(
            """SELECT created_at, event, place, notification->>'title', sent_at, attempts, error,
                 ordinal, chart IS NOT NULL
               FROM alert_messages WHERE incident = %s ORDER BY seq""",
            (incident.id,),
        ).fetchall()
    counts = counted(all_alerts, 0)
    worst = sorted(all_alerts, key=lambda one: (not one.firing, -one.peak, one.id))[:WORST]
    return {
        **_plain(incident),
        "alerts": counts.alerts,
        "firing": counts.firing,
        "muted": counts.muted,
        "series": counts.series,
        "streams": [name for name, _ in counts.streams],
        "severity": counts.severity.value,
        "worst": worst[0].title,
        "places": list(incident.places),
        "escalation": [
            {"after_seconds": after, "places": list(places)} for after, places in incident.escalate
        ],
        "signals": [
            {
                "alert": one.id, "title": one.title, "value": one.value, "unit": one.unit,
                "score": one.score, "threshold": one.threshold, "peak": one.peak,
                "since": moment(one.opened_at), "ended": _moment(one.ended_at),
                "muted_by": one.muted_by, "link": one.link,
            }
            for one in worst
        ],
        "history": [
            {"at": row[0], "kind": row[1], "who": row[2], "comment": row[3]} for row in history
        ],
        "told": [
            {
                "at": row[0], "event": row[1], "place": row[2], "title": row[3], "sent": row[4],
                "attempts": row[5], "error": row[6],
            }
            for row in told
        ],
        "chart": any(row[8] for row in told),
    }  # fmt: skip


@retry_connection
def chart(database: Database, incident: str) -> bytes | None:
    """The picture of an incident's last message that had one (PNG)."""
    with database.borrow() as connection:
        row = connection.execute(
            """SELECT chart FROM alert_messages WHERE incident = %s AND chart IS NOT NULL
               ORDER BY seq DESC LIMIT 1""",
            (incident,),
        ).fetchone()
    return bytes(row[0]) if row else None


@retry_connection
def silenced(database: Database) -> list[dict[str, Any]]:
    """Silences: id, state, matchers, starts, ends, who, comment; of the past ones the newest."""
    now = time.time()
    with database.borrow() as connection:
        found = silences(connection, active=False)
    return [
        {
            "id": one.id,
            "state": one.state(now),
            "matchers": [str(matcher) for matcher in one.matchers],
            "starts": moment(one.starts_at),
            "ends": moment(one.ends_at),
            "who": one.created_by,
            "comment": one.comment,
        }
        for one in found
    ]


@retry_connection
def audited(database: Database, limit: int = 100) -> list[dict[str, Any]]:
    """What people did, the newest first: at, who, kind, subject, comment."""
    with database.borrow() as connection:
        rows = connection.execute(
            """SELECT recorded_at, actor, scope, kind, coalesce(incident, split_part(id, ':', 1)),
                 comment
               FROM alert_events WHERE actor <> '' ORDER BY seq DESC LIMIT %s""",
            (limit,),
        ).fetchall()
    return [
        {"at": row[0], "who": row[1], "scope": row[2], "kind": row[3], "subject": row[4],
         "comment": row[5]}
        for row in rows
    ]  # fmt: skip


@retry_connection
def given_up(database: Database) -> int:
    """Messages that a place never took."""
    with database.borrow() as connection:
        row = connection.execute(
            "SELECT count(*) FROM alert_messages WHERE sent_at IS NULL AND next_at = 'infinity'"
        ).fetchone()
    return int(row[0]) if row else 0


def _plain(incident: Incident) -> dict[str, Any]:
    return {
        "incident": incident.id,
        "state": incident.state,
        "since": moment(incident.opened_at),
        "ended": _moment(incident.ended_at),
        "acknowledged": incident.acked_by,
        "comment": incident.ack_comment,
        "messages": incident.messages,
        "escalations": incident.escalations,
    }


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)
