"""Intents: what a publication is about to change, recorded before its first commit.

A publication commits several tables and then the ledger. If its process dies in between, the
intent says which micro-batches to publish again, which others to count again, and which event
dates gold must look at. One row a topic: publications of a topic take turns, and an intent that a
dead process left is joined to the next one. Called inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from platform_assets.core.databases import Connection
from platform_assets.core.naming import TopicName


@dataclass(frozen=True)
class Intent:
    """What is left to do of a topic's publications.

    Attributes:
        todo: micro-batches to publish, again or for the first time.
        counted: micro-batches whose rows may have yielded: their counts follow the table.
        dates: event dates whose rows may have changed.
    """

    todo: frozenset[int] = frozenset()
    counted: frozenset[int] = frozenset()
    dates: frozenset[date] = frozenset()


def read(connection: Connection, topic: TopicName) -> Intent | None:
    """The topic's intent; None when nothing is left to do."""
    row = connection.execute(
        "SELECT todo, counted, dates FROM publication_intent WHERE topic = %s", (str(topic),)
    ).fetchone()
    return Intent(frozenset(row[0]), frozenset(row[1]), frozenset(row[2])) if row else None


def join(connection: Connection, topic: TopicName, intent: Intent) -> None:
    """Add to what is left to do."""
    connection.execute(
        """INSERT INTO publication_intent AS held (topic, todo, counted, dates, intended_at)
           VALUES (%s, %s::bigint[], %s::bigint[], %s::date[], now())
           ON CONFLICT (topic) DO UPDATE SET intended_at = now(),
             todo = ARRAY(SELECT DISTINCT unnest(held.todo || excluded.todo)),
             counted = ARRAY(SELECT DISTINCT unnest(held.counted || excluded.counted)),
             dates = ARRAY(SELECT DISTINCT unnest(held.dates || excluded.dates))""",
        (str(topic), sorted(intent.todo), sorted(intent.counted), sorted(intent.dates)),
    )


def settle(connection: Connection, topic: TopicName, done: Iterable[int]) -> None:
    """These are published, and what was to be counted and told is; forget it when that is all."""
    connection.execute(
        """UPDATE publication_intent SET counted = '{}', dates = '{}', intended_at = now(),
             todo = ARRAY(SELECT number FROM unnest(todo) AS number WHERE number <> ALL(%s))
           WHERE topic = %s""",
        (list(done), str(topic)),
    )
    connection.execute(
        "DELETE FROM publication_intent WHERE topic = %s AND todo = '{}'", (str(topic),)
    )
