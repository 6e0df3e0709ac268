"""Which files and records have been sent: tables in the ledger's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType

from platform_assets.connectors.revisions import REVISIONS
from platform_assets.core.databases import Connection, Database, DatabaseAwayError, DatabaseError
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings


class LedgerUnreachableError(WeirError):
    """PostgreSQL does not answer."""


@dataclass(frozen=True)
class FileSums:
    """What is known of a file source.

    Attributes:
        records, dead_letters: of the files that were sent whole.
        at: when the last one was sent; None where none was.
        refused: why the newest file cannot be used; None where it could.
    """

    records: int
    dead_letters: int
    at: datetime | None
    refused: str | None


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

    def scope(self, source: str, sha256: str, proposed: str) -> str:
        """The name that is part of the identity of a file's numbered rows.

        Kept from the first time on, so that the same content gives the same ids wherever the
        file lies by then. Files sent before scopes were kept have none: an empty text.
        """
        if self.has(source, sha256):
            proposed = ""
        self._open.execute(
            "insert into seen_file (source, sha256, scope) values (%s, %s, %s)"
            " on conflict do nothing",
            (source, sha256, proposed),
        )
        found = self._open.execute(
            "select scope from seen_file where source = %s and sha256 = %s", (source, sha256)
        ).fetchone()
        return str(found[0]) if found else proposed

    def refuse(self, source: str, sha256: str, error: str) -> None:
        """Remember that a file of this content cannot be used: trying again would not help."""
        self._open.execute(
            "insert into seen_file (source, sha256, scope, refused) values (%s, %s, '', %s)"
            " on conflict (source, sha256) do update set refused = excluded.refused",
            (source, sha256, error),
        )

    def settled(self, source: str, sha256: Sequence[str]) -> set[str]:
        """Those of some files' contents that were sent whole, or refused for good."""
        query = """
            select sha256 from ingested_file where source = %s and sha256 = any(%s)
            union
            select sha256 from seen_file
            where source = %s and sha256 = any(%s) and refused is not null
        """
        digests = list(sha256)
        rows = self._open.execute(query, (source, digests, source, digests)).fetchall()
        return {str(row[0]) for row in rows}

    def conflicts(self, source: str, records: Mapping[str, bytes], file: str) -> dict[str, str]:
        """Remember records before they are sent; say which were sent before with other content.

        Args:
            source: the source instance.
            records: event id -> digest of what the record says.
            file: the file that they come from.

        Returns:
            Event id -> the file that it came from first, for those whose content differs.
        """
        ids, digests = list(records), list(records.values())
        with self._open.transaction():
            self._open.execute(
                "insert into ingested_record (source, event_id, content, file)"
                " select %s, id, content, %s from unnest(%s::text[], %s::bytea[]) as r(id, content)"
                " on conflict do nothing",
                (source, file, ids, digests),
            )
            rows = self._open.execute(
                "select event_id, content, file from ingested_record"
                " where source = %s and event_id = any(%s)",
                (source, ids),
            ).fetchall()
        return {str(row[0]): str(row[2]) for row in rows if row[1] != records[str(row[0])]}

    def sums(self) -> dict[str, FileSums]:
        """What is known of each source."""
        query = """
            select source, coalesce(records, 0), coalesce(dead_letters, 0), at, refused
            from (
                select source, sum(records)::bigint as records,
                    sum(dead_letters)::bigint as dead_letters, max(ingested_at) as at
                from ingested_file group by source
            ) sent
            full join (
                select distinct on (source) source, refused, seen_at
                from seen_file order by source, seen_at desc
            ) newest using (source)
        """
        return {row[0]: FileSums(*row[1:]) for row in self._open.execute(query).fetchall()}

    @property
    def _open(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("use IngestedFiles as a context manager")
        return self._connection
