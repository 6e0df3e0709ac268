"""The board in PostgreSQL: read, changed and written back in one transaction, by one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from platform_assets.alerts.board import Board
from platform_assets.alerts.model import Alert, Happened, Incident, Silence
from platform_assets.alerts.revisions import REVISIONS
from platform_assets.core.databases import Connection, Database
from platform_assets.core.settings import Settings
from platform_assets.messaging.grouping import Grouping
from platform_assets.messaging.matchers import Matcher
from platform_assets.messaging.routing import Routes

DATABASE = "models"
_LOCK = 0x616C657274  # any number of our own: "alert"

_OPEN = "incident IN (SELECT id FROM alert_incidents WHERE ended_at IS NULL)"
_ALERT = tuple(Alert.__dataclass_fields__)
_INCIDENT = tuple(Incident.__dataclass_fields__)
_EVENT = tuple(Happened.__dataclass_fields__)
_TIMES = frozenset(
    {"opened_at", "changed_at", "joined_at", "ended_at", "first_told_at", "told_at", "acked_at"}
)


def alerts_database(settings: Settings) -> Database:
    """The database; what is missing is made on first use."""
    return Database(settings, DATABASE, REVISIONS, connections=2)


@dataclass(frozen=True)
class Changing:
    """A transaction in which nobody else changes the board.

    Attributes:
        connection: to write on.
        board: as it is; written back when the transaction ends.
    """

    connection: Connection
    board: Board


@contextmanager
def changing(database: Database, routes: Routes | None = None) -> Iterator[Changing]:
    """Change the board: all that was changed is stored, or nothing.

    Args:
        database: see :func:`alerts_database`.
        routes: the rules; without them alerts cannot be taken in nor told.

    Raises:
        DatabaseError: PostgreSQL does not answer. Whether it was stored is known by reading.
    """
    with database.borrow() as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        board = Board(
            routes.grouping if routes else Grouping(),
            routes.inhibit_rules if routes else (),
            incidents={one.id: one for one in incidents(connection, "ended_at IS NULL")},
            alerts={one.id: one for one in alerts(connection, _OPEN)},
            silences=silences(connection, active=True),
        )
        yield Changing(connection, board)
        _write(connection, board)


def incidents(connection: Connection, condition: str, *values: object) -> list[Incident]:
    """Incidents that meet a condition, oldest first."""
    query = (
        f"SELECT {', '.join(_INCIDENT)} FROM alert_incidents WHERE {condition} ORDER BY opened_at"  # noqa: S608 - our own words
    )
    found = []
    for row in connection.execute(query.encode(), values).fetchall():
        read = _read(_INCIDENT, row)
        read["places"] = tuple(read["places"])
        read["escalate"] = tuple((after, tuple(places)) for after, places in read["escalate"])
        found.append(Incident(**read))
    return found


def alerts(connection: Connection, condition: str, *values: object) -> list[Alert]:
    """Alerts that meet a condition, in the order in which they came."""
    query = f"SELECT {', '.join(_ALERT)} FROM alerts WHERE {condition} ORDER BY joined_at, id"  # noqa: S608 - our own words
    rows = connection.execute(query.encode(), values).fetchall()
    return [Alert(**_read(_ALERT, row)) for row in rows]


def silences(connection: Connection, *, active: bool) -> list[Silence]:
    """Silences, the newest first; of the past ones the last hundred."""
    rows = connection.execute(
        """SELECT id, matchers, starts_at, ends_at, created_at, created_by, comment
           FROM alert_silences WHERE NOT %s OR ends_at > now() - interval '1 hour'
           ORDER BY (ends_at > now()) DESC, created_at DESC LIMIT CASE WHEN %s THEN NULL ELSE 100 END""",  # noqa: E501
        (active, active),
    ).fetchall()
    return [
        Silence(
            row[0],
            tuple(Matcher.parse(one) for one in row[1]),
            *(moment.timestamp() for moment in row[2:5]),
            *row[5:],
        )
        for row in rows
    ]


def record(connection: Connection, happened: Iterable[Happened]) -> None:
    """Put events on record; one that is there stays as it is."""
    rows = [
        {
            **{name: getattr(one, name) for name in _EVENT},
            "at": _iso(one.at),
            "recorded_at": _iso(one.recorded_at),
        }
        for one in happened
    ]
    _put(connection, "alert_events", _EVENT, rows, "DO NOTHING")


def known(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Which of these events are on record."""
    rows = connection.execute("SELECT id FROM alert_events WHERE id = ANY(%s)", (list(ids),))
    return {row[0] for row in rows.fetchall()}


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as a moment in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _read(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    return {
        name: value.timestamp() if name in _TIMES and value is not None else value
        for name, value in zip(names, row, strict=True)
    }


def _write(connection: Connection, board: Board) -> None:
    incidents = [board.incidents[name] for name in board.changed if name in board.incidents]
    _put(connection, "alert_incidents", _INCIDENT, [_row(_INCIDENT, one) for one in incidents])
    changed = [board.alerts[name] for name in board.changed if name in board.alerts]
    # The board does not read what is said where an alert stands alone: it is long.
    rows = [{**_row(_ALERT, one), "body": board.bodies.get(one.id, "")} for one in changed]
    kept = _kept(_ALERT) + ", body = coalesce(nullif(excluded.body, ''), alerts.body)"
    _put(connection, "alerts", (*_ALERT, "body"), rows, f"DO UPDATE SET {kept}")
    record(connection, board.happened)


def _put(
    connection: Connection,
    table: str,
    names: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    known: str = "",
) -> None:
    """Insert rows in one statement; what becomes of known ones is updated by default."""
    if not rows:
        return
    columns, known = ", ".join(names), known or f"DO UPDATE SET {_kept(names)}"
    statement = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, %s) ON CONFLICT (id) {known}"  # noqa: E501, S608 - our own words
    connection.execute(statement.encode(), (json.dumps(rows),))


def _kept(names: Sequence[str]) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in names if name != "id")


def _row(names: Sequence[str], one: Alert | Incident) -> dict[str, Any]:
    values = {name: getattr(one, name) for name in names}
    return {
        name: _iso(value) if name in _TIMES and value is not None else value
        for name, value in values.items()
    }


def _iso(seconds: float) -> str:
    return moment(seconds).isoformat()
