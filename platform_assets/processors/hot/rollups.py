"""The tables of sums by time, and how they are cut by month: by declaration, or as hypertables.

TimescaleDB's hypertables are used where PostgreSQL has it loaded; what it does is then left to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import psycopg
from psycopg import sql

from platform_assets.core.databases import Connection, Database

ROLLUPS = {
    "minute": "understood_minute",
    "hour": "understood_hour",
    "day": "understood_day",
}
"""Column of the time -> table."""
TABLES = ("understood", *ROLLUPS.values())
"""All that are cut by month; the first one, of rows, by declaration always."""


def ensure_months(database: Database, months: Iterable[date]) -> None:
    """Make the partitions of months, given by their first days, where they are missing.

    Raises:
        DatabaseError: PostgreSQL does not answer.
    """
    for month in sorted(months):
        end = (month + timedelta(days=32)).replace(day=1)
        with database.borrow() as connection:
            for table in _declared(connection):
                bounds = [str(month), str(end)]
                if table != TABLES[0]:
                    bounds = [f"{day} 00:00:00+00" for day in bounds]
                statement = sql.SQL(
                    "CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})"
                ).format(
                    sql.Identifier(f"{table}_{month:%Y_%m}"),
                    sql.Identifier(table),
                    *map(sql.Literal, bounds),
                )
                try:
                    connection.execute(statement)
                except (psycopg.errors.DuplicateTable, psycopg.errors.UniqueViolation):
                    continue  # another process was quicker


def forget_before(database: Database, first: date) -> list[str]:
    """Drop what is wholly older than the month that begins so; says which tables or chunks.

    Raises:
        DatabaseError: PostgreSQL does not answer.
    """
    dropped = []
    with database.borrow() as connection:
        declared = _declared(connection)
        for table in declared:
            rows = connection.execute(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass",
                (table,),
            ).fetchall()
            for (name,) in rows:
                if name < f"{table}_{first:%Y_%m}":
                    connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
                    dropped.append(name)
        for table in set(TABLES) - set(declared):
            chunks = connection.execute(
                "SELECT drop_chunks(%s::regclass, older_than => %s::timestamptz)::text",
                (table, f"{first} 00:00:00+00"),
            ).fetchall()
            dropped += [name for (name,) in chunks]
    return sorted(dropped)


def _declared(connection: Connection) -> list[str]:
    rows = connection.execute(
        """SELECT relname FROM pg_class WHERE relkind = 'p' AND relname = ANY(%s)
             AND relnamespace = current_schema()::regnamespace""",
        (list(TABLES),),
    ).fetchall()
    return sorted(name for (name,) in rows)
