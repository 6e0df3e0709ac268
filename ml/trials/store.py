"""The table ``trials``: what each trial and probation is judged by, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from ml.canary.sequential import Verdict
from ml.trials.revisions import REVISIONS
from platform_assets.core.databases import Database
from platform_assets.core.settings import Settings

DATABASE = "models"


class Kind(StrEnum):
    """What is judged."""

    TRIAL = "trial"
    """A challenger beside the champion."""
    PROBATION = "probation"
    """A fresh champion, against what is known of the one before it."""


@dataclass(frozen=True)
class Case:
    """One trial or probation.

    Attributes:
        model: its name.
        kind: what is judged.
        revision: of the deployment that began it; with model and kind it names the case.
        version: that is judged.
        against: the champion it is compared with.
        began_at: when (UTC, whole milliseconds, as the ids of predictions).
        terms: as :class:`ml.trials.replay.Terms` or :class:`ml.trials.probation.Probation` stores
            them; fixed when it begins.
        verdict: None while it runs.
        reason: of the verdict.
        evidence: of the verdict, as JSON.
        actor: who reached it.
        decided_at: when.
        acted_at: when it was carried out.
        told_at: when people were told.
    """

    model: str
    kind: Kind
    revision: int
    version: int
    against: int
    began_at: datetime
    terms: Mapping[str, Any] = field(default_factory=dict)
    verdict: Verdict | None = None
    reason: str = ""
    evidence: Mapping[str, Any] | None = None
    actor: str = ""
    decided_at: datetime | None = None
    acted_at: datetime | None = None
    told_at: datetime | None = None

    @property
    def name(self) -> str:
        """For people and keys: ``purchase/17@4`` (model, version, revision)."""
        return f"{self.model}/{self.version}@{self.revision}"


_COLUMNS = sql.SQL(
    "model, kind, revision, version, against, began_at, terms, verdict, reason, evidence, actor,"
    " decided_at, acted_at, told_at"
)


class Cases:
    """The table; safe to share between threads.

    Raises:
        DatabaseError: from every method, where PostgreSQL does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        """Describe it; nothing is opened."""
        self._database = Database(settings, DATABASE, REVISIONS, connections=2)

    def open(self, case: Case) -> Case:
        """The case as it stands; one that is not there is added with its terms."""
        self._run(
            "INSERT INTO trials (model, kind, revision, version, against, began_at, terms)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (
                case.model,
                case.kind,
                case.revision,
                case.version,
                case.against,
                case.began_at,
                Jsonb(dict(case.terms)),
            ),
        )
        found = self.find(case.model, case.kind, case.revision)
        assert found is not None  # noqa: S101 (rows are never deleted)
        return found

    def find(self, model: str, kind: Kind, revision: int) -> Case | None:
        """One case, None where it has not been opened."""
        rows = self._read("model = %s AND kind = %s AND revision = %s", (model, kind, revision))
        return rows[0] if rows else None

    def decide(
        self, case: Case, verdict: Verdict, reason: str, evidence: Mapping[str, Any], actor: str
    ) -> Case:
        """Let a verdict stand, unless another one does already; returns the case as it stands."""
        self._run(
            "UPDATE trials SET verdict = %s, reason = %s, evidence = %s, actor = %s,"
            " decided_at = clock_timestamp()"
            " WHERE model = %s AND kind = %s AND revision = %s AND verdict IS NULL",
            (
                verdict.value,
                reason,
                Jsonb(dict(evidence)),
                actor,
                case.model,
                case.kind,
                case.revision,
            ),
        )
        return self.open(case)

    def mark(self, case: Case, *, acted: bool = False, told: bool = False) -> None:
        """Note that the verdict was carried out, or that people were told."""
        self._run(
            "UPDATE trials SET acted_at = CASE WHEN %s THEN coalesce(acted_at, clock_timestamp())"
            " ELSE acted_at END, told_at = CASE WHEN %s THEN coalesce(told_at, clock_timestamp())"
            " ELSE told_at END WHERE model = %s AND kind = %s AND revision = %s",
            (acted, told, case.model, case.kind, case.revision),
        )

    def unfinished(self, model: str) -> list[Case]:
        """Cases whose verdict stands and was not carried out: somebody died in between."""
        return self._read("model = %s AND verdict IS NOT NULL AND acted_at IS NULL", (model,))

    def untold(self, model: str) -> list[Case]:
        """Cases whose verdict stands and of which nobody was told."""
        return self._read("model = %s AND verdict IS NOT NULL AND told_at IS NULL", (model,))

    def history(self, model: str, limit: int = 50) -> list[Case]:
        """Cases of a model, newest first."""
        return self._read("model = %s", (model,), limit=limit)

    def rolled_back(self, model: str, version: int) -> bool:
        """Whether a version was shown to do harm: nothing tries it again by itself.

        One that broke a limit while nobody else answered was not: the cause may be elsewhere.
        """
        return bool(
            self._read(
                "model = %s AND version = %s AND verdict = 'roll back'"
                " AND evidence->>'blamed' IS DISTINCT FROM 'false'",
                (model, version),
                limit=1,
            )
        )

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        self._database.close()

    def _run(self, statement: str, values: tuple[Any, ...]) -> None:
        with self._database.borrow() as connection:
            connection.execute(statement.encode(), values)

    def _read(self, condition: str, values: tuple[Any, ...], limit: int = 1_000) -> list[Case]:
        statement = sql.SQL(
            "SELECT {columns} FROM trials WHERE {condition}"
            " ORDER BY revision DESC, kind LIMIT {limit}"
        ).format(
            columns=_COLUMNS,
            condition=sql.SQL(condition),
            limit=sql.Literal(limit),
        )
        with self._database.borrow() as connection:
            rows = connection.execute(statement, values).fetchall()
        return [_case(row) for row in rows]


def _case(row: tuple[Any, ...]) -> Case:
    model, kind, revision, version, against, began_at, terms, verdict, *rest = row
    return Case(
        model,
        Kind(kind),
        revision,
        version,
        against,
        began_at.astimezone(UTC),
        terms,
        Verdict(verdict) if verdict else None,
        *rest,
    )
