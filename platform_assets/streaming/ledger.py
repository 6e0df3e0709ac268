"""The ledger: which records form which micro-batch, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from platform_assets.core.commit_points import CommitPoint
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.engines.base import MicroBatch, Published
from platform_assets.streaming import intents
from platform_assets.streaming.bulk_ledger import BulkLedger
from platform_assets.streaming.generations import Generation, Generations
from platform_assets.streaming.halts import Halt
from platform_assets.streaming.intents import Intent
from platform_assets.streaming.ledger_database import ledger_database, retry_connection
from platform_assets.streaming.recorded import batches_of
from platform_assets.streaming.schemas import Schemas

_RECORD = CommitPoint("the ledger's record of a micro-batch")
_INTEND = CommitPoint("the ledger's intent")
_PUBLISH = CommitPoint("the ledger's counts")
_FAIL = CommitPoint("the ledger's halt")


class LedgerConflictError(WeirError):
    """Another writer recorded the micro-batch first: two runs took the same records."""


class UnknownWindowError(WeirError):
    """No micro-batch belongs to the window."""


@dataclass(frozen=True)
class Progress:
    """How far a topic is recorded.

    Attributes:
        last_id: id of the newest micro-batch, 0 if there is none.
        next_offsets: per Kafka partition the first offset not yet recorded.
        watermarks: per Kafka partition the greatest valid event time so far.
        generation: the making of the topic that these offsets belong to.
    """

    last_id: int
    next_offsets: Mapping[int, int]
    watermarks: Mapping[int, datetime]
    generation: Generation


@dataclass(frozen=True)
class OpenBatch:
    """A micro-batch that was recorded and not yet published."""

    batch: MicroBatch
    window_key: str
    status: str


@dataclass(frozen=True)
class Totals:
    """Sums over micro-batches.

    records = published + quarantined + duplicates + dead_letters + open_records, where
    ``open_records`` are those of micro-batches taken but not published (in flight or failed).
    """

    batches: int = 0
    records: int = 0
    published: int = 0
    quarantined: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    late: int = 0
    open_records: int = 0


class Ledger:
    """The ledger's tables in PostgreSQL; safe to share between threads.

    Attributes:
        schemas: what schema ids meant from which micro-batch on.
        bulk: what is recorded of bulk files.
    """

    def __init__(self, settings: Settings) -> None:
        self._database = ledger_database(settings)
        self._database.prepare()
        self._generations = Generations(settings)
        self.schemas = Schemas(settings)
        self.bulk = BulkLedger(settings)

    @retry_connection
    def progress(self, topic: TopicName) -> Progress:
        """Read how far the topic is recorded."""
        generation = self._generations.newest(topic)
        with self._database.borrow() as connection:
            last = connection.execute(
                "SELECT coalesce(max(id), 0) FROM micro_batch WHERE topic = %s", (str(topic),)
            ).fetchone()
            rows = connection.execute(
                """SELECT newest.* FROM generate_series(0, (SELECT max(kafka_partition)
                     FROM micro_batch_range WHERE topic = %s AND generation = %s)) AS number
                   CROSS JOIN LATERAL (
                     SELECT kafka_partition, end_offset,
                       coalesce(watermark_after, watermark_before) AS watermark
                     FROM micro_batch_range
                     WHERE topic = %s AND generation = %s AND kafka_partition = number
                     ORDER BY start_offset DESC LIMIT 1) AS newest""",
                (str(topic), generation.number, str(topic), generation.number),
            ).fetchall()
        return Progress(
            last_id=last[0] if last else 0,
            next_offsets={row[0]: row[1] for row in rows},
            watermarks={row[0]: row[2] for row in rows if row[2] is not None},
            generation=generation,
        )

    def generation(self, topic: TopicName) -> Generation:
        """The making of the topic that is taken from."""
        return self._generations.newest(topic)

    def note_generation(self, topic: TopicName, generation: Generation) -> None:
        """Store Kafka's id of the making that is taken from."""
        self._generations.note(topic, generation)

    @retry_connection
    def open_batches(self, topic: TopicName) -> list[OpenBatch]:
        """Micro-batches recorded but not published, oldest first: a crash leaves at most one."""
        with self._database.borrow() as connection:
            rows = connection.execute(
                """SELECT id, window_key, status FROM micro_batch
                   WHERE topic = %s AND status <> 'published' ORDER BY id""",
                (str(topic),),
            ).fetchall()
            batches = {b.id: b for b in batches_of(connection, topic, [row[0] for row in rows])}
        return [OpenBatch(batches[row[0]], row[1], row[2]) for row in rows]

    def record(
        self, topic: TopicName, batch: MicroBatch, window_key: str, run_id: str, records: int
    ) -> None:
        """Write a micro-batch's exact ranges; from here on it exists, for ever the same.

        Raises:
            LedgerConflictError: the id or one of the ranges is recorded already, or the topic
                has a newer generation.
        """
        import psycopg

        if self._generations.newest(topic).number > batch.generation:
            raise LedgerConflictError(
                f"{topic}: micro-batch {batch.id} is of generation {batch.generation}, and a newer "
                "one has begun",
                hint="this run ends; the next one takes the newer generation",
            )
        try:
            with _RECORD, self._database.borrow() as connection, connection.transaction():
                connection.execute(
                    """INSERT INTO micro_batch
                         (topic, id, window_key, status, taken_at, records, run_id)
                       VALUES (%s, %s, %s, 'taken', now(), %s, %s)""",
                    (str(topic), batch.id, window_key, records, run_id),
                )
                for item in batch.ranges:
                    connection.execute(
                        """INSERT INTO micro_batch_range (topic, id, generation,
                             kafka_partition, start_offset, end_offset, watermark_before)
                           VALUES (%s, %s, %s, %s, %s, %s, %s)""",
                        (
                            str(topic), batch.id, batch.generation, item.partition, item.start,
                            item.end, batch.watermarks.get(item.partition),
                        ),
                    )  # fmt: skip
        except psycopg.errors.UniqueViolation as error:
            raise LedgerConflictError(
                f"{topic}: micro-batch {batch.id} is recorded already by another run",
                hint="this run ends; the one that recorded it continues",
            ) from error

    @retry_connection
    def intend(self, topic: TopicName, intent: Intent) -> None:
        """Record what a publication is about to change; before its first commit."""
        with _INTEND, self._database.borrow() as connection, connection.transaction():
            intents.join(connection, topic, intent)

    @retry_connection
    def intent(self, topic: TopicName) -> Intent:
        """What is left to do of the topic's publications."""
        with self._database.borrow() as connection:
            return intents.read(connection, topic) or Intent()

    @retry_connection
    def publish(
        self,
        topic: TopicName,
        published: Published,
        intent: Intent,
        rows: Mapping[int, int],
    ) -> None:
        """Store what became of micro-batches, and the event dates that changed, in one transaction.

        Args:
            topic: the topic.
            published: the publication.
            intent: what was recorded before it, by this process or one that died.
            rows: how many rows the intent's ``counted`` micro-batches have now. Those that
                yielded to an earlier record with their key are duplicates. Counted, not
                subtracted, so that it may be done twice.
        """
        name = str(topic)
        with _PUBLISH, self._database.borrow() as connection, connection.transaction():
            for batch_id, counts in published.counts.items():
                connection.execute(
                    """UPDATE micro_batch SET status = 'published', published_at = now(),
                         published = %s, quarantined = %s, duplicates = %s,
                         dead_letters = %s, late = %s, rules = %s, error = NULL,
                         publications = publications + 1
                       WHERE topic = %s AND id = %s""",
                    (
                        counts.published,
                        counts.quarantined,
                        counts.duplicates,
                        counts.dead_letters,
                        counts.late,
                        json.dumps(counts.rules),
                        name,
                        batch_id,
                    ),
                )
                for partition, watermark in published.watermarks.get(batch_id, {}).items():
                    connection.execute(
                        """UPDATE micro_batch_range SET watermark_after = %s
                           WHERE topic = %s AND id = %s AND kafka_partition = %s""",
                        (watermark, name, batch_id, partition),
                    )
            for batch_id, number in rows.items():
                connection.execute(
                    """UPDATE micro_batch SET published = %s,
                         duplicates = records - quarantined - dead_letters - %s
                       WHERE topic = %s AND id = %s AND publications > 0""",
                    (number, number, name, batch_id),
                )
            if intent != Intent():
                intents.settle(connection, topic, published.counts)
            dates = published.dates | intent.dates
            if dates:
                connection.execute(
                    """INSERT INTO silver_change (topic, seq, event_date)
                       SELECT %s, (SELECT coalesce(max(seq), 0) + 1 FROM silver_change
                                   WHERE topic = %s), unnest(%s::date[])""",
                    (name, name, sorted(dates)),
                )

    @retry_connection
    def fail(self, topic: TopicName, halt: Halt, error: str, contract: str) -> None:
        """Mark the halt's micro-batch failed and halt its topic, with the reason."""
        with _FAIL, self._database.borrow() as connection, connection.transaction():
            connection.execute(
                "UPDATE micro_batch SET status = 'failed', error = %s WHERE topic = %s AND id = %s",
                (error, str(topic), halt.batch),
            )
            connection.execute(
                """INSERT INTO topic_state (topic, error, error_at, contract, halt)
                   VALUES (%s, %s, now(), %s, %s)
                   ON CONFLICT (topic) DO UPDATE SET error = excluded.error, halt = excluded.halt,
                     error_at = now(), contract = excluded.contract""",
                (str(topic), error, contract, json.dumps(halt.stored())),
            )

    @retry_connection
    def batches(self, topic: TopicName, window_key: str) -> list[MicroBatch]:
        """The finished (published or failed) micro-batches of a window, in order.

        One that a stream run is working on is left to that run.

        Raises:
            UnknownWindowError: none belongs to it.
        """
        with self._database.borrow() as connection:
            rows = connection.execute(
                """SELECT id FROM micro_batch
                   WHERE topic = %s AND window_key = %s AND status <> 'taken' ORDER BY id""",
                (str(topic), window_key),
            ).fetchall()
            found = batches_of(connection, topic, [row[0] for row in rows])
        if not found:
            raise UnknownWindowError(
                f"{topic}: no micro-batch was recorded for window {window_key}",
                hint="windows with data: weir streams --windows",
            )
        return found

    @retry_connection
    def batches_by_id(self, topic: TopicName, ids: Iterable[int]) -> list[MicroBatch]:
        """Micro-batches by id, in order; unknown ids are left out."""
        with self._database.borrow() as connection:
            return batches_of(connection, topic, sorted(ids))

    @retry_connection
    def recorded(self, topic: TopicName, ids: Iterable[int]) -> dict[int, int]:
        """How many records each of these micro-batches was taken with; unknown ids are left out."""
        with self._database.borrow() as connection:
            rows = connection.execute(
                "SELECT id, records FROM micro_batch WHERE topic = %s AND id = ANY(%s)",
                (str(topic), list(ids)),
            ).fetchall()
        return {row[0]: row[1] for row in rows}

    @retry_connection
    def totals(self, topic: TopicName, window_key: str | None = None) -> Totals:
        """Sums over the topic's micro-batches, or those of one window."""
        with self._database.borrow() as connection:
            row = connection.execute(
                """SELECT count(*), coalesce(sum(records), 0), coalesce(sum(published), 0),
                     coalesce(sum(quarantined), 0), coalesce(sum(duplicates), 0),
                     coalesce(sum(dead_letters), 0), coalesce(sum(late), 0),
                     coalesce(sum(records) FILTER (WHERE status <> 'published'
                                                   AND publications = 0), 0)
                   FROM micro_batch
                   WHERE topic = %s AND (%s::text IS NULL OR window_key = %s)""",
                (str(topic), window_key, window_key),
            ).fetchone()
        return Totals(*(int(value) for value in row)) if row else Totals()

    @retry_connection
    def batches_with_rejects(self, topic: TopicName) -> list[MicroBatch]:
        """Published micro-batches that hold quarantined rows or dead letters."""
        with self._database.borrow() as connection:
            rows = connection.execute(
                """SELECT id FROM micro_batch WHERE topic = %s AND status = 'published'
                   AND quarantined + dead_letters > 0 ORDER BY id""",
                (str(topic),),
            ).fetchall()
            return batches_of(connection, topic, [row[0] for row in rows])

    @retry_connection
    def batches_with_duplicates(self, topic: TopicName, after: int) -> list[int]:
        """Ids of later micro-batches with records that lost to an earlier one with their key."""
        with self._database.borrow() as connection:
            rows = connection.execute(
                """SELECT id FROM micro_batch WHERE topic = %s AND id > %s AND duplicates > 0
                   AND status = 'published'""",
                (str(topic), after),
            ).fetchall()
        return [row[0] for row in rows]

    @retry_connection
    def changed_dates(
        self, consumer: str, topics: Sequence[TopicName], limit: int
    ) -> tuple[dict[TopicName, list[date]], dict[TopicName, int]]:
        """Event dates changed since the consumer's cursors, and the cursors after reading them.

        At most ``limit`` changes (publications) a topic are read, so one step stays bounded.
        """
        known = {str(topic): topic for topic in topics}
        with self._database.borrow() as connection:
            rows = connection.execute(
                """SELECT c.topic, c.seq, c.event_date FROM unnest(%s::text[]) AS wanted (topic)
                   LEFT JOIN consumer_cursor AS k ON k.consumer = %s AND k.topic = wanted.topic
                   JOIN silver_change AS c ON c.topic = wanted.topic
                     AND c.seq > coalesce(k.seq, 0) AND c.seq <= coalesce(k.seq, 0) + %s
                   ORDER BY c.topic, c.seq""",
                (list(known), consumer, limit),
            ).fetchall()
        dates: dict[TopicName, set[date]] = {}
        cursors: dict[TopicName, int] = {}
        for name, seq, day in rows:
            dates.setdefault(known[name], set()).add(day)
            cursors[known[name]] = seq
        return {topic: sorted(days) for topic, days in dates.items()}, cursors

    @retry_connection
    def cursors(self, consumer: str, topics: Sequence[TopicName]) -> dict[TopicName, int]:
        """Where the consumer is in each topic's changes; 0: at the beginning."""
        with self._database.borrow() as connection:
            rows = connection.execute(
                "SELECT topic, seq FROM consumer_cursor WHERE consumer = %s", (consumer,)
            ).fetchall()
        found = {str(topic): int(seq) for topic, seq in rows}
        return {topic: found.get(str(topic), 0) for topic in topics}

    @retry_connection
    def advance(self, consumer: str, cursors: Mapping[TopicName, int]) -> None:
        """Move the consumer's cursors forward (never back)."""
        with self._database.borrow() as connection, connection.transaction():
            for topic, seq in cursors.items():
                connection.execute(
                    """INSERT INTO consumer_cursor (consumer, topic, seq) VALUES (%s, %s, %s)
                       ON CONFLICT (consumer, topic)
                       DO UPDATE SET seq = greatest(consumer_cursor.seq, excluded.seq)""",
                    (consumer, str(topic), seq),
                )
