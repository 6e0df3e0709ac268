"""Locks in PostgreSQL: one writer a table, one stream run at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType

import psycopg

from platform_assets.core.databases import Connection
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.streaming.ledger_database import ledger_database

LOCK_WAIT_SECONDS = 120.0
"""How long a writer waits for its turn: many commits fit in it."""


class LockTimeoutError(WeirError):
    """A table's writer lock did not come free in time."""


class LeaseHeldError(WeirError):
    """Another process holds the lease."""


class LeaseLostError(WeirError):
    """The connection that held the lease is gone, so another process may hold it now."""


@contextmanager
def writer_lock(settings: Settings, table: str) -> Iterator[None]:
    """Hold a table's writer lock for one commit.

    Args:
        settings: where PostgreSQL is.
        table: the table's SQL name, e.g. ``silver.commerce.clickstream``.

    Raises:
        LockTimeoutError: another writer kept it longer than two minutes.
    """
    with ledger_database(settings).borrow() as connection, connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = '{int(LOCK_WAIT_SECONDS)}s'")
        try:
            connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"writer:{table}",)
            )
        except psycopg.errors.LockNotAvailable as error:
            raise LockTimeoutError(
                f"{table}: another writer has held its lock for {LOCK_WAIT_SECONDS:.0f} s",
                hint="see who: weir streams; then try again",
            ) from error
        yield


@dataclass(frozen=True)
class LeaseRow:
    """Who held a lease last, and whether somebody holds it now."""

    name: str
    run_id: str
    pid: int
    code_version: str
    taken_at: datetime
    stop_requested: str | None
    held: bool


class Lease:
    """The right to be the one long-lived run of a name; a context manager.

    Raises:
        LeaseHeldError: on entry, when another process holds it.
    """

    def __init__(self, settings: Settings, name: str, run_id: str, code_version: str) -> None:
        self._settings = settings
        self._name = name
        self._run_id = run_id
        self._code_version = code_version
        self._connection: Connection | None = None

    def __enter__(self) -> Lease:
        connection = ledger_database(self._settings).connect()
        row = connection.execute(
            "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (f"lease:{self._name}",)
        ).fetchone()
        if not (row and row[0]):
            connection.close()
            holder = read_lease(self._settings, self._name)
            who = f"run {holder.run_id} (pid {holder.pid})" if holder else "another process"
            raise LeaseHeldError(
                f"{self._name}: {who} is already running",
                hint="nothing to do: one is enough; to replace it, terminate that run",
            )
        connection.execute(
            """INSERT INTO lease (name, run_id, pid, code_version, taken_at)
               VALUES (%s, %s, %s, %s, now())
               ON CONFLICT (name) DO UPDATE SET run_id = excluded.run_id, pid = excluded.pid,
                 code_version = excluded.code_version, taken_at = now(), stop_requested = NULL""",
            (self._name, self._run_id, os.getpid(), self._code_version),
        )
        self._connection = connection
        return self

    def check(self) -> str | None:
        """Prove that the lease is still held; return the reason to stop, if one was asked.

        Raises:
            LeaseLostError: the connection is gone (PostgreSQL restarted, network cut).
        """
        if self._connection is None:
            raise LeaseLostError(f"{self._name}: the the lease was never taken")
        try:
            row = self._connection.execute(
                "SELECT stop_requested FROM lease WHERE name = %s AND run_id = %s",
                (self._name, self._run_id),
            ).fetchone()
        except psycopg.Error as error:
            raise LeaseLostError(
                f"{self._name}: lost the lease with its connection: {error}",
                hint="the sensor starts a new run; nothing was lost",
            ) from error
        if row is None:
            raise LeaseLostError(f"{self._name}: the lease row names another run")
        reason = row[0]
        return None if reason is None else str(reason)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def read_lease(settings: Settings, name: str) -> LeaseRow | None:
    """Read a lease's row and whether its lock is held now; None if it was never taken."""
    with ledger_database(settings).borrow() as connection:
        row = connection.execute(
            "SELECT run_id, pid, code_version, taken_at, stop_requested FROM lease WHERE name = %s",
            (name,),
        ).fetchone()
        if row is None:
            return None
        held = connection.execute(
            """SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
               AND ((classid::bigint << 32) | objid::bigint) = hashtextextended(%s, 0)""",
            (f"lease:{name}",),
        ).fetchone()
    run_id, pid, code_version, taken_at, stop_requested = row
    return LeaseRow(
        name=name,
        run_id=run_id,
        pid=pid,
        code_version=code_version,
        taken_at=taken_at,
        stop_requested=stop_requested,
        held=held is not None,
    )


def request_stop(settings: Settings, name: str, reason: str) -> None:
    """Ask the holder of a lease to drain and end; it does so after its current batch."""
    with ledger_database(settings).borrow() as connection:
        connection.execute("UPDATE lease SET stop_requested = %s WHERE name = %s", (reason, name))
