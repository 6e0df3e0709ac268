"""What schema ids meant when records were taken, so that a replay decodes them the same way.

A record carries only the registry's number of its schema. A registry that was rebuilt gives the
same schemas other numbers, or the same numbers to other schemas. So the ledger keeps each schema
by its fingerprint, and from which micro-batch on an id of a topic meant it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence

from platform_assets.core.databases import Connection
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.streaming.ledger_database import ledger_database, retry_connection

Meanings = Mapping[int, str]
"""Schema id to Avro schema."""


def fingerprint(schema: str) -> str:
    """A schema's name by its content: spaces and the order of keys do not count."""
    text = json.dumps(json.loads(schema), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Schemas:
    """The tables ``writer_schema`` and ``schema_meaning``; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._database = ledger_database(settings)
        self._database.prepare()
        self._noted: dict[tuple[TopicName, int], str] = {}
        self._lock = threading.Lock()

    def note(self, topic: TopicName, batch_id: int, meanings: Meanings) -> None:
        """Store what ids mean from a new micro-batch on, where that is new."""
        for schema_id, schema in meanings.items():
            name = fingerprint(schema)
            with self._lock:
                if self._noted.get((topic, schema_id)) == name:
                    continue
            self._note(topic, batch_id, schema_id, name, schema)
            with self._lock:
                self._noted[topic, schema_id] = name

    @retry_connection
    def _note(
        self, topic: TopicName, batch_id: int, schema_id: int, name: str, schema: str
    ) -> None:
        with self._database.borrow() as connection, connection.transaction():
            connection.execute(
                """INSERT INTO writer_schema (fingerprint, schema) VALUES (%s, %s)
                   ON CONFLICT DO NOTHING""",
                (name, schema),
            )
            connection.execute(
                """INSERT INTO schema_meaning (topic, schema_id, from_batch, fingerprint)
                   SELECT %s, %s, %s, %s WHERE %s IS DISTINCT FROM (
                     SELECT fingerprint FROM schema_meaning
                     WHERE topic = %s AND schema_id = %s AND from_batch <= %s
                     ORDER BY from_batch DESC LIMIT 1)
                   ON CONFLICT (topic, schema_id, from_batch)
                   DO UPDATE SET fingerprint = excluded.fingerprint""",
                (str(topic), schema_id, batch_id, name, name, str(topic), schema_id, batch_id),
            )


def meanings_of(
    connection: Connection, topic: TopicName, ids: Sequence[int]
) -> dict[int, dict[int, str]]:
    """What schema ids meant in each of these micro-batches.

    Of a micro-batch from before ids were noted, the first noted meaning is taken.
    """
    rows = connection.execute(
        """SELECT schema_id, from_batch, schema FROM schema_meaning JOIN writer_schema
           USING (fingerprint) WHERE topic = %s ORDER BY schema_id, from_batch DESC""",
        (str(topic),),
    ).fetchall()
    noted: dict[int, list[tuple[int, str]]] = {}
    for schema_id, begins, schema in rows:
        noted.setdefault(schema_id, []).append((begins, schema))

    def meaning(newest_first: list[tuple[int, str]], batch_id: int) -> str:
        begun = (schema for begins, schema in newest_first if begins <= batch_id)
        return next(begun, newest_first[-1][1])

    return {
        batch_id: {schema_id: meaning(each, batch_id) for schema_id, each in noted.items()}
        for batch_id in ids
    }
