"""The reader of changes: the connector kept running, its raw topics read from the seam's cursor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pyarrow as pa

from platform_assets.connectors.kinds.cdc import raw
from platform_assets.connectors.kinds.cdc.dialects import PREFIX, CdcConfig, CdcStream, Dialect
from platform_assets.connectors.kinds.cdc.events import Event, Repeats, parsed, tables
from platform_assets.connectors.kinds.cdc.postgresql import Database
from platform_assets.connectors.kinds.cdc.properties import (
    connector_properties,
    name_at_source,
    tables_of,
)
from platform_assets.connectors.kinds.cdc.raw import RawTopic
from platform_assets.connectors.kinds.cdc.worker import Worker
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    Cursor,
    Page,
    Refused,
    Stream,
)
from platform_assets.core.locks import file_lock
from platform_assets.core.secrets import read_secret

_LOOK_SECONDS = 2.0
"""How often an idle reader asks whether Debezium still runs."""
_LOOK_BACK = 50_000
"""Records in which what Debezium may send again is sought: many times what it sends between two
flushes of its place. What is older has the same event id, and silver keeps the first."""
_POSTGRESQL = "postgresql_cdc"


class CdcReader:
    """Reads the changes of one database.

    Args:
        dialect: of the database.
        config: of the source.
        context: of the seam.
    """

    def __init__(self, dialect: Dialect, config: CdcConfig, context: Context) -> None:
        for name in dialect.required:
            if not getattr(config, name):
                raise ConnectorError(
                    f"source {context.source}: {dialect.name} needs `{name}`", "add it to `config`"
                )
        self._dialect, self._config, self._context = dialect, config, context
        self._settings, self._source = context.settings, context.source
        self._streams: dict[str, CdcStream] = dict(context.streams)
        self._tables = tables_of(self._streams)
        self._worker = Worker(context.settings, context.source)

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`; of PostgreSQL with what its slot keeps."""
        if self._dialect.name == _POSTGRESQL:
            return self._database().check(self._tables.values(), self._slot)
        self._worker.ensure_up()
        self._worker.validate(self._properties())
        config = self._config
        port = config.port or self._dialect.port
        return f"{self._dialect.title} at {config.host}:{port}: Debezium reaches it"

    def discover(self) -> list[Stream]:
        """The tables; of other databases than PostgreSQL those that are configured."""
        if self._dialect.name == _POSTGRESQL:
            return self._database().discover()
        return [Stream(name, pa.schema([]), tuple(o.key)) for name, o in self._streams.items()]

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`; the cursor is the next offset of the raw topic."""
        self._ensure()
        topic = self._dialect.topic(self._source, self._config, self._tables[stream])
        place = cursor or {}
        repeats = Repeats(place.get("run", ""))
        most = self._streams[stream].page_rows
        looked = time.monotonic()
        with closing(RawTopic(self._settings, topic, place.get("offset"))) as log:
            while not self._context.stop.is_set():
                records = log.next(most)
                if records:
                    yield from self._pages(log, records, repeats)
                elif time.monotonic() - looked > _LOOK_SECONDS:
                    looked = time.monotonic()
                    self._look()

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`; the connector goes on."""
        self._worker.close()

    def drop(self) -> list[str]:
        """Undo what reading made outside the lake: connector, raw topics, slot and publication.

        The source's cursors are the caller's to reset. The tables are read from the beginning
        when it is read again.

        Returns:
            What was there, for people.
        """
        self._worker.ensure_up()
        dropped = ["connector"] if self._worker.delete() else []
        prefix = f"{PREFIX}.{self._source}"
        gone = raw.delete(self._settings, f"{prefix}.", f"{PREFIX}_heartbeat.{prefix}")
        dropped += [f"topic {name}" for name in gone]
        if self._dialect.name == _POSTGRESQL:
            ours = "" if self._config.publication else self._publication
            dropped += self._database().drop(self._slot, ours)
        return dropped

    @property
    def _slot(self) -> str:
        return name_at_source(self._source, self._config.slot)

    @property
    def _publication(self) -> str:
        return name_at_source(self._source, self._config.publication)

    def _database(self) -> Database:
        config = self._config
        port = config.port or self._dialect.port
        where = f"source {self._source}: {config.user}@{config.host}:{port}/{config.database}"
        return Database(
            where,
            {
                "host": config.host,
                "port": port,
                "user": config.user,
                "password": read_secret(config.password),
                "dbname": config.database,
            },
        )

    def _properties(self) -> dict[str, str]:
        name = self._config.password
        return connector_properties(
            self._settings,
            self._dialect,
            self._source,
            self._config,
            self._streams,
            self._worker.secret(name, read_secret(name)),
        )

    def _ensure(self) -> None:
        """Have the worker up and the connector registered, once at a time for each source."""
        if self._dialect.name == _POSTGRESQL:
            # Debezium would try for long what is refused at once.
            self.check()
        lock = self._settings.home / "run" / f"cdc-{self._source}.lock"
        with file_lock(lock, what=f"registering source {self._source}", timeout=300):
            self._worker.ensure_up()
            topics = (
                self._dialect.topic(self._source, self._config, table)
                for table in self._tables.values()
            )
            raw.ensure(self._settings, topics, self._config.keep_hours)
            registered = self._worker.register(self._properties(), self._dialect.tables)
            if not registered and self._worker.state().failed:
                self._worker.restart()

    def _look(self) -> None:
        """Raise what has stopped Debezium."""
        if failed := self._worker.state().failed:
            raise self._worker.explained(failed)

    def _pages(self, log: RawTopic, records: list[Any], repeats: Repeats) -> Iterator[Page]:
        """Pages of events that have the same columns; the last has what is no event, too."""
        events: list[Event] = []
        refused: list[Refused] = []
        for record in records:
            event = parsed(self._dialect, record)
            if isinstance(event, Refused):
                refused.append(event)
            if not isinstance(event, Event):
                continue
            if repeats.begins(event):
                repeats.know(event.run, self._before(log, event.offset))
            if repeats.drop(event):
                continue
            if events and events[-1].names != event.names:
                yield self._page(events, events[-1], ())
                events = []
            events.append(event)
        last = records[-1].offset()
        yield self._page(events, (last, repeats.run), tuple(refused))

    def _before(self, log: RawTopic, offset: int) -> Iterator[Event]:
        for record in log.before(offset, _LOOK_BACK):
            event = parsed(self._dialect, record)
            if isinstance(event, Event):
                yield event

    def _page(
        self, events: list[Event], last: Event | tuple[int, str], refused: tuple[Refused, ...]
    ) -> Page:
        offset, run = (last.offset, last.run) if isinstance(last, Event) else last
        cursor = {"offset": offset + 1, "run": run}
        if not events:
            return Page(pa.table({}), cursor, refused=refused)
        after, before = tables(events)
        return Page(
            after,
            cursor,
            places=tuple(f"offset {one.offset}" for one in events),
            refused=refused,
            ops=tuple(one.op for one in events),
            before=before,
            lag=max(0.0, time.time() - events[-1].committed_at / 1e6),
        )
