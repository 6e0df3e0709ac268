"""Reads what the test needs from the tables ``predictions`` and ``outcomes``.

The time of a request is that of its id (a UUID of version 7): one clock, one order, one index. A
label counts from the moment when it is known and its answer is older than the label delay. Of
the labelled answers to one key only the first counts: a user who returns ten times is not ten
independent outcomes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from psycopg import sql

from ml.serving.ids import first_id
from ml.serving.revisions import REVISIONS
from ml.trials.replay import Outcomes, Requests
from platform_assets.core.databases import Database
from platform_assets.core.settings import Settings

DATABASE = "models"
PAGE = 50_000
"""Requests read at once."""

# Milliseconds since 1970 in the first 48 bits of the id.
_MILLISECOND = sql.SQL(
    "('x' || lpad(substr(replace(p.id::text, '-', ''), 1, 12), 16, '0'))::bit(64)::bigint"
)


@dataclass(frozen=True)
class Scope:
    """Which rows.

    Attributes:
        model: its name.
        began: only later ones.
        trial: name of the trial; empty: the probation of a champion, whatever was on trial.
        version: of the champion on probation. What other versions of the model answered at the
            same time is read too, and flagged as the other arm.
    """

    model: str
    began: datetime
    trial: str = ""
    version: int = 0

    def where(self) -> tuple[sql.Composable, dict[str, Any]]:
        """Condition over predictions ``p``, and its values."""
        values = {
            "model": self.model,
            "trial": self.trial,
            "version": self.version,
            "first": first_id(self.began),
        }
        mine = "p.trial = %(trial)s" if self.trial else "(p.version <> %(version)s OR NOT p.shadow)"
        return sql.SQL(f"p.model = %(model)s AND p.id >= %(first)s AND {mine}"), values

    def flag(self) -> sql.Composable:
        """Expression over predictions ``p``: whether a row is the challenger's, or another's."""
        return sql.SQL("(p.arm = 'challenger')" if self.trial else "(p.version <> %(version)s)")


class TrialRows:
    """Rows of trials; safe to share between threads.

    Raises:
        DatabaseError: from every method, where PostgreSQL does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        """Describe it; nothing is opened."""
        self._database = Database(settings, DATABASE, REVISIONS, connections=2)

    def requests(
        self, scope: Scope, since: datetime, until: datetime, window: float
    ) -> Iterator[Requests]:
        """Requests from ``since`` on and before ``until``, in order of time, whole windows at once.

        Memory is bounded by the page, or by a window that holds more.

        Args:
            scope: which ones.
            since: an edge of a window.
            until: a later edge.
            window: length of a window, in seconds; no page ends within one.
        """
        condition, values = scope.where()
        statement = sql.SQL(
            "SELECT {at}, {flag}, p.failed, p.seconds, p.id, p.arm"
            " FROM predictions p WHERE {condition}"
            " AND (p.id, p.arm) > (%(after)s, %(arm)s) AND p.id >= %(since)s AND p.id < %(until)s"
            " ORDER BY p.id, p.arm LIMIT %(page)s"
        ).format(at=_MILLISECOND, flag=scope.flag(), condition=condition)
        values.update(after=UUID(int=0), arm="", page=PAGE)
        values.update(since=first_id(since), until=first_id(until))
        while True:
            with self._database.borrow() as connection:
                rows = connection.execute(statement, values).fetchall()
            if not rows:
                return
            at, challenger, failed, seconds, ids, arms = zip(*rows, strict=True)
            times = _since(at, scope.began)
            whole = len(rows)
            if whole == values["page"]:
                numbers = np.floor(times / window)
                whole = int(np.searchsorted(numbers, numbers[-1]))
            if not whole:
                values["page"] *= 2
                continue
            yield Requests(
                times[:whole],
                np.array(challenger[:whole], dtype=np.bool_),
                np.array(failed[:whole], dtype=np.bool_),
                np.array(seconds[:whole], dtype=np.float64),
            )
            values.update(after=ids[whole - 1], arm=arms[whole - 1], page=PAGE)

    def count(self, scope: Scope, since: datetime, until: datetime) -> int:
        """How many requests there are, to see whether some came late."""
        condition, values = scope.where()
        with self._database.borrow() as connection:
            row = connection.execute(
                sql.SQL(
                    "SELECT count(*) FROM predictions p WHERE {condition}"
                    " AND p.id >= %(since)s AND p.id < %(until)s"
                ).format(condition=condition),
                {**values, "since": first_id(since), "until": first_id(until)},
            ).fetchone()
        return int(row[0]) if row else 0

    def outcomes(self, scope: Scope, label_delay: float, until: datetime) -> Outcomes:
        """Labelled answers that count before ``until``, one a key, in order of time.

        In shadow mode both arms answer the same request; its two rows follow each other. As the
        other requests of the champion could only add noise to a trial, they are left out there.
        """
        condition, values = scope.where()
        statement = sql.SQL(
            """
            WITH labelled AS (
                SELECT p.id, p.arm, p.key, p.label, {flag} AS flag, o.actual,
                       p.shadow AND {trial} AS shadow,
                       greatest({at}::float8 / 1000 + %(delay)s,
                                extract(epoch FROM o.known_at)::float8) AS ready
                FROM predictions p JOIN outcomes o USING (id)
                WHERE {condition} AND NOT p.failed AND p.label IS NOT NULL
            ), numbered AS (
                SELECT *, first_value(id) OVER (PARTITION BY key ORDER BY ready, id) AS first,
                       count(*) OVER (PARTITION BY id) AS answers,
                       bool_or(shadow) OVER () AS shadowed
                FROM labelled
            )
            SELECT ready * 1000, flag, label, actual FROM numbered
            WHERE id = first AND ready < %(until)s AND (answers > 1 OR NOT shadowed)
            ORDER BY ready, id, arm
            """
        ).format(
            at=_MILLISECOND, flag=scope.flag(), trial=sql.Literal(bool(scope.trial)),
            condition=condition,
        )  # fmt: skip
        with self._database.borrow() as connection:
            rows = connection.execute(
                statement, {**values, "delay": label_delay, "until": until.timestamp()}
            ).fetchall()
        at, challenger, label, actual = zip(*rows, strict=True) if rows else ((), (), (), ())
        return Outcomes(
            _since(at, scope.began),
            np.array(challenger, dtype=np.bool_),
            np.array(label, dtype=np.int64),
            np.array(actual, dtype=np.int64),
        )

    def requests_by_hour(
        self, model: str, version: int, since: datetime, before: datetime, an_hour: int
    ) -> Requests:
        """The last requests of each hour that a version answered as champion, in order of time.

        Args:
            model: its name.
            version: of the champion.
            since: the first hour begins here.
            before: only earlier ones; times are told from here and so are negative.
            an_hour: how many of an hour at most.
        """
        statement = sql.SQL(
            """
            SELECT {at}, p.failed, p.seconds FROM (
                SELECT p.id, p.failed, p.seconds, row_number() OVER (
                    PARTITION BY ({at} - %(before_ms)s) / 3600000 ORDER BY p.id DESC) AS number
                FROM predictions p
                WHERE p.model = %(model)s AND p.version = %(version)s AND NOT p.shadow
                  AND p.id >= %(since)s AND p.id < %(before)s) p
            WHERE number <= %(an_hour)s ORDER BY p.id
            """
        ).format(at=_MILLISECOND)
        values = {
            "model": model,
            "version": version,
            "since": first_id(since),
            "before": first_id(before),
            "before_ms": int(before.timestamp() * 1000),
            "an_hour": an_hour,
        }
        with self._database.borrow() as connection:
            rows = connection.execute(statement, values).fetchall()
        at, failed, seconds = zip(*rows, strict=True) if rows else ((), (), ())
        return Requests(
            _since(at, before),
            np.zeros(len(rows), dtype=np.bool_),
            np.array(failed, dtype=np.bool_),
            np.array(seconds, dtype=np.float64),
        )

    def labels(self, scope: Scope, label_delay: float, until: datetime) -> int:
        """Labelled answers before ``until`` that are as old as the delay.

        Those of the challenger, or of the champion on probation: the cheap question whether to
        look again.
        """
        condition, values = scope.where()
        arm = sql.SQL("AND {flag}" if scope.trial else "AND NOT {flag}").format(flag=scope.flag())
        with self._database.borrow() as connection:
            row = connection.execute(
                sql.SQL(
                    "SELECT count(*) FROM predictions p JOIN outcomes o USING (id)"
                    " WHERE {condition} {arm} AND p.id < %(old)s"
                ).format(condition=condition, arm=arm),
                {**values, "old": first_id(until - timedelta(seconds=label_delay))},
            ).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        self._database.close()


def whole_windows(began: datetime, now: datetime, window: float) -> datetime:
    """End of the last window that is over at a time."""
    whole = max(0, int((now - began).total_seconds() // window))
    return began + timedelta(seconds=whole * window)


def _since(milliseconds: tuple[Any, ...], began: datetime) -> np.ndarray[Any, Any]:
    """Seconds from a moment on, floored to the millisecond of the moment as ids are."""
    start = int(began.timestamp() * 1000)
    return (np.array(milliseconds, dtype=np.float64) - start) / 1000
