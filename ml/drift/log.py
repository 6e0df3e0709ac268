"""The record of what each period said: one row a model, version and period."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from ml.drift.compare import Move
from ml.drift.decide import Decision
from ml.drift.quality import Counts
from ml.drift.revisions import REVISIONS
from ml.spec import Retraining
from platform_assets.core.databases import Database
from platform_assets.core.settings import Settings

_COLUMNS = (
    "model, version, period, retrain, reason, moves, streaks, fingerprint, trained_until, "
    "counts, alarm, alarm_reason, at, serial"
)


@dataclass(frozen=True)
class Entry:
    """One period of one version.

    Attributes:
        model: its name.
        version: of the model; whose reference the period was compared with.
        decision: what the features said; its period is a day, its version the same.
        trained_until: end of the version's training data.
        counts: of the labels that became known in the period.
        alarm: whether the labels up to this period show a fall; its reason, in words.
        at: when it was written; None before that.
        serial: grows with every write.
    """

    model: str
    version: int
    decision: Decision
    trained_until: datetime
    counts: Counts = field(default_factory=Counts)
    alarm: bool = False
    alarm_reason: str = ""
    at: datetime | None = None
    serial: int = 0

    @property
    def day(self) -> date:
        """The period."""
        return date.fromisoformat(self.decision.period)

    @property
    def asks(self) -> bool:
        """Whether drift or labels are a reason to train again."""
        return self.decision.retrain or self.alarm

    def reason_for(self, retraining: Retraining) -> str:
        """Why it asks for a training of its model, in words; empty where it does not."""
        found = []
        if retraining.on_drift and self.decision.retrain:
            found.append(self.decision.reason)
        if retraining.on_concept and self.alarm:
            found.append(self.alarm_reason)
        age = datetime.combine(self.day, time(), UTC) + timedelta(days=1) - self.trained_until
        if retraining.max_age is not None and age > retraining.max_age:
            found.append(
                f"the training data ended on {self.trained_until:%Y-%m-%d}, {age.days} days "
                f"before; {retraining.max_age.days} days are the most"
            )
        return "; ".join(filter(None, found))


class DriftLog:
    """The table; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings, "models", REVISIONS, connections=2)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def put(self, entry: Entry) -> None:
        """Write a period; one that is there is replaced.

        Raises:
            DatabaseError: PostgreSQL does not answer.
        """
        decision, counts = entry.decision, entry.counts
        with self._database.borrow() as connection, connection.transaction():
            # One writer at a time: whoever reads up to a serial has seen all below it.
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('drift_decisions'))")
            connection.execute(
                """INSERT INTO drift_decisions (
                       model, version, period, retrain, reason, moves, streaks, fingerprint,
                       trained_until, counts, alarm, alarm_reason, serial)
                   VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, nextval('drift_serial'))
                   ON CONFLICT (model, version, period) DO UPDATE SET
                       retrain = excluded.retrain, reason = excluded.reason,
                       moves = excluded.moves, streaks = excluded.streaks,
                       fingerprint = excluded.fingerprint,
                       trained_until = excluded.trained_until, counts = excluded.counts,
                       alarm = excluded.alarm, alarm_reason = excluded.alarm_reason,
                       at = now(), serial = excluded.serial""",
                (
                    entry.model, entry.version, entry.day, decision.retrain, decision.reason,
                    moves_to_json(decision.moves), json.dumps(dict(decision.streaks)),
                    decision.fingerprint, entry.trained_until,
                    [counts.tp, counts.fp, counts.fn, counts.tn], entry.alarm,
                    entry.alarm_reason,
                ),
            )  # fmt: skip

    def find(self, model: str, version: int, day: date) -> Entry | None:
        """A period of a version; None where it was not judged.

        Raises:
            DatabaseError: PostgreSQL does not answer.
        """
        found = self._read(
            "WHERE model = %s AND version = %s AND period = %s", (model, version, day)
        )
        return found[0] if found else None

    def of(self, model: str, version: int | None = None, limit: int = 400) -> list[Entry]:
        """The last periods of a version, or of all, oldest first.

        Raises:
            DatabaseError: PostgreSQL does not answer.
        """
        found = self._read(
            "WHERE model = %s AND coalesce(version = %s, true) "
            "ORDER BY period DESC, version DESC LIMIT %s",
            (model, version, limit),
        )
        return found[::-1]

    def since(self, serial: int, limit: int = 500) -> list[Entry]:
        """What was written after ``serial``, of all models, in order of writing.

        Raises:
            DatabaseError: PostgreSQL does not answer.
        """
        return self._read("WHERE serial > %s ORDER BY serial LIMIT %s", (serial, limit))

    def _read(self, condition: str, values: Sequence[object]) -> list[Entry]:
        sql = f"SELECT {_COLUMNS} FROM drift_decisions {condition}"  # noqa: S608 (constants)
        with self._database.borrow() as connection:
            return [_entry(row) for row in connection.execute(sql, values).fetchall()]


def _entry(row: tuple[Any, ...]) -> Entry:
    (model, version, period, retrain, reason, moves, streaks, fingerprint,
     until, counts, alarm, alarm_reason, at, serial) = row  # fmt: skip
    decision = Decision(
        period.isoformat(), retrain, reason, moves_from(moves), streaks, str(version), fingerprint
    )
    return Entry(
        model, version, decision, until, Counts(*counts), alarm, alarm_reason, at, serial
    )  # fmt: skip


def moves_to_json(moves: Sequence[Move]) -> str:
    """Moves as JSON, which has no infinite numbers: those are texts."""

    def plain(value: object) -> object:
        odd = isinstance(value, float) and not math.isfinite(value)
        return str(value) if odd else value

    return json.dumps(
        [{name: plain(value) for name, value in asdict(move).items()} for move in moves]
    )


def moves_from(found: Sequence[dict[str, Any]]) -> tuple[Move, ...]:
    """Moves as they were, from parsed JSON."""
    return tuple(
        Move(**{**move, **{name: float(move[name]) for name in ("p", "effect", "shift")}})
        for move in found
    )
