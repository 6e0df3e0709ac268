"""Tables and queries of any database that SQLAlchemy speaks, read in increments.

Pages are read by key set: rows after (cursor column, key) in that order. A row that is committed
late, with a moment before the cursor, is found by ``overlap_seconds``: each read begins that much
earlier, and the repeats collapse by their identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import polars as pl
import pyarrow as pa

from platform_assets.connectors.kinds.sql.config import SqlConfig, SqlStream
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    Cursor,
    Page,
    SourceAwayError,
    SourceRefusedError,
    Stream,
)
from platform_assets.core.retry import Retry
from platform_assets.core.secrets import read_secret

_RETRY = Retry(attempts=4, seconds=30)


class SqlReader:
    """Reads one database."""

    def __init__(self, config: SqlConfig, context: Context) -> None:
        from sqlalchemy import create_engine, make_url

        url = make_url(config.url)
        if config.password:
            url = url.set(password=read_secret(config.password))
        self._source, self._streams = context.source, context.streams
        self._shown = url.render_as_string(hide_password=True)
        self._engine = create_engine(
            url, pool_pre_ping=True, connect_args=_limits(url.get_backend_name(), config)
        )
        self._tables: dict[str, Any] = {}

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        with self._asking("check"):
            names = _RETRY.on(_may_pass)(self._names)
        return f"{self._shown}: {len(names)} tables can be read"

    def discover(self) -> list[Stream]:
        """The tables and views of the default schema."""
        from sqlalchemy import MetaData, Table, inspect

        found = []
        with self._asking("discover"):
            key_of = inspect(self._engine).get_pk_constraint
            for name in _RETRY.on(_may_pass)(self._names):
                table = Table(name, MetaData(), autoload_with=self._engine)
                fields = [pa.field(c.name, _arrow(c.type)) for c in table.columns]
                grows = [f.name for f in fields if pa.types.is_timestamp(f.type)]
                key = tuple(key_of(name)["constrained_columns"])
                found.append(Stream(name, pa.schema(fields), key, (*grows, *key)))
        return found

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`."""
        options: SqlStream = self._streams[stream]
        place = {name: _decoded(value) for name, value in (cursor or {}).items()}
        if place and options.overlap_seconds:
            at = place[options.cursor]
            if isinstance(at, datetime):
                place = {options.cursor: at - timedelta(seconds=options.overlap_seconds)}
        while True:
            with self._asking(stream):
                rows = _RETRY.on(_may_pass)(self._page, stream, options, place)
            if not rows.num_rows:
                return
            last = rows.slice(rows.num_rows - 1).to_pylist()[0]
            place = {name: last[name] for name in (options.cursor, *options.key)}
            if None in place.values():
                raise ConnectorError(
                    f"source {self._source}, stream {stream}: a row without "
                    f"{options.cursor} or key: {place}",
                    "leave such rows out by a `query`",
                )
            yield Page(rows, {name: _encoded(value) for name, value in place.items()})
            if rows.num_rows < options.page_rows:
                return

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        self._engine.dispose()

    def _names(self) -> list[str]:
        from sqlalchemy import inspect

        looked = inspect(self._engine)
        return sorted([*looked.get_table_names(), *looked.get_view_names()])

    def _page(self, stream: str, options: SqlStream, place: dict[str, Any]) -> pa.Table:
        from sqlalchemy import and_, or_, select

        found = self._selectable(stream, options)
        columns = [found.c[name] for name in (options.cursor, *options.key)]
        query = select(found).order_by(*columns).limit(options.page_rows)
        if place:
            known = [column for column in columns if column.name in place]
            # Written out: not every database compares tuples.
            after = [
                and_(
                    *(earlier == place[earlier.name] for earlier in known[:number]),
                    column > place[column.name],
                )
                for number, column in enumerate(known)
            ]
            query = query.where(or_(*after))
        with self._engine.connect() as connection:
            result = connection.execute(query)
            names, rows = list(result.keys()), result.fetchall()
        data = [tuple(_readable(value) for value in row) for row in rows]
        frame = pl.DataFrame(data, schema=names, orient="row", infer_schema_length=None)
        return frame.to_arrow()

    def _selectable(self, stream: str, options: SqlStream) -> Any:
        from sqlalchemy import MetaData, Table, column, text
        from sqlalchemy.exc import NoSuchTableError

        if stream not in self._tables:
            wanted = (options.cursor, *options.key)
            if options.query:
                with self._engine.connect() as connection:
                    nothing = f"select * from ({options.query}) weir_q where 1 = 0"  # noqa: S608
                    names = list(connection.execute(text(nothing)).keys())
                made = text(options.query).columns(*(column(name) for name in names))
                found: Any = made.subquery("weir_q")
            else:
                schema, _, name = options.table.rpartition(".")
                try:
                    found = Table(
                        name, MetaData(), schema=schema or None, autoload_with=self._engine
                    )
                except NoSuchTableError:
                    raise ConnectorError(
                        f"source {self._source}, stream {stream}: {self._shown} has no table "
                        f"{options.table}",
                        f"see `weir sources discover {self._source}`",
                    ) from None
            if missing := [name for name in wanted if name not in found.c]:
                raise ConnectorError(
                    f"source {self._source}, stream {stream}: no column {missing[0]!r}",
                    f"it has: {', '.join(found.c.keys())}",
                )
            self._tables[stream] = found
        return self._tables[stream]

    def _asking(self, what: str) -> _Explained:
        return _Explained(f"source {self._source}, {what}: {self._shown}")


class _Explained:
    """Says what a database's error means."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        if not isinstance(error, SQLAlchemyError):
            return
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        if _refused(error):
            raise SourceRefusedError(
                f"{self._where} refuses: {reason}", "check the user, the secret and its rights"
            ) from error
        if _may_pass(error):
            raise SourceAwayError(
                f"{self._where} does not answer: {reason}", "it is tried again at the next read"
            ) from error
        raise ConnectorError(f"{self._where}: {reason}") from error


_REFUSED: Final = ("28", "42501")
_TOLD: Final = ("password authentication failed", "Access denied", "permission denied")


def _refused(error: BaseException) -> bool:
    state = str(getattr(getattr(error, "orig", None), "sqlstate", "") or "")
    return state.startswith(_REFUSED) or any(words in str(error) for words in _TOLD)


def _may_pass(error: BaseException) -> bool:
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

    if not isinstance(error, DBAPIError) or _refused(error):
        return False
    if isinstance(error, (OperationalError, InterfaceError)):
        return "does not exist" not in str(error.orig)
    return bool(error.connection_invalidated)


def _limits(backend: str, config: SqlConfig) -> dict[str, Any]:
    seconds = max(1, int(config.timeout_seconds))
    if backend == "postgresql":
        return {
            "connect_timeout": min(seconds, 10),
            "options": f"-c statement_timeout={seconds * 1000} -c default_transaction_read_only=on",
        }
    if backend in ("mysql", "mariadb"):
        return {"connect_timeout": min(seconds, 10), "read_timeout": seconds}
    return {}


def _readable(value: Any) -> Any:
    """A value of a driver as Arrow takes it."""
    if isinstance(value, memoryview):
        return bytes(value)
    if value is None or isinstance(
        value, (bool, int, float, str, bytes, datetime, date, Decimal, dict, list)
    ):
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value.astimezone(UTC)
        return value
    return str(value)


def _arrow(kind: Any) -> pa.DataType:
    try:
        made = kind.python_type
    except NotImplementedError:
        return pa.string()
    known = {
        bool: pa.bool_(),
        int: pa.int64(),
        float: pa.float64(),
        datetime: pa.timestamp("us", "UTC"),
        date: pa.date32(),
        Decimal: pa.float64(),
        bytes: pa.binary(),
    }
    return known.get(made, pa.string())


def _encoded(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    return value


def _decoded(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    read: dict[str, Any] = {
        "moment": datetime.fromisoformat,
        "date": date.fromisoformat,
        "decimal": Decimal,
        "bytes": bytes.fromhex,
    }
    return read[kind](text)
