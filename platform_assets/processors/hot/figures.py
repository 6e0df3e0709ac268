"""How processors fare, as PostgreSQL has it: for Prometheus, the page and the asset."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from platform_assets.core.databases import Database, retry_connection
from platform_assets.processors.hot.database import CHANNEL


@dataclass(frozen=True)
class Figures:
    """What a processor did since the last time it was noted.

    Attributes:
        taken, results, routed, rejected, dead_letters: see :class:`..transform.Transformed`.
        stored: rows that are new in the hot path.
        busy_seconds: spent on making results.
    """

    taken: int = 0
    results: int = 0
    routed: int = 0
    rejected: int = 0
    dead_letters: int = 0
    stored: int = 0
    busy_seconds: float = 0.0


@dataclass(frozen=True)
class Seen:
    """How a processor stands.

    Attributes:
        lag: offsets that wait.
        rate: results a second, over the last minute.
        p50, p95, p99: seconds from the broker to the stored row, over the last minute; None: no
            row came.
    """

    lag: int
    rate: float
    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True)
class ProcessorState:
    """A row of table ``processor_state``: sums since the processor first ran."""

    processor: str
    taken: int
    results: int
    routed: int
    rejected: int
    dead_letters: int
    stored: int
    busy_seconds: float
    lag: int
    rate: float
    p50: float | None
    p95: float | None
    p99: float | None
    functions: str
    seen_at: datetime


def note(database: Database, processor: str, done: Figures, seen: Seen, functions: str) -> None:
    """Add what was done, and keep what was seen.

    Noted now and then, not with each batch: a process that is killed leaves out its last second.
    Who listens to the hot path hears of another lag, too.

    Raises:
        DatabaseError: PostgreSQL does not answer.
    """
    values = {**done.__dict__, **seen.__dict__, "processor": processor, "functions": functions}
    with database.borrow() as connection:
        known = connection.execute(
            "SELECT lag FROM processor_state WHERE processor = %s", (processor,)
        ).fetchone()
        connection.execute(
            """INSERT INTO processor_state AS known (processor, taken, results, routed, rejected,
                 dead_letters, stored, busy_seconds, lag, rate, p50, p95, p99, functions)
               VALUES (%(processor)s, %(taken)s, %(results)s, %(routed)s, %(rejected)s,
                 %(dead_letters)s, %(stored)s, %(busy_seconds)s, %(lag)s, %(rate)s, %(p50)s,
                 %(p95)s, %(p99)s, %(functions)s)
               ON CONFLICT (processor) DO UPDATE SET
                 taken = known.taken + excluded.taken, results = known.results + excluded.results,
                 routed = known.routed + excluded.routed,
                 rejected = known.rejected + excluded.rejected,
                 dead_letters = known.dead_letters + excluded.dead_letters,
                 stored = known.stored + excluded.stored,
                 busy_seconds = known.busy_seconds + excluded.busy_seconds,
                 lag_changes = known.lag_changes + (known.lag <> excluded.lag)::integer,
                 lag = excluded.lag, rate = excluded.rate, p50 = excluded.p50, p95 = excluded.p95,
                 p99 = excluded.p99, functions = excluded.functions, seen_at = now()""",
            values,
        )
        if known != (seen.lag,):
            connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, processor))


@retry_connection
def states(database: Database) -> list[ProcessorState]:
    """Every processor that ever ran.

    Raises:
        DatabaseError: PostgreSQL does not answer.
    """
    columns = ", ".join(ProcessorState.__dataclass_fields__)
    with (
        database.borrow() as connection,
        connection.cursor(row_factory=class_row(ProcessorState)) as cursor,
    ):
        query = f"SELECT {columns} FROM processor_state ORDER BY processor"  # noqa: S608 - our own
        return cursor.execute(query.encode()).fetchall()
