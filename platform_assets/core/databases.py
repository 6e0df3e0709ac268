"""Weir's PostgreSQL databases: made where they are missing, tables applied, connections pooled."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool, PoolTimeout
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings

Connection = psycopg.Connection[tuple[Any, ...]]

AWAY = (psycopg.OperationalError, psycopg.InterfaceError)
"""What a server that is starting, stopping or out of reach raises."""

_OPTIONS: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}

retry_connection = retry(
    retry=retry_if_exception_type(AWAY),
    wait=wait_random_exponential(multiplier=0.2, max=2),
    stop=stop_after_attempt(4),
    reraise=True,
)
"""Bounded retries with jitter, for a statement or transaction that may be repeated."""


class DatabaseError(WeirError):
    """PostgreSQL does not answer, or will not make the database."""


class Database:
    """One database and its tables; safe to share between threads.

    The first use makes what is missing; nothing is opened before.
    """

    def __init__(
        self, settings: Settings, name: str, schema: Path, *, connections: int = 10
    ) -> None:
        """Describe it.

        Args:
            settings: where PostgreSQL is; a statement ends after ``request_timeout_seconds``.
            name: of the database; made if this user may.
            schema: SQL that may be applied again and again (``create table if not exists``).
            connections: most that the pool opens.
        """
        self.name = name
        self._settings = settings
        self._schema = schema
        self._connections = connections
        self._lock = threading.Lock()
        self._pool: ConnectionPool[Connection] | None = None

    @contextmanager
    def borrow(self) -> Iterator[Connection]:
        """An autocommit connection for a moment.

        Raises:
            DatabaseError: none could be had within ten seconds, or it broke.
        """
        pool = self._opened()
        try:
            with pool.connection() as connection:
                yield connection
        except (*AWAY, PoolTimeout) as error:
            raise unusable(self._settings, self.name, error) from error

    def prepare(self) -> None:
        """Make the database and its tables where they are missing, waiting out a restart.

        Raises:
            DatabaseError: PostgreSQL does not answer, or this user may not make them.
        """
        try:
            ensure_database(self._settings, self.name)
            apply_schema(self._settings, self.name, self._schema)
        except (psycopg.Error, RuntimeError) as error:
            # A RuntimeError tells that there is no password.
            raise unusable(self._settings, self.name, error) from error

    def close(self) -> None:
        """Close the pool; its threads end. The next use opens it again."""
        with self._lock:
            if self._pool is not None:
                self._pool.close()
                self._pool = None

    def _opened(self) -> ConnectionPool[Connection]:
        with self._lock:
            if self._pool is None:
                self.prepare()
                self._pool = ConnectionPool(
                    self._settings.postgres_dsn(self.name),
                    min_size=1,
                    max_size=self._connections,
                    timeout=10,
                    kwargs=_options(self._settings, self.name),
                    check=ConnectionPool.check_connection,
                    open=True,
                    name=self.name,
                )
            return self._pool


def connect(settings: Settings, database: str) -> Connection:
    """Open an autocommit connection of one's own.

    Raises:
        psycopg.OperationalError: PostgreSQL does not answer, or there is no such database.
    """
    return psycopg.connect(settings.postgres_dsn(database), **_options(settings, database))


@retry_connection
def ensure_database(settings: Settings, name: str) -> None:
    """Create the database where it is missing.

    Raises:
        psycopg.Error: PostgreSQL does not answer, or this user may not create it.
    """
    with connect(settings, "postgres") as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if known.fetchone():
            return
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            # Another process was quicker; PostgreSQL reports the race in either way.
            return


@retry_connection
def apply_schema(settings: Settings, database: str, schema: Path) -> None:
    """Apply a schema file, one process at a time.

    Raises:
        psycopg.Error: PostgreSQL does not answer, or a statement is refused.
    """
    with connect(settings, database) as connection, connection.transaction():
        # "IF NOT EXISTS" alone is no protection from two that create at once.
        lock = zlib.crc32(database.encode())
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))
        connection.execute(schema.read_bytes())


def unusable(settings: Settings, database: str, error: Exception) -> DatabaseError:
    """The error for people; names server and database, never the password."""
    reason = " ".join(str(error).split())[:300]
    return DatabaseError(
        f"database {database!r} on PostgreSQL {settings.postgres_host}:"
        f"{settings.postgres_port} cannot be used: {reason}",
        "start it (weir up), or check WEIR_POSTGRES_*; where this user may not create databases, "
        f"let an administrator create {database!r}, owned by {settings.postgres_user}",
    )


def _options(settings: Settings, database: str) -> dict[str, Any]:
    limit = round(settings.request_timeout_seconds * 1000)
    return {
        **_OPTIONS,
        "application_name": f"weir-{database}",
        "options": f"-c statement_timeout={limit}",
    }
