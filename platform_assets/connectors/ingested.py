"""Which files have been sent: a table in the ledger's database."""

from __future__ import annotations

from types import TracebackType

import psycopg
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings

_DATABASE = "ledger"
_CREATE = """
create table if not exists ingested_file (
    source text not null,
    sha256 text not null,
    file text not null,
    records bigint not null,
    dead_letters bigint not null,
    ingested_at timestamptz not null default now(),
    primary key (source, sha256)
)
"""
_CREATE_LOCK = 0x6669_6C65


class LedgerUnreachableError(WeirError):
    """PostgreSQL does not answer."""


class IngestedFiles:
    """The files that have been sent whole; a context manager around one connection.

    Raises:
        LedgerUnreachableError: on entering, when PostgreSQL does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def __enter__(self) -> IngestedFiles:
        try:
            self._connection = _connect(self._settings)
            with self._connection.transaction():
                # `create table if not exists` itself races: two first runs would collide.
                self._connection.execute("select pg_advisory_xact_lock(%s)", (_CREATE_LOCK,))
                self._connection.execute(_CREATE)
        except RuntimeError as error:
            raise LedgerUnreachableError(str(error)) from error
        except psycopg.Error as error:
            address = f"{self._settings.postgres_host}:{self._settings.postgres_port}"
            raise LedgerUnreachableError(
                f"PostgreSQL at {address} does not answer: {str(error).strip().splitlines()[0]}",
                "start the servers with `weir up`, see `weir status` and `weir logs postgres`",
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    def has(self, source: str, sha256: str) -> bool:
        """Whether a file of this content was sent whole before."""
        query = "select 1 from ingested_file where source = %s and sha256 = %s"
        return self._open.execute(query, (source, sha256)).fetchone() is not None

    def add(self, source: str, sha256: str, file: str, records: int, dead_letters: int) -> None:
        """Remember a file whose records are all acknowledged."""
        self._open.execute(
            "insert into ingested_file (source, sha256, file, records, dead_letters)"
            " values (%s, %s, %s, %s, %s) on conflict do nothing",
            (source, sha256, file, records, dead_letters),
        )

    @property
    def _open(self) -> psycopg.Connection[tuple[object, ...]]:
        if self._connection is None:
            raise RuntimeError("use IngestedFiles as a context manager")
        return self._connection


@retry(
    retry=retry_if_exception_type(psycopg.OperationalError),
    stop=stop_after_attempt(3),
    wait=wait_exponential_jitter(multiplier=0.3, max=2),
    reraise=True,
)
def _connect(settings: Settings) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        settings.postgres_dsn(_DATABASE),
        autocommit=True,
        connect_timeout=5,
        application_name="weir",
    )
