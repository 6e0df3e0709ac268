"""What the ledger records of bulk files, and what it may take back."""

from __future__ import annotations

from datetime import datetime

from platform_assets.connectors.seam.bulk import FIRST_RECORD
from platform_assets.core.commit_points import CommitPoint
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.streaming.ledger_database import ledger_database, retry_connection

_FORGET = CommitPoint("the ledger's forgetting")


class BulkLedger:
    """Micro-batches of bulk files in the ledger's tables; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._database = ledger_database(settings)

    @retry_connection
    def progress(self, topic: TopicName, partition: int) -> tuple[int, datetime | None]:
        """The first record of a file that is not recorded, and the file's watermark.

        A file is one, whatever generation of the topic its records were taken in.
        """
        with self._database.borrow() as connection:
            row = connection.execute(
                """SELECT end_offset, coalesce(watermark_after, watermark_before)
                   FROM micro_batch_range WHERE topic = %s AND kafka_partition = %s
                   ORDER BY start_offset DESC LIMIT 1""",
                (str(topic), partition),
            ).fetchone()
        return (row[0], row[1]) if row else (FIRST_RECORD, None)

    @retry_connection
    def forget(self, topic: TopicName, batch_id: int) -> None:
        """Take back a micro-batch of a bulk file of which nothing landed: it is taken again."""
        with _FORGET, self._database.borrow() as connection, connection.transaction():
            connection.execute(
                """DELETE FROM micro_batch AS b WHERE topic = %s AND id = %s
                   AND status <> 'published' AND EXISTS (SELECT 1 FROM micro_batch_range AS r
                     WHERE r.topic = b.topic AND r.id = b.id AND r.kafka_partition < 0)""",
                (str(topic), batch_id),
            )
