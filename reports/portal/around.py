"""What surrounds the texts on the live page: anomalies with their signal, and how sources fare.

Incidents and points are read from the tables that the watch of anomalies keeps (PostgreSQL database
``models``, ``ml/anomaly/revisions``), and never written.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from platform_assets.core.databases import Connection, connect
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from reports.definition import LIVE
from reports.portal.access import CurrentVisit
from reports.portal.audit import Action
from reports.store import NoSuchReportError

router = APIRouter()

_LOG = logging.getLogger(__name__)

EVERY_SECONDS = 10.0
"""It is read anew so often while somebody looks, for all of them together."""
MOST_INCIDENTS, MOST_SOURCES = 6, 20
POINTS = 96
"""Of a signal that is drawn."""
_EVENTS = 5000
"""Newest ones among which incidents are looked for: a bound on what is read in a storm."""
_DAYS = 7
"""Age of the last event of an incident that is shown."""
_DATABASE = "models"


@dataclass(frozen=True)
class Incident:
    """One stretch of strange points, as the page shows it.

    Attributes:
        stream, series, signal: of its strangest reading.
        open: whether it goes on.
        opened_at, at: its first strange point, and the one that was told of last (seconds).
        value: of the signal when last told.
        ratio: score by threshold then; None during a warm-up.
        points: oldest first: seconds, value, whether it is strange.
    """

    stream: str
    series: str
    signal: str
    open: bool
    opened_at: float
    at: float
    value: float
    ratio: float | None
    points: list[tuple[float, float, bool]]


def incidents(settings: Settings) -> list[Incident]:
    """The newest incidents, open ones first.

    Raises:
        psycopg.Error: PostgreSQL does not answer.
        SecretError: there is no password.
    """
    with connect(settings, _DATABASE) as connection:
        connection.execute("SET default_transaction_read_only = on")
        try:
            rows = connection.execute(
                """WITH newest AS (SELECT * FROM incident_events ORDER BY id DESC LIMIT %s),
                     last AS (SELECT DISTINCT ON (incident) stream, series, kind, at, details
                              FROM newest ORDER BY incident, ordinal DESC)
                   SELECT stream, series, kind, at, details FROM last
                   WHERE at > now() - make_interval(days => %s)
                   ORDER BY kind = 'recovered', at DESC LIMIT %s""",
                (_EVENTS, _DAYS, MOST_INCIDENTS),
            ).fetchall()
        except psycopg.errors.UndefinedTable:
            return []  # nothing was ever watched
        return [found for row in rows if (found := _incident(connection, *row)) is not None]


def _incident(
    connection: Connection, stream: str, series: str, kind: str, at: datetime, details: Any
) -> Incident | None:
    if not details.get("readings"):
        return None
    strangest = details["readings"][0]
    recovered = kind == "recovered"
    rows = connection.execute(
        """SELECT at, value, coalesce(score > threshold, false) FROM anomaly_scores
           WHERE stream = %s AND series = %s AND signal = %s AND (%s OR at <= %s)
           ORDER BY at DESC LIMIT %s""",
        (stream, series, strangest["signal"], not recovered, at, POINTS),
    ).fetchall()
    threshold = strangest.get("threshold")
    return Incident(
        stream,
        series,
        strangest["signal"],
        not recovered,
        float(details["incident"]["opened_at"]),
        at.timestamp(),
        strangest["value"],
        strangest["score"] / threshold if threshold else None,
        [(moment.timestamp(), value, strange) for moment, value, strange in reversed(rows)],
    )


def sources(settings: Settings) -> list[dict[str, Any]]:
    """Each source's ``source``, ``health``, ``ill``, ``row_at`` (seconds), the worst first.

    Why a source is ill may name addresses inside, so it is on the administrators' page alone.

    Raises:
        DatabaseError: PostgreSQL does not answer.
    """
    # The modules of all connectors: only where somebody looks.
    from platform_assets.connectors.operate.health import ILL, Health, all_streams, summed

    order = list(Health)
    return [
        {
            "source": one["source"],
            "health": one["health"],
            "ill": one["health"] in ILL,
            "row_at": one["row_at"].timestamp() if one["row_at"] else None,
        }
        for one in sorted(
            summed(all_streams(settings)),
            key=lambda one: (order.index(Health(one["health"])), one["source"]),
        )
    ]


class Around:
    """Reads both, at most every :data:`EVERY_SECONDS`, whoever asks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._known: dict[str, Any] = {}
        self._until = 0.0

    def take(self) -> dict[str, Any]:
        """``incidents``, ``sources`` and ``more_sources``; a list that cannot be read is None."""
        with self._lock:
            if time.monotonic() >= self._until:
                known = self._part(sources)
                self._known = {
                    "incidents": self._part(
                        lambda settings: [one.__dict__ for one in incidents(settings)]
                    ),
                    "sources": known and known[:MOST_SOURCES],
                    "more_sources": max(0, len(known or ()) - MOST_SOURCES),
                    "at": time.time(),
                }
                self._until = time.monotonic() + EVERY_SECONDS
            return self._known

    def _part(self, read: Callable[[Settings], list[Any]]) -> list[Any] | None:
        try:
            return read(self._settings)
        except (WeirError, psycopg.Error) as error:
            _LOG.warning("live page: %s", error)
            return None


@router.get("/live/around")
def around(request: Request, visit: CurrentVisit) -> Response:
    """Anomalies and sources for the live page, as JSON."""
    if not visit.user.may_read(LIVE):
        visit.record(Action.REFUSED, LIVE)
        raise NoSuchReportError("the live page is for those who may read it")
    found: Around = request.app.state.around
    return JSONResponse(found.take())
