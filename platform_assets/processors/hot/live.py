"""What a dashboard asks of the hot path; loads nothing heavy, for a server of pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from platform_assets.core.databases import Connection, Database, retry_connection
from platform_assets.processors.hot.database import CHANNEL

MINUTES = 60
"""That the page looks back."""
MOST_ARRIVALS = 20_000

SENTIMENTS = ("positive", "neutral", "negative", "unknown")


@dataclass(frozen=True)
class Counts:
    """Texts by sentiment.

    Attributes:
        name: a minute (seconds since 1970) or a language.
        texts: in the order of :data:`SENTIMENTS`.
    """

    name: int | str
    texts: tuple[int, ...]


@dataclass(frozen=True)
class LastHour:
    """What was written in the last sixty minutes, by the time of the texts.

    Attributes:
        minutes: oldest first, those without texts included.
        languages: most texts first.
    """

    minutes: tuple[Counts, ...]
    languages: tuple[Counts, ...]

    @property
    def texts(self) -> int:
        """All of them."""
        return sum(sum(one.texts) for one in self.languages)


@dataclass(frozen=True)
class Arrivals:
    """Rows after a step.

    Attributes:
        step: the newest.
        at: when the broker took the record of each, seconds since 1970.
    """

    step: int
    at: tuple[float, ...]


@retry_connection
def last_hour(database: Database, now: datetime) -> LastHour:
    """The last sixty minutes, the one that runs included.

    Raises:
        DatabaseError: PostgreSQL does not answer.
    """
    newest = now.astimezone(UTC).replace(second=0, microsecond=0)
    first = newest - timedelta(minutes=MINUTES - 1)
    with database.borrow() as connection:
        rows = connection.execute(
            """SELECT minute, language, sentiment, sum(texts)::bigint FROM understood_minute
               WHERE minute >= %s AND minute <= %s GROUP BY 1, 2, 3""",
            (first, newest),
        ).fetchall()
    minutes = {
        int(first.timestamp()) + 60 * place: [0] * len(SENTIMENTS) for place in range(MINUTES)
    }
    languages: dict[str, list[int]] = {}
    for minute, language, sentiment, texts in rows:
        place = SENTIMENTS.index(sentiment)
        minutes[int(minute.timestamp())][place] += texts
        languages.setdefault(language, [0] * len(SENTIMENTS))[place] += texts
    return LastHour(
        tuple(Counts(at, tuple(texts)) for at, texts in minutes.items()),
        tuple(
            Counts(name, tuple(texts))
            for name, texts in sorted(languages.items(), key=lambda one: (-sum(one[1]), one[0]))
        ),
    )


@retry_connection
def newest_step(database: Database) -> int:
    """The last transaction; 0 before the first.

    Raises:
        DatabaseError: PostgreSQL does not answer.
    """
    with database.borrow() as connection:
        row = connection.execute("SELECT step FROM hot_step").fetchone()
    return int(row[0]) if row else 0


@dataclass(frozen=True)
class Newest:
    """How far the hot path is.

    Attributes:
        version: another one after each transaction, and after each change of a processor's lag.
        lag: offsets that wait for all processors.
    """

    version: str
    lag: int


@retry_connection
def newest(database: Database) -> Newest:
    """How far the hot path is.

    Raises:
        DatabaseError: PostgreSQL does not answer.
    """
    with database.borrow() as connection:
        row = connection.execute(
            """SELECT coalesce((SELECT step FROM hot_step), 0), coalesce(sum(lag_changes), 0),
                 coalesce(sum(lag), 0) FROM processor_state"""
        ).fetchone()
    step, changes, lag = row or (0, 0, 0)
    # Not the lag itself: one that comes back would bring old answers back.
    return Newest(f"{step}-{changes}", int(lag))


@retry_connection
def arrivals(database: Database, step: int) -> Arrivals:
    """Rows after a step, at most :data:`MOST_ARRIVALS`.

    Raises:
        DatabaseError: PostgreSQL does not answer.
    """
    with database.borrow() as connection:
        rows = connection.execute(
            """SELECT (SELECT step FROM hot_step), extract(epoch FROM arrived_at)::float8
               FROM understood WHERE step > %s LIMIT %s""",
            (step, MOST_ARRIVALS),
        ).fetchall()
    return Arrivals(int(rows[0][0]) if rows else step, tuple(row[1] for row in rows))


@contextmanager
def listening(database: Database) -> Iterator[Connection]:
    """A connection that hears of new rows; see :func:`heard`.

    Raises:
        DatabaseError: PostgreSQL does not answer.
    """
    with database.connect() as connection:
        connection.execute(f"LISTEN {CHANNEL}".encode())
        yield connection


def heard(connection: Connection, seconds: float) -> bool:
    """Wait for new rows; False where none came.

    Raises:
        psycopg.Error: the connection is gone.
    """
    return any(True for _ in connection.notifies(timeout=seconds, stop_after=1))
