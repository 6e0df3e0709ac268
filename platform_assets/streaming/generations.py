"""Which making of a topic the recorded offsets belong to.

Kafka gives every topic an id that it never gives again. A topic that was deleted and recreated
has other records at the same offsets, so offsets of two makings must never be compared, and
records of the one must never replace records of the other. Each making is a *generation*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.streaming.ledger_database import ledger_database, retry_connection


class TopicReplacedError(WeirError):
    """The topic is not the one whose offsets the ledger holds."""


@dataclass(frozen=True)
class Generation:
    """A making of a topic.

    Attributes:
        number: from 0.
        topic_id: Kafka's id; None where none was noted yet (or the broker gives none).
    """

    number: int = 0
    topic_id: str | None = None

    def require(self, topic: TopicName, found: str | None) -> None:
        """See that the broker's topic is this one.

        Raises:
            TopicReplacedError: it has another id.
        """
        if self.topic_id is None or found is None or self.topic_id == found:
            return
        raise TopicReplacedError(
            f"{topic} was deleted and recreated: its id is {found}, the ledger's offsets are of "
            f"{self.topic_id}; nothing of the new topic was taken",
            f"see what continuing with it means: weir streams adopt {topic} --dry-run",
        )


class Generations:
    """The table ``topic_generation``."""

    def __init__(self, settings: Settings) -> None:
        self._database = ledger_database(settings)
        self._database.prepare()

    @retry_connection
    def newest(self, topic: TopicName) -> Generation:
        """The generation that is taken from."""
        with self._database.borrow() as connection:
            row = connection.execute(
                """SELECT generation, topic_id FROM topic_generation WHERE topic = %s
                   ORDER BY generation DESC LIMIT 1""",
                (str(topic),),
            ).fetchone()
        return Generation(*row) if row else Generation()

    @retry_connection
    def begin(self, topic: TopicName, generation: Generation, lost: Sequence[int]) -> None:
        """Begin a generation, and forget micro-batches of older ones that never landed."""
        with self._database.borrow() as connection, connection.transaction():
            connection.execute(
                """DELETE FROM micro_batch
                   WHERE topic = %s AND id = ANY(%s) AND status <> 'published'""",
                (str(topic), list(lost)),
            )
            connection.execute(
                """INSERT INTO topic_generation (topic, generation, topic_id)
                   VALUES (%s, %s, %s)""",
                (str(topic), generation.number, generation.topic_id or ""),
            )

    @retry_connection
    def note(self, topic: TopicName, generation: Generation) -> None:
        """Store a generation's id; of one that nothing was taken from, also another one."""
        with self._database.borrow() as connection:
            connection.execute(
                """INSERT INTO topic_generation (topic, generation, topic_id) VALUES (%s, %s, %s)
                   ON CONFLICT (topic, generation) DO UPDATE SET topic_id = excluded.topic_id
                   WHERE NOT EXISTS (SELECT 1 FROM micro_batch_range AS r
                     WHERE r.topic = excluded.topic AND r.generation = excluded.generation)""",
                (str(topic), generation.number, generation.topic_id),
            )
