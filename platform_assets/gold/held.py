"""Fresh models that fail: held back one by one, with the reason and the next try on record."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from platform_assets.core.databases import Database
from platform_assets.core.settings import Settings
from platform_assets.gold.revisions import REVISIONS
from platform_assets.streaming.ledger_database import DATABASE, retry_connection

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 600.0


@dataclass(frozen=True)
class HeldModel:
    """A fresh model that failed and is tried again.

    Attributes:
        model: the dbt model.
        since: when it first failed.
        failures: tries that failed.
        reason: what the last one failed with.
        retry_at: when it is tried next.
        due: whether that time has come, by the database's clock.
    """

    model: str
    since: datetime
    failures: int
    reason: str
    retry_at: datetime
    due: bool


class HeldModels:
    """The table ``held_model``."""

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings, DATABASE, REVISIONS, connections=2)

    @retry_connection
    def rows(self) -> list[HeldModel]:
        """The models that are held, the next to be tried first."""
        with self._database.borrow() as connection:
            cursor = connection.cursor(row_factory=class_row(HeldModel))
            return cursor.execute(
                """select model, since, failures, reason, retry_at, retry_at <= now() as due
                   from held_model order by retry_at, model"""
            ).fetchall()

    @retry_connection
    def hold(self, model: str, reason: str, failures: int) -> float:
        """Record a failure; returns the seconds until the next try.

        Args:
            model: the dbt model.
            reason: what it failed with.
            failures: how many tries have failed in a row, this one included.
        """
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 20))
        pause = random.uniform(longest / 2, longest)  # noqa: S311 (jitter, no secret)
        with self._database.borrow() as connection:
            connection.execute(
                """insert into held_model (model, failures, reason, retry_at)
                   values (%s, %s, %s, now() + %s * interval '1 second')
                   on conflict (model) do update set failures = excluded.failures,
                     reason = excluded.reason, retry_at = excluded.retry_at""",
                (model, failures, reason, pause),
            )
        return pause

    @retry_connection
    def try_now(self, model: str) -> None:
        """Let a model's next step come without a pause: it has more to catch up."""
        with self._database.borrow() as connection:
            connection.execute("update held_model set retry_at = now() where model = %s", (model,))

    @retry_connection
    def release(self, model: str) -> None:
        """Forget a model that has caught up."""
        with self._database.borrow() as connection:
            connection.execute("delete from held_model where model = %s", (model,))

    def close(self) -> None:
        """Close the pool."""
        self._database.close()
