"""Windows: partitions of micro-batches in the order of the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.streaming.ledger_database import ledger_database, retry_connection

STEP_BACK = timedelta(minutes=10)
"""Steps of a clock back up to this width do not change the window; wider ones are jumps."""


@dataclass(frozen=True)
class Window:
    """A half-open span of time in which micro-batches were taken; ``key`` names the partition."""

    key: str
    opened_at: datetime
    closes_at: datetime


def window_at(moment: datetime, seconds: int) -> Window:
    """The window of ``seconds`` that holds a moment, aligned to midnight UTC of 1970.

    Args:
        moment: a time with zone.
        seconds: length of the windows.
    """
    epoch = int(moment.timestamp())
    opened = datetime.fromtimestamp(epoch - epoch % seconds, UTC)
    pattern = "%Y-%m-%d-%H:%M" if seconds % 60 == 0 else "%Y-%m-%d-%H:%M:%S"
    return Window(opened.strftime(pattern), opened, opened + timedelta(seconds=seconds))


class Windows:
    """The windows of all topics, kept in the ledger."""

    def __init__(self, settings: Settings) -> None:
        self._database = ledger_database(settings)
        self._database.prepare()

    @retry_connection
    def current(self, contract: Contract, now: datetime) -> Window:
        """The window for a micro-batch taken now.

        A clock that steps back a little keeps the window of the last micro-batch, so both stay
        in the same order. A clock that is back from a jump is believed: else all that follows
        would land in one window, for as long as the jump was wide. A window that was closed
        meanwhile is open again, and will be checked again.
        """
        window = window_at(now, contract.window_seconds)
        with self._database.borrow() as connection:
            row = connection.execute(
                """SELECT w.window_key, w.opened_at, w.closes_at
                   FROM micro_batch AS b JOIN stream_window AS w USING (topic, window_key)
                   WHERE topic = %s ORDER BY b.id DESC LIMIT 1""",
                (str(contract.topic),),
            ).fetchone()
            if row is not None and timedelta() < row[1] - window.opened_at:
                window = Window(*row) if row[1] - now <= STEP_BACK else window
            connection.execute(
                """INSERT INTO stream_window (topic, window_key, opened_at, closes_at)
                   VALUES (%s, %s, %s, %s) ON CONFLICT (topic, window_key) DO UPDATE
                   SET closed = false, checked = false WHERE stream_window.closed""",
                (str(contract.topic), window.key, window.opened_at, window.closes_at),
            )
        return window

    @retry_connection
    def close_due(self, topic: TopicName, now: datetime) -> list[str]:
        """Close windows whose time is over and whose micro-batches are all published.

        Those far ahead are over, too: a clock that has jumped and is back opened them.

        Returns:
            The keys closed by this call, oldest first.
        """
        with self._database.borrow() as connection:
            rows = connection.execute(
                """UPDATE stream_window AS w SET closed = true
                   WHERE w.topic = %s AND NOT w.closed
                     AND (w.closes_at <= %s OR w.opened_at > %s)
                     AND NOT EXISTS (SELECT 1 FROM micro_batch AS b WHERE b.topic = w.topic
                       AND b.window_key = w.window_key AND b.status <> 'published')
                   RETURNING w.window_key""",
                (str(topic), now, now + STEP_BACK),
            ).fetchall()
        return sorted(row[0] for row in rows)

    @retry_connection
    def unchecked(self, limit: int) -> list[tuple[TopicName, str]]:
        """Closed windows whose whole suite has not run yet, oldest first."""
        with self._database.borrow() as connection:
            rows = connection.execute(
                """SELECT topic, window_key FROM stream_window
                   WHERE closed AND NOT checked ORDER BY opened_at LIMIT %s""",
                (limit,),
            ).fetchall()
        return [(TopicName.parse(row[0]), row[1]) for row in rows]

    @retry_connection
    def mark_checked(self, topic: TopicName, window_key: str) -> None:
        """Note that a closed window's suite has run."""
        with self._database.borrow() as connection:
            connection.execute(
                "UPDATE stream_window SET checked = true WHERE topic = %s AND window_key = %s",
                (str(topic), window_key),
            )

    @retry_connection
    def keys(self, topic: TopicName) -> list[str]:
        """All windows of a topic, oldest first."""
        with self._database.borrow() as connection:
            rows = connection.execute(
                "SELECT window_key FROM stream_window WHERE topic = %s ORDER BY opened_at",
                (str(topic),),
            ).fetchall()
        return [row[0] for row in rows]
