"""PostgreSQL with pgvector."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import fields
from typing import Any, LiteralString, TypeVar

import psycopg
from pgvector.psycopg import register_vector
from psycopg import sql
from psycopg.rows import dict_row

from platform_assets.core.retry import Retry
from platform_assets.core.settings import Settings
from reports.knowledge.model import Entry, KnowledgeError, Vectors
from reports.knowledge.stores.model import ATTEMPTS, StoreUnreachableError, secret

DATABASE = "knowledge"
"""Database on Weir's PostgreSQL where no address is given."""
CONNECT_SECONDS = 10

_COLUMNS = [field.name for field in fields(Entry)]
_Result = TypeVar("_Result")
_Connection = psycopg.Connection[dict[str, Any]]


class PostgresStore:
    """Tables ``knowledge.<table>`` in the database of ``vector_store_url``.

    Every call has a connection of its own, so calls may come from any thread and a server that
    was restarted is simply found again.
    """

    def __init__(self, settings: Settings) -> None:
        """Remember the address; nothing is opened."""
        self._dsn = settings.vector_store_url or settings.postgres_dsn(DATABASE)
        self._timeout = settings.request_timeout_seconds
        self._password = secret(settings) or None

    def documents(self, table: str) -> dict[str, str]:
        """See :class:`.model.VectorStore`."""
        rows = self._read(table, "SELECT DISTINCT document, fingerprint FROM {table}")
        return {row["document"]: row["fingerprint"] for row in rows}

    def revision(self, table: str) -> str:
        """See :class:`.model.VectorStore`."""
        query = "SELECT revision::text FROM knowledge.revisions WHERE name = %s"
        rows = self._read(table, query, (table,))
        return rows[0]["revision"] if rows else ""

    def replace(self, table: str, entries: Sequence[Entry], vectors: Vectors) -> None:
        """One transaction: a reader sees the old passages or the new."""
        if not entries:
            return

        def write(connection: _Connection) -> None:
            self._create(connection, table, vectors.shape[1])
            register_vector(connection)
            self._forget(connection, table, {entry.document for entry in entries})
            columns = sql.SQL(", ").join(map(sql.Identifier, [*_COLUMNS, "vector"]))
            copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(_name(table), columns)
            with connection.cursor().copy(copy) as rows:
                rows.set_types([*_types(), "vector"])
                for entry, vector in zip(entries, vectors, strict=True):
                    rows.write_row([*(getattr(entry, name) for name in _COLUMNS), vector])

        self._call(write)

    def delete(self, table: str, documents: Collection[str]) -> None:
        """See :class:`.model.VectorStore`."""

        def write(connection: _Connection) -> None:
            if documents and _there(connection, table):
                self._forget(connection, table, documents)

        self._call(write)

    def entries(self, table: str) -> list[Entry]:
        """See :class:`.model.VectorStore`."""
        rows = self._read(table, "SELECT {columns} FROM {table}")
        return [_entry(row) for row in rows]

    def nearest(self, table: str, vector: Vectors, k: int) -> list[tuple[Entry, float]]:
        """See :class:`.model.VectorStore`."""
        text = "[" + ",".join(repr(float(value)) for value in vector.reshape(-1)) + "]"
        query = (
            "SELECT {columns}, 1 - (vector <=> %s::vector) AS similarity FROM {table} "
            "ORDER BY similarity DESC, id LIMIT %s"
        )
        rows = self._read(table, query, (text, k))
        return [(_entry(row), row["similarity"]) for row in rows]

    def drop(self, table: str) -> None:
        """See :class:`.model.VectorStore`."""

        def write(connection: _Connection) -> None:
            if _there(connection, table):
                connection.execute(sql.SQL("DROP TABLE {}").format(_name(table)))
                connection.execute("DELETE FROM knowledge.revisions WHERE name = %s", (table,))

        self._call(write)

    def _read(
        self, table: str, query: LiteralString, values: Sequence[Any] = ()
    ) -> list[dict[str, Any]]:
        def read(connection: _Connection) -> list[dict[str, Any]]:
            if not _there(connection, table):
                return []
            columns = sql.SQL(", ").join(map(sql.Identifier, _COLUMNS))
            statement = sql.SQL(query).format(table=_name(table), columns=columns)
            return connection.execute(statement, values).fetchall()

        return self._call(read)

    def _create(self, connection: _Connection, table: str, dimensions: int) -> None:
        # Two processes may come first at once, and CREATE IF NOT EXISTS then still fails.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('weir.knowledge'))")
        if _there(connection, table):
            return
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        connection.execute("CREATE SCHEMA IF NOT EXISTS knowledge")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS knowledge.revisions "
            "(name text PRIMARY KEY, revision bigint NOT NULL)"
        )
        connection.execute(
            sql.SQL(
                "CREATE TABLE {} (id text PRIMARY KEY, document text NOT NULL, title text NOT NULL,"
                " page integer, heading text NOT NULL, text text NOT NULL,"
                " fingerprint text NOT NULL, count integer NOT NULL, vector vector({}) NOT NULL)"
            ).format(_name(table), sql.Literal(dimensions))
        )
        connection.execute(sql.SQL("CREATE INDEX ON {} (document)").format(_name(table)))

    def _forget(self, connection: _Connection, table: str, documents: Collection[str]) -> None:
        connection.execute(
            "INSERT INTO knowledge.revisions VALUES (%s, 1) "
            "ON CONFLICT (name) DO UPDATE SET revision = revisions.revision + 1",
            (table,),
        )
        connection.execute(
            sql.SQL("DELETE FROM {} WHERE document = ANY(%s)").format(_name(table)),
            (list(documents),),
        )

    def _call(self, work: Callable[[_Connection], _Result]) -> _Result:
        """Run work in a transaction, again where the server failed, which may pass."""
        try:
            for attempt in Retry(ATTEMPTS, longest=2).on(psycopg.OperationalError):
                with attempt, self._connect() as connection:
                    return work(connection)
        except psycopg.OperationalError as error:
            said = " ".join(str(error).split())
            raise StoreUnreachableError(
                f"vector store pgvector: {said}",
                "start PostgreSQL (local: weir up), or fix WEIR_VECTOR_STORE_URL",
            ) from error
        except psycopg.errors.FeatureNotSupported as error:
            raise KnowledgeError(
                f"vector store pgvector: {error}", "install the extension `vector` there"
            ) from error
        raise AssertionError("a retry ends with a result or an error")

    def _connect(self) -> _Connection:
        options = f"-c statement_timeout={round(self._timeout * 1000)}"
        return psycopg.connect(
            self._dsn,
            row_factory=dict_row,
            connect_timeout=CONNECT_SECONDS,
            options=options,
            application_name="weir-knowledge",
            password=self._password,
        )


def _name(table: str) -> sql.Identifier:
    return sql.Identifier("knowledge", table)


def _there(connection: _Connection, table: str) -> bool:
    query = "SELECT 1 FROM pg_tables WHERE schemaname = 'knowledge' AND tablename = %s"
    return connection.execute(query, (table,)).fetchone() is not None


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(**{name: row[name] for name in _COLUMNS})


def _types() -> list[str]:
    return ["int4" if name in {"page", "count"} else "text" for name in _COLUMNS]
