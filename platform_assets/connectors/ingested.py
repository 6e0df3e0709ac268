"""Which files have been sent: a table in the ledger's database."""

from __future__ import annotations

from types import TracebackType

from platform_assets.connectors.revisions import REVISIONS
from platform_assets.core.databases import Connection, Database, DatabaseAwayError, DatabaseError
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings


class LedgerUnreachableError(WeirError):
    """PostgreSQL does not answer."""


class IngestedFiles:
    """The files that have been sent whole; a context manager around one connection.

    Raises:
        LedgerUnreachableError: on entering, when PostgreSQL does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: Connection | None = None

    def __enter__(self) -> IngestedFiles:
        database = Database(self._settings, "ledger", REVISIONS)
        try:
            self._connection = database.connect()
        except DatabaseAwayError as error:
            address = f"{self._settings.postgres_host}:{self._settings.postgres_port}"
            raise LedgerUnreachableError(
                f"PostgreSQL at {address} does not answer: {str(error.__cause__).splitlines()[0]}",
                "start the servers with `weir up`, see `weir status` and `weir logs postgres`",
            ) from error
        except DatabaseError as error:
            raise LedgerUnreachableError(error.message, error.hint) from error
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
    def _open(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("use IngestedFiles as a context manager")
        return self._connection
