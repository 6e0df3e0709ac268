"""What is asked of PostgreSQL itself: may its log be read, what do tables keep, what waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa

from platform_assets.connectors.seam.reader import (
    ConnectorError,
    SourceAwayError,
    SourceRefusedError,
    Stream,
)
from platform_assets.core.retry import Retry

_RETRY = Retry(attempts=3, seconds=15)
_MEGABYTE = 1024 * 1024
_REFUSED = ("28", "42501")
_SCHEMAS = "('pg_catalog', 'information_schema')"


@dataclass(frozen=True)
class Slot:
    """A replication slot.

    Attributes:
        name: at the source.
        active: whether Debezium reads it now.
        retained_bytes: of the log that the server keeps for it.
        status: the server's word: reserved, extended, unreserved, lost.
    """

    name: str
    active: bool
    retained_bytes: int
    status: str


class Database:
    """One PostgreSQL database, for a few short questions.

    Args:
        where: for errors: the source and the address.
        parameters: of the connection.
    """

    def __init__(self, where: str, parameters: dict[str, Any]) -> None:
        self._where = where
        self._parameters = {
            "connect_timeout": 10,
            "options": "-c statement_timeout=30000",
            "autocommit": True,
            **parameters,
        }

    @contextmanager
    def _open(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            with _RETRY.on(_may_pass)(psycopg.connect, **self._parameters) as connection:
                yield connection
        except psycopg.Error as error:
            raise self._explained(error) from error

    def _explained(self, error: psycopg.Error) -> ConnectorError:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        if _refused(error):
            return SourceRefusedError(
                f"{self._where} refuses: {reason}", "check the user, the secret and its rights"
            )
        if _may_pass(error):
            return SourceAwayError(
                f"{self._where} does not answer: {reason}", "it is tried again at the next read"
            )
        return ConnectorError(f"{self._where}: {reason}")

    def check(self, tables: Iterable[str], slot: str) -> str:
        """What was reached, and what is amiss with it, in a line.

        Raises:
            SourceAwayError, SourceRefusedError: as the server answers.
            ConnectorError: its log cannot be read, a table is missing or may not be read.
        """
        with self._open() as connection:
            version, level, replicates = connection.execute(
                "select current_setting('server_version'), current_setting('wal_level'),"
                " (select rolreplication or rolsuper from pg_roles where rolname = current_user)"
            ).fetchone() or ("", "", False)
            if level != "logical":
                raise ConnectorError(
                    f"{self._where}: wal_level is {level}",
                    "set wal_level = logical and restart the server",
                )
            if not replicates:
                raise SourceRefusedError(
                    f"{self._where}: the user may not replicate",
                    "ALTER ROLE … REPLICATION, see docs/how-to/database-changes.md",
                )
            told = [f"PostgreSQL {version}"]
            told += [self._table(connection, table) for table in tables]
        told.append(slot_words(self.slot(slot), slot))
        return "; ".join(told)

    def _table(self, connection: psycopg.Connection[Any], table: str) -> str:
        schema, _, name = table.rpartition(".")
        found = connection.execute(
            """
            select relreplident, has_table_privilege(c.oid, 'select'),
                exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary),
                c.relkind, exists (select from pg_attribute a where a.attrelid = c.oid
                    and a.attnum > 0 and not a.attisdropped and a.attstorage in ('x', 'e'))
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = %s and c.relname = %s
            """,
            (schema or "public", name),
        ).fetchone()
        if found is None:
            raise ConnectorError(
                f"{self._where}: no table {table}", "name it as schema.table, as it is spelled"
            )
        identity, readable, keyed, kind, wide = found
        if not readable:
            raise SourceRefusedError(
                f"{self._where}: table {table} may not be read", f"GRANT SELECT ON {table}"
            )
        if kind not in ("r", "p"):
            raise ConnectorError(
                f"{self._where}: {table} is no table", "only tables have changes; read its tables"
            )
        if identity == "f":
            return f"{table}: whole rows before a change"
        kept = "the key alone" if keyed and identity == "d" else "no row, or an index's columns,"
        lost = " large values that an update leaves alone are missing;" if wide else ""
        return (
            f"{table}: warning: {kept} before a change;{lost} "
            f"ALTER TABLE {table} REPLICA IDENTITY FULL"
        )

    def slot(self, name: str) -> Slot | None:
        """A replication slot, with what the server keeps for it; None where there is none."""
        with self._open() as connection:
            row = connection.execute(
                "select active, coalesce(pg_wal_lsn_diff(case when pg_is_in_recovery()"
                " then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, restart_lsn), 0),"
                " coalesce(wal_status, '') from pg_replication_slots where slot_name = %s",
                (name,),
            ).fetchone()
        return None if row is None else Slot(name, row[0], int(row[1]), row[2])

    def discover(self) -> list[Stream]:
        """The tables that may be read, by schema and name."""
        query = f"""
            select c.table_schema || '.' || c.table_name, c.column_name, c.udt_name,
                coalesce(k.keyed, false)
            from information_schema.columns c
            join information_schema.tables t using (table_schema, table_name)
            left join (
                select u.table_schema, u.table_name, u.column_name, true as keyed
                from information_schema.table_constraints p
                join information_schema.key_column_usage u
                    using (constraint_schema, constraint_name)
                where p.constraint_type = 'PRIMARY KEY'
            ) k on (k.table_schema, k.table_name, k.column_name)
                = (c.table_schema, c.table_name, c.column_name)
            where t.table_type = 'BASE TABLE' and c.table_schema not in {_SCHEMAS}
            order by c.table_schema, c.table_name, c.ordinal_position
        """  # noqa: S608
        with self._open() as connection:
            rows = connection.execute(query).fetchall()
        tables: dict[str, list[tuple[str, str, bool]]] = {}
        for table, *column in rows:
            tables.setdefault(table, []).append((column[0], column[1], column[2]))
        return [
            Stream(
                table,
                pa.schema([pa.field(name, _ARROW.get(kind, pa.string())) for name, kind, _ in of]),
                tuple(name for name, _, keyed in of if keyed),
                ("_offset",),
            )
            for table, of in tables.items()
        ]

    def drop(self, slot: str, publication: str) -> list[str]:
        """Drop the slot, and the publication where it is this user's; what was dropped."""
        from psycopg import sql

        dropped = []
        with self._open() as connection:
            # A walsender that has just lost its client still holds the slot for a moment.
            passing = Retry(attempts=None, seconds=20, pause=0.1, longest=1)
            query = (
                "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
                " where slot_name = %s"
            )
            done = passing.on(psycopg.errors.ObjectInUse)(connection.execute, query, (slot,))
            if done.fetchone():
                dropped.append(f"slot {slot}")
            # One that somebody else made for us is theirs to drop.
            there = (
                "select from pg_publication where pubname = %s"
                " and pg_has_role(current_user, pubowner, 'usage')"
            )
            if connection.execute(there, (publication,)).fetchone() is not None:
                name = sql.Identifier(publication)
                connection.execute(sql.SQL("drop publication {}").format(name))
                dropped.append(f"publication {publication}")
        return dropped


def slot_words(slot: Slot | None, name: str) -> str:
    """A slot, for people."""
    if slot is None:
        return f"slot {name}: not made yet"
    state = "read" if slot.active else "warning: not read now"
    kept = f"{slot.retained_bytes / _MEGABYTE:,.1f} MiB of WAL retained"
    lost = f", warning: {slot.status}" if slot.status in ("unreserved", "lost") else ""
    return f"slot {name}: {state}, {kept}{lost}"


def _refused(error: BaseException) -> bool:
    state = str(getattr(error, "sqlstate", None) or "")
    told = str(error)
    return state.startswith(_REFUSED) or "authentication failed" in told or "no pg_hba" in told


def _may_pass(error: BaseException) -> bool:
    told = "does not exist" not in str(error)
    return isinstance(error, psycopg.OperationalError) and told and not _refused(error)


_ARROW = {
    "int2": pa.int64(),
    "int4": pa.int64(),
    "int8": pa.int64(),
    "float4": pa.float64(),
    "float8": pa.float64(),
    "numeric": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "timestamptz": pa.timestamp("us", "UTC"),
}
