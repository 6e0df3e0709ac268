"""Connections to the portal's PostgreSQL database.

Belongs here: the database's and tables' creation, the pool, timeouts and retries. Does not
belong here: what is stored (:mod:`.users`, :mod:`.sessions`, :mod:`.audit`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool, PoolTimeout
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from platform_assets.errors import WeirError
from platform_assets.settings import Settings

DATABASE = "portal"
Connection = psycopg.Connection[tuple[Any, ...]]

_SCHEMA = Path(__file__).with_name("portal.sql")
_SCHEMA_LOCK = 0x706F7274
_CONNECT_SECONDS = 5
_OPTIONS: dict[str, Any] = {
    "connect_timeout": _CONNECT_SECONDS,
    "application_name": "weir-portal",
    "options": "-c statement_timeout=15000",
    "autocommit": True,
}


class PortalDatabaseError(WeirError):
    """PostgreSQL does not answer, or will not make the portal's database."""


_retry = retry(
    retry=retry_if_exception_type((psycopg.OperationalError, psycopg.InterfaceError)),
    wait=wait_random_exponential(multiplier=0.2, max=2),
    stop=stop_after_attempt(4),
    reraise=True,
)


class Database:
    """A pool of autocommit connections to database ``portal``; safe to share between threads.

    Raises:
        PortalDatabaseError: PostgreSQL does not answer, or the database is missing and may not
            be made.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        try:
            self._prepare()
        except (psycopg.Error, RuntimeError) as error:
            # A RuntimeError tells that there is no password.
            raise self._unreachable(error) from error
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            settings.postgres_dsn(DATABASE),
            min_size=1,
            max_size=10,
            timeout=10,
            kwargs=_OPTIONS,
            check=ConnectionPool.check_connection,
            open=True,
            name=DATABASE,
        )

    @contextmanager
    def borrow(self) -> Iterator[Connection]:
        """A connection for a moment.

        Raises:
            PortalDatabaseError: none could be had within ten seconds, or it broke.
        """
        try:
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            raise self._unreachable(error) from error

    def close(self) -> None:
        """Close the pool; its threads end."""
        self._pool.close()

    @_retry
    def _prepare(self) -> None:
        _ensure_database(self._settings.postgres_dsn)
        with (
            psycopg.connect(self._settings.postgres_dsn(DATABASE), **_OPTIONS) as connection,
            connection.transaction(),
        ):
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
            connection.execute(_SCHEMA.read_bytes())

    def _unreachable(self, error: Exception) -> PortalDatabaseError:
        place = f"{self._settings.postgres_host}:{self._settings.postgres_port}"
        words = " ".join(str(error).split())
        return PortalDatabaseError(
            f"the portal's database at {place} cannot be used: {words}",
            "look at `weir status`; on a cluster, make a database `portal` that "
            f"{self._settings.postgres_user} owns",
        )


def _ensure_database(dsn: Callable[[str], str]) -> None:
    with psycopg.connect(dsn("postgres"), **_OPTIONS) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)
        ).fetchone()
        if found:
            return
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            # Another process was quicker.
            return
