"""State of topics: paused, halted with an error, lag; and the view that ``weir streams`` shows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.streaming.halts import Halt
from platform_assets.streaming.ledger_database import ledger_database, retry_connection


class NothingToAcceptError(WeirError):
    """Nothing is halted that a person may let pass."""


@dataclass(frozen=True)
class TopicState:
    """Whether a topic runs.

    Attributes:
        paused: a person paused it.
        error: why it is halted or what it last stumbled over; None while all is well.
        halted_contract: contract fingerprint under which it halted; a fixed contract
            starts it again. None: not halted.
        halt: why and over which records it is halted.
        accepted: the halt that a person let pass, until it has passed.
        unfinished: a publication's process seems to have died: its intent is a minute old.
    """

    paused: bool = False
    error: str | None = None
    halted_contract: str | None = None
    halt: Halt | None = None
    accepted: Halt | None = None
    unfinished: bool = False


@dataclass(frozen=True)
class StreamRow:
    """One topic in ``weir streams``.

    Attributes:
        lag: records that waited on the broker when last seen.
        rate: records a second over the last minute.
        last_id, last_at: newest micro-batch and when it was published.
        records .. late: sums over all micro-batches.
        error: why it is halted, or None.
    """

    topic: str
    state: str
    lag: int
    rate: float
    last_id: int
    last_at: datetime | None
    records: int
    published: int
    quarantined: int
    duplicates: int
    dead_letters: int
    late: int
    error: str | None


class TopicStates:
    """The table ``topic_state``."""

    def __init__(self, settings: Settings) -> None:
        self._database = ledger_database(settings)
        self._database.prepare()

    @retry_connection
    def read(self, topic: TopicName) -> TopicState:
        """A topic's state; all defaults if it was never written."""
        with self._database.borrow() as connection:
            row = connection.execute(
                """SELECT paused, error, contract, halt, accepted,
                     EXISTS (SELECT 1 FROM publication_intent AS i WHERE i.topic = s.topic
                             AND intended_at < now() - interval '1 minute')
                   FROM topic_state AS s WHERE topic = %s""",
                (str(topic),),
            ).fetchone()
        if row is None:
            return TopicState()
        paused, error, contract, halt, accepted, unfinished = row
        return TopicState(
            paused, error, contract, Halt.parse(halt), Halt.parse(accepted), unfinished
        )

    @retry_connection
    def set_paused(self, topic: TopicName, *, paused: bool) -> None:
        """Pause or resume; resuming also clears a halt."""
        with self._database.borrow() as connection:
            connection.execute(
                """INSERT INTO topic_state (topic, paused) VALUES (%s, %s)
                   ON CONFLICT (topic) DO UPDATE SET paused = excluded.paused,
                     error = CASE WHEN excluded.paused THEN topic_state.error END,
                     contract = CASE WHEN excluded.paused THEN topic_state.contract END,
                     halt = CASE WHEN excluded.paused THEN topic_state.halt END""",
                (str(topic), paused),
            )

    def accept(self, topic: TopicName) -> Halt:
        """Let pass what the topic is halted over, once; it runs again.

        Returns:
            The halt, with its records.

        Raises:
            NothingToAcceptError: it is not halted, or for a reason that cannot be accepted.
        """
        state = self.read(topic)
        if state.halted_contract is None:
            raise NothingToAcceptError(
                f"{topic} is not halted, so there is nothing to accept; nothing was changed",
                hint="an acceptance holds for the records of one halt; see: weir streams",
            )
        if state.halt is None or not state.halt.accepting():
            raise NothingToAcceptError(
                f"{topic} is halted for a reason that cannot be accepted: {state.error}",
                hint=f"nothing was changed; when the cause is fixed: weir streams resume {topic}",
            )
        with self._database.borrow() as connection:
            connection.execute(
                """UPDATE topic_state SET accepted = %s, paused = false, error = NULL,
                     contract = NULL, halt = NULL WHERE topic = %s""",
                (json.dumps(state.halt.stored()), str(topic)),
            )
        return state.halt

    @retry_connection
    def consume(self, topic: TopicName) -> None:
        """Forget what was accepted: it has passed."""
        with self._database.borrow() as connection:
            connection.execute(
                "UPDATE topic_state SET accepted = NULL WHERE topic = %s", (str(topic),)
            )

    @retry_connection
    def note(self, topic: TopicName, *, lag: int | None = None, error: str | None = None) -> None:
        """Store the lag (None leaves it) and the latest error (None: all is well)."""
        with self._database.borrow() as connection:
            connection.execute(
                """INSERT INTO topic_state (topic, lag, seen_at, error, error_at)
                   VALUES (%s, coalesce(%s, 0), now(), %s, CASE WHEN %s::text IS NULL
                     THEN NULL ELSE now() END)
                   ON CONFLICT (topic) DO UPDATE SET lag = coalesce(%s, topic_state.lag),
                     seen_at = now(), error = excluded.error, error_at = excluded.error_at,
                     contract = NULL, halt = NULL""",
                (str(topic), lag, error, error, lag),
            )

    @retry_connection
    def rows(self) -> list[StreamRow]:
        """One row a topic that was ever taken or paused."""
        with (
            self._database.borrow() as connection,
            connection.cursor(row_factory=class_row(StreamRow)) as cursor,
        ):
            return cursor.execute(
                """WITH sums AS (
                     SELECT topic, max(id) AS last_id, max(published_at) AS last_at,
                       sum(records) AS records, sum(published) AS published,
                       sum(quarantined) AS quarantined, sum(duplicates) AS duplicates,
                       sum(dead_letters) AS dead_letters, sum(late) AS late,
                       coalesce(sum(records) FILTER (
                         WHERE published_at > now() - interval '1 minute'), 0) / 60.0 AS rate
                     FROM micro_batch GROUP BY topic)
                   SELECT topic,
                     CASE WHEN s.paused THEN 'paused' WHEN s.contract IS NOT NULL THEN 'halted'
                          WHEN s.error IS NOT NULL THEN 'retrying' ELSE 'running' END AS state,
                     coalesce(s.lag, 0) AS lag, coalesce(m.rate, 0)::float8 AS rate,
                     coalesce(m.last_id, 0) AS last_id, m.last_at,
                     coalesce(m.records, 0)::bigint AS records,
                     coalesce(m.published, 0)::bigint AS published,
                     coalesce(m.quarantined, 0)::bigint AS quarantined,
                     coalesce(m.duplicates, 0)::bigint AS duplicates,
                     coalesce(m.dead_letters, 0)::bigint AS dead_letters,
                     coalesce(m.late, 0)::bigint AS late, s.error
                   FROM topic_state AS s FULL JOIN sums AS m USING (topic) ORDER BY topic"""
            ).fetchall()
