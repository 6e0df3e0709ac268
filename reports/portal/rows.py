"""The rows behind a number, read under the reader's own permissions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.core.trino import Result, TrinoQueryError, connect, execute
from platform_assets.gold.access import ADMIN

Row = tuple[Any, ...]

PAGE_ROWS = 50
MAX_PAGE = 2000
"""Pages that may be asked for: as many rows as an export holds."""
EXPORT_ROWS = PAGE_ROWS * MAX_PAGE
"""Most rows of an export."""
_FETCH_ROWS = 2000

_NO_SNAPSHOT = "Iceberg snapshot ID does not exist"
"""What Trino says of a statement pinned to a snapshot that the upkeep of gold took away."""

_UNORDERED = ("map", "json", "geometry", "sphericalgeography", "row", "array", "unknown")
"""Trino types that have no order, or might hold one that has none."""


class NotAReaderError(WeirError):
    """The Trino user of a reader may write."""


class RowsExpiredError(WeirError):
    """Rows are read at the snapshots of their report, and those are no longer kept."""


@dataclass(frozen=True)
class Stream:
    """Rows that arrive in chunks.

    Attributes:
        columns: names, in order.
        types: Trino type names, in order.
        chunks: lists of rows; to be read once.
        cut: whether there are more rows than the limit.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    chunks: Iterator[Sequence[Row]]
    cut: bool


class RowReader(Protocol):
    """Reads the rows of a statement as somebody."""

    def page(self, rows_sql: str, user: str, offset: int, limit: int) -> Result:
        """Rows from ``offset`` on, at most ``limit``, in an order that is always the same.

        Raises:
            RowsExpiredError: they were kept for a time, and are no more.
            WeirError: they cannot be read; the message may be shown to the reader.
        """
        ...

    def stream(self, rows_sql: str, user: str, limit: int) -> Stream:
        """All rows, at most ``limit``, in the same order.

        Raises:
            RowsExpiredError: they were kept for a time, and are no more.
            WeirError: they cannot be read; the message may be shown to the reader.
        """
        ...


class TrinoRows:
    """Rows from Trino, which decides what the reader's Trino user may see.

    Each statement runs under Trino's time limit for people, and is retried only while Trino is
    not reached.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # A fact's statement is pinned to snapshots, so its columns stay what they are.
        self._shape = lru_cache(maxsize=256)(self._read_shape)

    def page(self, rows_sql: str, user: str, offset: int, limit: int) -> Result:
        """See :class:`RowReader`.

        Raises:
            NotAReaderError: the Trino user is the one that Weir writes as.
            TrinoUnreachableError: no answer.
            TrinoQueryError: Trino refused the statement.
            RowsExpiredError: it is pinned to a snapshot that is no longer kept.
        """
        self._refuse_writers(user)
        shape = self._shape(rows_sql, user)
        sql = paged_sql(rows_sql, shape.types, offset, limit + 1)
        return self._execute(sql, user, limit)

    def stream(self, rows_sql: str, user: str, limit: int) -> Stream:
        """See :class:`RowReader`.

        Raises:
            NotAReaderError: the Trino user is the one that Weir writes as.
            TrinoUnreachableError: no answer.
            TrinoQueryError: Trino refused the statement.
            RowsExpiredError: it is pinned to a snapshot that is no longer kept.
        """
        self._refuse_writers(user)
        shape = self._shape(rows_sql, user)
        inner = f"SELECT 1 FROM ({_bare(rows_sql)}) LIMIT {int(limit) + 1}"  # noqa: S608
        count = f"SELECT count(*) FROM ({inner})"  # noqa: S608 (Weir wrote it, a reader runs it)
        total = int(self._execute(count, user).rows[0][0])
        sql = paged_sql(rows_sql, shape.types, 0, limit)
        return Stream(shape.columns, shape.types, self._chunks(sql, user), cut=total > limit)

    def _refuse_writers(self, user: str) -> None:
        # Asked at each reading too: the setting may have changed since the user was added.
        if user.strip() in {"", ADMIN, self._settings.trino_user}:
            raise NotAReaderError(
                f"rows are read as a read-only Trino user, {user!r} is none",
                "remove the portal's user and add it with another --trino-user",
            )

    def _read_shape(self, rows_sql: str, user: str) -> Result:
        sql = f"SELECT * FROM ({_bare(rows_sql)}) LIMIT 0"  # noqa: S608 (as above)
        return self._execute(sql, user)

    def _execute(self, sql: str, user: str, limit: int | None = None) -> Result:
        try:
            return execute(self._settings, sql, user, limit=limit)
        except TrinoQueryError as error:
            if _NO_SNAPSHOT not in error.message:
                raise
            raise RowsExpiredError(
                error.message,
                "make the report again; to keep rows for longer, raise keep_snapshot_days of the "
                "asset maintenance/gold",
            ) from error

    def _chunks(self, sql: str, user: str) -> Iterator[Sequence[Row]]:
        from requests.exceptions import RequestException
        from trino.exceptions import Error

        try:
            with closing(connect(self._settings, user)) as connection:
                cursor = connection.cursor()
                cursor.execute(sql)
                while chunk := cursor.fetchmany(_FETCH_ROWS):
                    yield [tuple(row) for row in chunk]
        except (RequestException, Error) as error:
            raise TrinoQueryError(str(error), type(error).__name__) from error


def paged_sql(rows_sql: str, types: Sequence[str], offset: int, limit: int) -> str:
    """A statement's rows from ``offset`` on, at most ``limit``, ordered by every column.

    Rows that agree in all columns are alike, so pages neither repeat nor leave out any.
    """
    order = ", ".join(
        str(number)
        for number, kind in enumerate(types, start=1)
        if not kind.lower().startswith(_UNORDERED)
    )
    by = f" ORDER BY {order}" if order else ""
    inner = _bare(rows_sql)
    # The statement is Weir's own, from a finished report; Trino lets the reader only read.
    return f"SELECT * FROM ({inner}){by} OFFSET {int(offset)} ROWS LIMIT {int(limit)}"  # noqa: S608


def _bare(sql: str) -> str:
    # The line break ends a comment that the statement may end with.
    return sql.strip().rstrip(";").rstrip() + "\n"
