"""The delivery log: what was sent to whom, and whose turn it is to send."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import Any

import psycopg

from platform_assets.core.databases import SHORT, Connection, Database, may_pass, unusable
from platform_assets.core.settings import Settings
from reports.delivery.model import Delivery, Key, State
from reports.delivery.revisions import REVISIONS

DATABASE = "reports"
ERROR_LIMIT = 1_000
_COLUMNS = (
    "report, period, recipient, state, attempts, sendings, last_error, document_digest, "
    "message_id, created_at, updated_at, sent_at, alerted_at"
)
_FILTER = """(%(report)s::text IS NULL OR report = %(report)s)
    AND (%(period)s::text IS NULL OR period = %(period)s)
    AND (%(recipient)s::text IS NULL OR recipient = %(recipient)s)
    AND (%(state)s::text IS NULL OR state = %(state)s)"""


class BusyError(Exception):
    """Another run is sending the same to the same recipient, and did not end in time."""


class DeliveryLog:
    """The log; safe to share between threads.

    Raises:
        DatabaseError: from every method, where PostgreSQL does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = _database(settings)
        self._database.prepare()

    @contextmanager
    def turn(self, key: Key, wait_seconds: float) -> Iterator[None]:
        """Keep every other run from sending this delivery.

        The lock belongs to a connection: it is gone when the process is.

        Args:
            key: the delivery.
            wait_seconds: how long to wait for another run.

        Raises:
            BusyError: the other run is still at it.
        """
        connection = self._database.connect()
        try:
            _lock(connection, key, wait_seconds)
        except psycopg.errors.LockNotAvailable:
            connection.close()
            raise BusyError from None
        except psycopg.Error as error:
            connection.close()
            raise unusable(self._settings, DATABASE, error) from None
        try:
            yield
        finally:
            connection.close()

    def enter(self, key: Key) -> Delivery:
        """The delivery's row, made where there is none."""
        self._run(
            """INSERT INTO deliveries (report, period, recipient) VALUES (%s, %s, %s)
               ON CONFLICT (report, period, recipient) DO NOTHING""",
            key,
        )
        rows = self._read(
            f"SELECT {_COLUMNS} FROM deliveries WHERE {_FILTER}",  # noqa: S608
            {**key._asdict(), "state": None},
        )
        return rows[0]

    def begin(self, key: Key, sending: int, digest: str, message_id: str) -> None:
        """Note an attempt before it is made, so that a crash in it is seen."""
        self._run(
            """UPDATE deliveries SET state = 'pending', updated_at = now(), alerted_at = NULL,
                 attempts = CASE WHEN sendings = %s THEN attempts + 1 ELSE 1 END,
                 sendings = %s, document_digest = %s, message_id = %s
               WHERE report = %s AND period = %s AND recipient = %s""",
            (sending, sending, digest, message_id, *key),
        )

    def end(self, key: Key, state: State, error: str = "", message_id: str = "") -> None:
        """Note how an attempt ended.

        Args:
            key: the delivery.
            state: what became of it.
            error: why, or what is missing.
            message_id: as the other side knows it; empty keeps what is noted.
        """
        self._run(
            """UPDATE deliveries SET state = %s, last_error = %s, updated_at = now(),
                 message_id = coalesce(nullif(%s, ''), message_id),
                 sent_at = CASE WHEN %s = 'sent' THEN now() ELSE sent_at END
               WHERE report = %s AND period = %s AND recipient = %s""",
            (state, error[:ERROR_LIMIT], message_id, state, *key),
        )

    def find(
        self,
        *,
        report: str | None = None,
        period: str | None = None,
        recipient: str | None = None,
        state: State | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Deliveries that fit every filter given, the last changed first."""
        return self._read(
            f"SELECT {_COLUMNS} FROM deliveries WHERE {_FILTER} "  # noqa: S608
            "ORDER BY updated_at DESC, report, period, recipient LIMIT %(limit)s",
            {
                "report": report,
                "period": period,
                "recipient": recipient,
                "state": state,
                "limit": limit,
            },
        )

    def retry_dead(
        self,
        *,
        report: str | None = None,
        period: str | None = None,
        recipient: str | None = None,
    ) -> Sequence[Key]:
        """Give dead deliveries that fit every filter another chance.

        They become failed ones with no attempts yet: the next :func:`~.send.deliver` sends them,
        under their old Message-ID.

        Returns:
            What was revived, by report, period and recipient.
        """
        return sorted(
            Key(*row)
            for row in self._run(
                f"""UPDATE deliveries SET state = 'failed', attempts = 0, updated_at = now(),
                     alerted_at = NULL
                   WHERE {_FILTER} RETURNING report, period, recipient""",  # noqa: S608
                {"report": report, "period": period, "recipient": recipient, "state": State.DEAD},
            )
        )

    def unalerted(self, stuck_after: timedelta, limit: int = 50) -> Sequence[Delivery]:
        """Deliveries that somebody must hear of and has not, the oldest first.

        Args:
            stuck_after: a delivery that was begun and not ended for so long counts too: its run
                died.
            limit: at most so many.
        """
        return self._read(
            f"""SELECT {_COLUMNS} FROM deliveries WHERE alerted_at IS NULL AND (state = 'dead'
                  OR state IN ('pending', 'failed') AND updated_at < now() - %(stuck)s)
                ORDER BY updated_at, report, period, recipient LIMIT %(limit)s""",  # noqa: S608
            {"stuck": stuck_after, "limit": limit},
        )

    def mark_alerted(self, delivery: Delivery) -> None:
        """Note that the alert about a delivery went out, unless it changed meanwhile."""
        self._run(
            """UPDATE deliveries SET alerted_at = now()
               WHERE report = %s AND period = %s AND recipient = %s AND updated_at = %s""",
            (*delivery.key, delivery.updated_at),
        )

    def _read(self, statement: str, parameters: dict[str, Any]) -> list[Delivery]:
        return [
            Delivery(Key(*row[:3]), State(row[3]), *row[4:])
            for row in self._run(statement, parameters)
        ]

    def _run(
        self, statement: str, parameters: Sequence[Any] | dict[str, Any]
    ) -> list[tuple[Any, ...]]:
        def run() -> list[tuple[Any, ...]]:
            with self._database.connect() as connection:
                cursor = connection.execute(statement.encode(), parameters)
                return cursor.fetchall() if cursor.description else []

        try:
            return SHORT.retry.on(may_pass)(run)
        except psycopg.Error as error:
            raise unusable(self._settings, DATABASE, error) from None


@lru_cache(maxsize=4)
def _database(settings: Settings) -> Database:
    """One a process, so that its table is looked at once."""
    return Database(settings, DATABASE, REVISIONS)


def _lock(connection: Connection, key: Key, wait_seconds: float) -> None:
    # The wait for the lock has its own bound, longer than that of a statement.
    connection.execute(
        "SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', %s, false)",
        (f"{round(wait_seconds * 1000)}ms",),
    )
    name = "weir delivery\n" + "\n".join(key)
    connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
