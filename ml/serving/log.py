"""Predictions and what became true: the tables that trials, drift and reports read."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ml.serving.ids import first_id
from ml.serving.revisions import REVISIONS
from platform_assets.core.databases import Database
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings

if TYPE_CHECKING:
    import polars as pl

DATABASE = "models"
_AT_ONCE = 5_000
"""Rows that one statement writes or deletes."""


class OutcomeError(WeirError):
    """An outcome that is none: no prediction's id, or neither 0 nor 1."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one model said to one request.

    Attributes:
        id: of the answer (UUID version 7); the caller sends the outcome under it.
        model: its name.
        version: its version.
        arm: ``champion`` or ``challenger``.
        trial: the trial that was running; empty where the row is no part of one: no challenger,
            or the champion stood in for a challenger that failed.
        key: user or session by which requests are divided.
        at: when the request came (UTC).
        seconds: that the model took.
        failed: it gave no answer.
        score: None where it failed.
        label: 0 or 1; None where it failed.
        shadow: scored, but never returned.
    """

    id: str
    model: str
    version: int
    arm: str
    trial: str
    key: str
    at: datetime
    seconds: float
    failed: bool
    score: float | None
    label: int | None
    shadow: bool


class PredictionLog:
    """The tables ``predictions`` and ``outcomes``; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        """Describe it; nothing is opened."""
        self._database = Database(settings, DATABASE, REVISIONS, connections=4)

    def add(self, predictions: Sequence[Prediction]) -> int:
        """Write predictions; those that are there are left as they are.

        Returns:
            How many were new.

        Raises:
            DatabaseError: PostgreSQL does not answer; so for all methods.
        """
        added = 0
        with self._database.borrow() as connection:
            for start in range(0, len(predictions), _AT_ONCE):
                rows = predictions[start : start + _AT_ONCE]
                added += connection.execute(
                    "INSERT INTO predictions (id, arm, model, version, trial, key, at, seconds,"
                    " failed, score, label, shadow)"
                    " SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::int[],"
                    " %s::text[], %s::text[], %s::timestamptz[], %s::float8[], %s::bool[],"
                    " %s::float8[], %s::int2[], %s::bool[])"
                    " ON CONFLICT DO NOTHING",
                    (
                        [row.id for row in rows],
                        [row.arm for row in rows],
                        [row.model for row in rows],
                        [row.version for row in rows],
                        [row.trial for row in rows],
                        [row.key for row in rows],
                        [row.at for row in rows],
                        [row.seconds for row in rows],
                        [row.failed for row in rows],
                        [row.score for row in rows],
                        [row.label for row in rows],
                        [row.shadow for row in rows],
                    ),
                ).rowcount
        return added

    def add_outcomes(self, outcomes: Sequence[tuple[str, int, datetime]]) -> int:
        """Write what became true; the first outcome of a prediction stays.

        An outcome may come before its prediction, and again. :meth:`disagreeing` tells which
        differ from what stands.

        Args:
            outcomes: id of the prediction, 0 or 1, when it was known (UTC).

        Returns:
            How many were new.

        Raises:
            OutcomeError: an id is no UUID, or a value is neither 0 nor 1; nothing is written.
        """
        checked = [(_uuid(id_), _bit(id_, actual), known) for id_, actual, known in outcomes]
        added = 0
        with self._database.borrow() as connection, connection.transaction():
            for start in range(0, len(checked), _AT_ONCE):
                rows = checked[start : start + _AT_ONCE]
                added += connection.execute(
                    "INSERT INTO outcomes (id, actual, known_at)"
                    " SELECT * FROM unnest(%s::uuid[], %s::int2[], %s::timestamptz[])"
                    " ON CONFLICT DO NOTHING",
                    ([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]),
                ).rowcount
        return added

    def disagreeing(self, outcomes: Sequence[tuple[str, int, datetime]]) -> list[str]:
        """Ids of these outcomes for which the other value stands, each once."""
        with self._database.borrow() as connection:
            rows = connection.execute(
                "SELECT DISTINCT o.id FROM outcomes o"
                " JOIN unnest(%s::uuid[], %s::int2[]) AS n (id, actual) USING (id)"
                " WHERE o.actual <> n.actual ORDER BY o.id",
                ([_uuid(row[0]) for row in outcomes], [row[1] for row in outcomes]),
            ).fetchall()
        return [str(id_) for (id_,) in rows]

    def joined(
        self, model: str, trial: str, since_id: str = "", limit: int | None = None
    ) -> pl.DataFrame:
        """Predictions of a trial with their outcomes, in order of time (of their ids).

        An id that was read without an outcome may have one later, and predictions that waited on
        a server's disk come late: whoever needs all of a trial reads it from the start.

        Args:
            model: its name.
            trial: its name; empty: what was answered outside of any trial.
            since_id: only later predictions.
            limit: most rows.

        Returns:
            Columns ``id``, ``arm``, ``version``, ``key``, ``at`` (UTC), ``seconds``, ``failed``,
            ``score``, ``label``, ``shadow``, ``actual`` and ``known_at`` (null where none is
            known yet).

        Raises:
            OutcomeError: ``since_id`` is not the id of a prediction.
        """
        import polars as pl

        with self._database.borrow() as connection:
            rows = connection.execute(
                "SELECT p.id::text, p.arm, p.version, p.key, p.at, p.seconds, p.failed, p.score,"
                " p.label, p.shadow, o.actual, o.known_at"
                " FROM predictions p LEFT JOIN outcomes o USING (id)"
                " WHERE p.model = %s AND p.trial = %s AND p.id > %s"
                " ORDER BY p.id, p.arm LIMIT %s",
                (model, trial, _uuid(since_id) if since_id else uuid.UUID(int=0), limit),
            ).fetchall()
        moment = pl.Datetime("us", "UTC")
        return pl.DataFrame(
            rows,
            schema={
                "id": pl.String,
                "arm": pl.String,
                "version": pl.Int64,
                "key": pl.String,
                "at": moment,
                "seconds": pl.Float64,
                "failed": pl.Boolean,
                "score": pl.Float64,
                "label": pl.Int64,
                "shadow": pl.Boolean,
                "actual": pl.Int64,
                "known_at": moment,
            },
            orient="row",
        )

    def forget(self, before: datetime) -> int:
        """Delete predictions made before a moment, and their outcomes; in short transactions.

        Returns:
            How many predictions went.
        """
        limit = first_id(before)
        gone = 0
        with self._database.borrow() as connection:
            while True:
                there = connection.execute(
                    "WITH old AS (SELECT id, arm FROM predictions WHERE id < %s"
                    " ORDER BY id LIMIT %s)"
                    " DELETE FROM predictions p USING old WHERE p.id = old.id AND p.arm = old.arm",
                    (limit, _AT_ONCE),
                ).rowcount
                gone += there
                if there < _AT_ONCE:
                    break
            while True:
                there = connection.execute(
                    "DELETE FROM outcomes WHERE id IN"
                    " (SELECT id FROM outcomes WHERE id < %s ORDER BY id LIMIT %s)",
                    (limit, _AT_ONCE),
                ).rowcount
                if there < _AT_ONCE:
                    return gone

    def older(self, before: datetime) -> int:
        """How many predictions were made before a moment: what :meth:`forget` would delete."""
        with self._database.borrow() as connection:
            row = connection.execute(
                "SELECT count(*) FROM predictions WHERE id < %s", (first_id(before),)
            ).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        self._database.close()


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise OutcomeError(
            f"{text[:100]!r} is not the id of a prediction", "send the id that the answer carried"
        ) from None


def _bit(id_: str, actual: int) -> int:
    if actual not in {0, 1}:
        raise OutcomeError(f"outcome of {id_}: {actual!r} is neither 0 nor 1", "send what happened")
    return int(actual)
