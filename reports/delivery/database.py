"""Connections to the ``reports`` database, for the delivery log.

Belongs here: connecting, and creating the database and the table where they are missing. Does not
belong here: what is read and written (:mod:`.log`).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from platform_assets.errors import WeirError
from platform_assets.settings import Settings

DATABASE = "reports"
Connection = psycopg.Connection[tuple[Any, ...]]

_OPTIONS: dict[str, Any] = {
    "connect_timeout": 5,
    "application_name": "weir-delivery",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
_SCHEMA = Path(__file__).with_name("deliveries.sql")
_SCHEMA_LOCK = 0x77656465

retry_connection = retry(
    retry=retry_if_exception_type((psycopg.OperationalError, psycopg.InterfaceError)),
    wait=wait_random_exponential(multiplier=0.2, max=2),
    stop=stop_after_attempt(4),
    reraise=True,
)
"""Bounded retries with jitter, for a statement that may be repeated."""


class DeliveryLogError(WeirError):
    """The delivery log cannot be read or written."""


def connect(settings: Settings, database: str = DATABASE) -> Connection:
    """Open an autocommit connection; a statement ends after ``request_timeout_seconds``.

    Raises:
        psycopg.OperationalError: PostgreSQL does not answer, or there is no such database.
    """
    connection = psycopg.connect(settings.postgres_dsn(database), autocommit=True, **_OPTIONS)
    limit = f"{round(settings.request_timeout_seconds * 1000)}ms"
    connection.execute("SELECT set_config('statement_timeout', %s, false)", (limit,))
    return connection


@lru_cache(maxsize=4)
def ensure_schema(settings: Settings) -> None:
    """Create what is missing (once a process).

    Raises:
        DeliveryLogError: PostgreSQL does not answer, or this user may not create it.
    """
    try:
        _create_database(settings)
        _create_table(settings)
    except psycopg.errors.InsufficientPrivilege as error:
        raise DeliveryLogError(
            f"database {DATABASE!r}: {error.diag.message_primary}",
            f"let an administrator create it, owned by {settings.postgres_user}",
        ) from None
    except (psycopg.Error, RuntimeError) as error:
        raise unreachable(settings, error) from None


def unreachable(settings: Settings, error: Exception) -> DeliveryLogError:
    """The error for people; names the server and never its password."""
    reason = " ".join(str(error).split())[:300]
    return DeliveryLogError(
        f"delivery log on PostgreSQL {settings.postgres_host}:{settings.postgres_port}: {reason}",
        "start it (weir up), or check WEIR_POSTGRES_*",
    )


@retry_connection
def _create_database(settings: Settings) -> None:
    with connect(settings, "postgres") as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
        if known.fetchone():
            return
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            # Another process was quicker; PostgreSQL reports the race in either way.
            return


@retry_connection
def _create_table(settings: Settings) -> None:
    with connect(settings) as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
        connection.execute(_SCHEMA.read_bytes())
