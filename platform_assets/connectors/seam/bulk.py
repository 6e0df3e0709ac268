"""Bulk files: handed over by a source, taken by the stream of their topic.

Their tables are in the ledger's database. A file is handed over in three steps, so that it is
taken once however the process dies: it is *intended* here, the source's cursor with its number is
committed in Kafka, then it is *open*. Whoever reads the source next finishes the third step, or
withdraws the first, by the cursor.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from platform_assets.connectors.revisions import REVISIONS
from platform_assets.connectors.seam.reader import BulkFile
from platform_assets.core.commit_points import CommitPoint
from platform_assets.core.databases import LONG, Database
from platform_assets.core.settings import Settings

HANDED_OVER = "handed_over"
"""Entry of a cursor: the number of the file that was handed over with it."""
FIRST_RECORD = 1

_INTEND = CommitPoint("a bulk file's intent")
_OPEN = CommitPoint("a bulk file's opening")
_POSITION = CommitPoint("a bulk file's position")
_FINISH = CommitPoint("a bulk file's end")

_COLUMNS = (
    "topic, number, source, stream, name, size, state, status, handed_over_at, done_at, error, "
    "error_at"
)


@dataclass(frozen=True)
class HandedOver:
    """A bulk file of a topic.

    Attributes:
        topic, number: the file is partition ``-number`` of the topic.
        source, stream, name, size, state: as the source handed it over.
        status: ``intended``, ``open``, ``done``, ``given up`` or ``withdrawn`` (never open).
        handed_over_at, done_at: when.
        error, error_at: why it is not read on now.
    """

    topic: str
    number: int
    source: str
    stream: str
    name: str
    size: int | None
    state: Mapping[str, Any]
    status: str
    handed_over_at: datetime
    done_at: datetime | None
    error: str | None
    error_at: datetime | None

    @property
    def partition(self) -> int:
        """Of the topic: below zero, where the broker has none."""
        return -self.number


class BulkFiles:
    """The tables ``bulk_file`` and ``bulk_position``; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings, "ledger", REVISIONS, connections=4, patience=LONG)

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    @LONG.retrying
    def settle(self, source: str, stream: str, number: int | None) -> None:
        """End what a dead process left: the file of the committed cursor is open, others never.

        Args:
            source: whose; no other process reads it now.
            stream: of it.
            number: that the committed cursor carries; None: it carries none.
        """
        with _OPEN, self._database.borrow() as connection:
            connection.execute(
                """update bulk_file set status = case when number = %s then 'open'
                     else 'withdrawn' end
                   where source = %s and stream = %s and status = 'intended'""",
                (number, source, stream),
            )

    def intend(self, topic: str, source: str, stream: str, file: BulkFile) -> int:
        """Note that a file is about to be handed over; its number, which is never given twice."""
        with _INTEND, self._database.borrow() as connection, connection.transaction():
            connection.execute(
                "select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"bulk:{topic}",)
            )
            row = connection.execute(
                """insert into bulk_file (topic, number, source, stream, name, size, state, status)
                   select %s, coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s, 'intended'
                   from bulk_file where topic = %s returning number""",
                (topic, source, stream, file.name, file.size, json.dumps(file.state), topic),
            ).fetchone()
        assert row is not None  # noqa: S101 - an insert without conflict returns its row
        return int(row[0])

    @LONG.retrying
    def next_open(self, topic: str, without: tuple[int, ...] = ()) -> HandedOver | None:
        """The oldest file of a topic that waits to be taken, or is under way.

        Args:
            topic: whose.
            without: numbers that are left out.
        """
        query = f"""select {_COLUMNS} from bulk_file where topic = %s and status = 'open'
                    and number <> all(%s) order by number limit 1"""  # noqa: S608
        with (
            self._database.borrow() as connection,
            connection.cursor(row_factory=class_row(HandedOver)) as cursor,
        ):
            return cursor.execute(query, (topic, list(without))).fetchone()

    @LONG.retrying
    def files(self, source: str = "", *, waiting: bool = False) -> list[HandedOver]:
        """Files that were handed over, the newest first; of a source, or only those that wait."""
        query = f"""select {_COLUMNS} from bulk_file where status <> 'withdrawn'
                    and (%s = '' or source = %s) and (not %s or status = 'open')
                    order by handed_over_at desc, topic, number desc"""  # noqa: S608
        with (
            self._database.borrow() as connection,
            connection.cursor(row_factory=class_row(HandedOver)) as cursor,
        ):
            return cursor.execute(query, (source, source, waiting)).fetchall()

    @LONG.retrying
    def position(self, file: HandedOver, record: int) -> Mapping[str, Any] | None:
        """Where the reader goes on at a record; None: at the beginning.

        Raises:
            LookupError: it was never noted.
        """
        if record == FIRST_RECORD:
            return None
        with self._database.borrow() as connection:
            row = connection.execute(
                """select position from bulk_position
                   where topic = %s and number = %s and record = %s""",
                (file.topic, file.number, record),
            ).fetchone()
        if row is None:
            raise LookupError(f"no position of {file.name} at record {record}")
        found: Mapping[str, Any] = row[0]
        return found

    @LONG.retrying
    def note_position(
        self, file: HandedOver, start: int, end: int, position: Mapping[str, Any]
    ) -> None:
        """Remember where a slice ends, before it is taken; its own beginning is kept."""
        with _POSITION, self._database.borrow() as connection, connection.transaction():
            connection.execute(
                """insert into bulk_position (topic, number, record, position)
                   values (%s, %s, %s, %s) on conflict (topic, number, record)
                   do update set position = excluded.position""",
                (file.topic, file.number, end, json.dumps(position)),
            )
            connection.execute(
                """delete from bulk_position
                   where topic = %s and number = %s and record not in (%s, %s)""",
                (file.topic, file.number, start, end),
            )

    @LONG.retrying
    def finish(self, file: HandedOver) -> None:
        """All of its slices are taken."""
        with _FINISH, self._database.borrow() as connection, connection.transaction():
            connection.execute(
                """update bulk_file set status = 'done', done_at = now(), error = null,
                     error_at = null where topic = %s and number = %s and status = 'open'""",
                (file.topic, file.number),
            )
            connection.execute(
                "delete from bulk_position where topic = %s and number = %s",
                (file.topic, file.number),
            )

    @LONG.retrying
    def give_up(self, topic: str, number: int) -> HandedOver | None:
        """Take no more of a file; None where it was not open. What was taken stays."""
        query = f"""update bulk_file set status = 'given up', done_at = now()
                    where topic = %s and number = %s and status = 'open'
                    returning {_COLUMNS}"""  # noqa: S608
        with (
            self._database.borrow() as connection,
            connection.cursor(row_factory=class_row(HandedOver)) as cursor,
        ):
            return cursor.execute(query, (topic, number)).fetchone()

    @LONG.retrying
    def failed(self, file: HandedOver, error: str | None) -> None:
        """Say why a file is not read on now; None: it is."""
        with self._database.borrow() as connection:
            connection.execute(
                """update bulk_file set error = %s, error_at = case when %s::text is null
                     then null else now() end where topic = %s and number = %s""",
                (error, error, file.topic, file.number),
            )
