"""The one way to Weir's PostgreSQL: databases made, tables brought up to date, a pool each.

Every use waits out a restart of the server for as long as the database's :class:`Patience` says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool, PoolTimeout

from platform_assets.core.errors import DatabaseAwayError, DatabaseError
from platform_assets.core.migrations import Revisions, upgrade
from platform_assets.core.retry import Retry
from platform_assets.core.secrets import SecretError
from platform_assets.core.settings import Settings

__all__ = [
    "AWAY",
    "DATABASES",
    "LONG",
    "SHORT",
    "Connection",
    "Database",
    "DatabaseAwayError",
    "DatabaseError",
    "Patience",
    "connect",
    "ensure_database",
    "may_pass",
    "retry_connection",
    "unusable",
]

_P = ParamSpec("_P")
_R = TypeVar("_R")

Connection = psycopg.Connection[tuple[Any, ...]]

DATABASES = (
    "dagster",
    "ledger",
    "registry",
    "iceberg",
    "reports",
    "portal",
    "models",
    "mlflow",
    "live",
)
"""All databases of an installation; ``weir up`` makes them."""

AWAY = (psycopg.OperationalError, psycopg.InterfaceError)
"""What a server that is starting, stopping or out of reach raises; and some answers, too."""

_ANSWERS = ("0A", "28", "54", "F0")
"""Classes of SQL states among them that stay: not supported, who may log in, limits of a row or
statement, the server's configuration."""

_REFUSED = ("password authentication failed", "no pg_hba.conf entry", 'role "')
"""What a refused login says; PostgreSQL gives no SQL state before a connection is there."""


def may_pass(error: BaseException) -> bool:
    """Whether an error is one of not reaching PostgreSQL, not an answer that stays the same."""
    if isinstance(error, DatabaseAwayError):
        return True
    if not isinstance(error, AWAY):
        return False
    state = getattr(error, "sqlstate", None)
    if state is not None:
        return not str(state).startswith(_ANSWERS)
    return not any(words in str(error) for words in _REFUSED)


_KEEP_ALIVE: dict[str, Any] = {
    "autocommit": True,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


@dataclass(frozen=True)
class Patience:
    """How long the users of a database wait out a restart of its server.

    Attributes:
        retry: of what may be repeated: reads, and whole transactions.
        connect_seconds: for one connection to be made.
        borrow_seconds: for a connection of the pool.
        bounded: whether a statement ends after ``request_timeout_seconds``.
    """

    retry: Retry
    connect_seconds: int = 5
    borrow_seconds: float = 10.0
    bounded: bool = True

    def retrying(self, work: Callable[_P, _R]) -> Callable[_P, _R]:
        """Decorates a function that may be repeated."""
        return self.retry.on(may_pass).wraps(work)


SHORT = Patience(Retry(4, seconds=8, longest=2))
"""For a reader who waits for the answer."""

LONG = Patience(
    Retry(None, seconds=60, longest=3), connect_seconds=10, borrow_seconds=60, bounded=False
)
"""For runs that nobody watches: they outlive a restart of PostgreSQL."""

retry_connection = SHORT.retrying


@dataclass(eq=False)
class Database:
    """One database and a room's tables in it; safe to share between threads.

    The first use makes what is missing; nothing is opened before.

    Attributes:
        settings: where PostgreSQL is.
        name: of the database; made if this user may.
        revisions: the tables, by revision.
        connections: most that the pool opens.
        patience: how long to wait out a restart.
    """

    settings: Settings
    name: str
    revisions: Revisions
    connections: int = 10
    patience: Patience = SHORT
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _prepared: bool = field(default=False, init=False, repr=False)
    _pool: ConnectionPool[Connection] | None = field(default=None, init=False, repr=False)

    @contextmanager
    def borrow(self) -> Iterator[Connection]:
        """An autocommit connection for a moment.

        Raises:
            DatabaseError: none could be had in time, or it broke.
        """
        pool = self._opened()
        try:
            with pool.connection() as connection:
                yield connection
        except (*AWAY, PoolTimeout) as error:
            raise unusable(self.settings, self.name, error) from error

    def connect(self) -> Connection:
        """Open an autocommit connection of one's own: a lock or a lease lives on it.

        Raises:
            DatabaseError: PostgreSQL does not answer.
        """
        self.prepare()
        try:
            return self.patience.retry.on(may_pass)(
                connect, self.settings, self.name, self.patience
            )
        except AWAY as error:
            raise unusable(self.settings, self.name, error) from error

    def prepare(self) -> None:
        """Make the database where it is missing and upgrade its tables, waiting out a restart.

        Raises:
            DatabaseError: PostgreSQL does not answer, or this user may not make them.
            MigrationError: a revision failed; names it.
        """
        with self._lock:
            if not self._prepared:
                try:
                    self.patience.retry.on(may_pass)(self._prepare)
                except (psycopg.Error, SecretError) as error:
                    raise unusable(self.settings, self.name, error) from error
                self._prepared = True

    def close(self) -> None:
        """Close the pool; its threads end. The next use opens it again."""
        with self._lock:
            if self._pool is not None:
                self._pool.close()
                self._pool = None

    def _prepare(self) -> None:
        try:
            connection = connect(self.settings, self.name, self.patience)
        except psycopg.OperationalError:
            # Missing, or the server is away: making it tells which.
            ensure_database(self.settings, self.name)
            connection = connect(self.settings, self.name, self.patience)
        with connection:
            upgrade(connection, self.name, self.revisions)

    def _opened(self) -> ConnectionPool[Connection]:
        self.prepare()
        with self._lock:
            if self._pool is None:
                self._pool = ConnectionPool(
                    # Asked for each connection: a password that was changed is found.
                    lambda: self.settings.postgres_dsn(self.name),
                    min_size=1,
                    max_size=self.connections,
                    # One thread opens connections; each idle one would wake every second.
                    num_workers=1,
                    timeout=self.patience.borrow_seconds,
                    kwargs=_options(self.settings, self.name, self.patience),
                    check=ConnectionPool.check_connection,
                    open=True,
                    name=self.name,
                )
            return self._pool


def connect(settings: Settings, database: str, patience: Patience = SHORT) -> Connection:
    """Open an autocommit connection of one's own, trying once.

    Raises:
        psycopg.OperationalError: PostgreSQL does not answer, or there is no such database.
        SecretError: there is no password.
    """
    return psycopg.connect(
        settings.postgres_dsn(database), **_options(settings, database, patience)
    )


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


def unusable(settings: Settings, database: str, error: Exception) -> DatabaseError:
    """The error for people; names server and database, never the password."""
    reason = " ".join(str(error).split())[:300]
    kind = DatabaseAwayError if may_pass(error) else DatabaseError
    return kind(
        f"database {database!r} on PostgreSQL {settings.postgres_host}:"
        f"{settings.postgres_port} cannot be used: {reason}",
        "start it (weir up), or check WEIR_POSTGRES_*; where this user may not create databases, "
        f"let an administrator create {database!r}, owned by {settings.postgres_user}",
    )


def _options(settings: Settings, database: str, patience: Patience) -> dict[str, Any]:
    options = {
        **_KEEP_ALIVE,
        "connect_timeout": patience.connect_seconds,
        "application_name": f"weir-{database}",
    }
    if patience.bounded:
        limit = round(settings.request_timeout_seconds * 1000)
        options["options"] = f"-c statement_timeout={limit}"
    return options
