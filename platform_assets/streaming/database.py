"""Connections to the ledger's PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

from platform_assets.core.databases import AWAY, Connection, apply_schema
from platform_assets.core.settings import Settings

DATABASE = "ledger"

_OPTIONS: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 10,
    "application_name": "weir",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
_SCHEMA = Path(__file__).with_name("ledger.sql")

retry_connection = retry(
    retry=retry_if_exception_type(AWAY),
    wait=wait_random_exponential(multiplier=0.2, max=3),
    stop=stop_after_delay(60),
    reraise=True,
)
"""Bounded retries with jitter for calls that may be repeated: reads, and whole transactions."""


@retry_connection
def connect(settings: Settings) -> Connection:
    """Open a connection of one's own (a lease lives on it), waiting out a restart.

    Raises:
        psycopg.OperationalError: PostgreSQL did not answer within a minute.
    """
    return psycopg.connect(settings.postgres_dsn(DATABASE), **_OPTIONS)


@lru_cache(maxsize=4)
def _pool(dsn: str) -> ConnectionPool[Connection]:
    return ConnectionPool(
        dsn,
        min_size=1,
        max_size=24,
        timeout=60,
        kwargs=_OPTIONS,
        check=ConnectionPool.check_connection,
        open=True,
        name=DATABASE,
    )


@contextmanager
def borrow(settings: Settings) -> Iterator[Connection]:
    """Borrow an autocommit connection from the process's pool."""
    with _pool(settings.postgres_dsn(DATABASE)).connection() as connection:
        yield connection


@lru_cache(maxsize=4)
@retry_connection
def ensure_schema(settings: Settings) -> None:
    """Create the ledger's tables where they are missing (once a process)."""
    apply_schema(settings, DATABASE, _SCHEMA)
