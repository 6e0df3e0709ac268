"""The interface of a connector: check, discover, read pages of Arrow rows from a cursor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

Cursor = Mapping[str, Any]
"""Where a stream's next read begins: plain JSON, of whatever shape its connector chooses."""


class ConnectorError(WeirError):
    """A source cannot be used; names source, record or setting, and rule. It stays so."""


class SourceAwayError(ConnectorError):
    """A source does not answer, or asks for a pause: the same may work in a moment."""


class SourceRefusedError(ConnectorError):
    """A source refuses who asks: a credential is missing, wrong or revoked."""


@dataclass(frozen=True)
class Stream:
    """One stream of a source, as :meth:`Reader.discover` finds it.

    Attributes:
        name: as ``defs.yaml`` names it.
        schema: of its rows.
        primary_key: columns that identify a row, where the source says.
        cursor_fields: columns by which it can be read in increments.
        description: what it holds.
    """

    name: str
    schema: pa.Schema
    primary_key: tuple[str, ...] = ()
    cursor_fields: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Refused:
    """A record that the reader could not make a row of; it becomes a dead letter.

    Attributes:
        place: where it stands in the source, for people: ``orders.csv, line 7``.
        raw: what stood there.
        reason: the rule that it breaks.
    """

    place: str
    raw: bytes
    reason: str


@dataclass(frozen=True)
class BulkFile:
    """A file that the stream takes itself, instead of rows through the log.

    Attributes:
        name: for people.
        size: bytes as stored; None: not known.
        state: what :meth:`BulkReader.slices` needs to find this very state of it again; JSON.
    """

    name: str
    size: int | None
    state: Mapping[str, Any]


@dataclass(frozen=True)
class Page:
    """Rows that are committed together, with where to go on after them.

    Attributes:
        rows: as the source gave them; may be empty, where only the cursor moved. Of a source of
            changes: the rows as they are now, null where one was deleted.
        cursor: what the next read is given once these rows are in the log; None: the source
            keeps its own place, and is told by ``acknowledge``.
        places: where each row stands in the source, for its dead letter; empty: the number of
            the row in the page.
        refused: records that are no rows.
        acknowledge: called when the rows are in the log, for sources that keep their own place.
        ops: what happened to each row (c, u, d, r); empty: what the stream's ``op`` says.
        before: of a source of changes: as many rows, as they were before, all null where nothing
            is known.
        lag: how far behind the source these rows are, in seconds; None: not known.
        bulk: a file that is handed over; the page has no rows then.
    """

    rows: pa.Table
    cursor: Cursor | None
    places: Sequence[str] = ()
    refused: tuple[Refused, ...] = ()
    acknowledge: Callable[[], None] | None = None
    ops: tuple[str, ...] = ()
    before: pa.Table | None = None
    lag: float | None = None
    bulk: BulkFile | None = None


@dataclass(frozen=True)
class Slice:
    """Rows of a bulk file that are taken together.

    Attributes:
        page: the rows, and what could not be made one; its cursor is None.
        numbers: int64, the number of each row among the file's records, from 1.
        start, end: records that it covers, those that are no rows included; ``end`` exclusive.
        after: where the next slice begins; JSON.
    """

    page: Page
    numbers: pa.ChunkedArray
    start: int
    end: int
    after: Mapping[str, Any]


class Requests:
    """Counts what a reader asks its source over HTTP; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sent = 0

    def add(self) -> None:
        """One more is sent."""
        with self._lock:
            self.sent += 1


@dataclass(frozen=True)
class Context:
    """What a reader is opened with, beside its own configuration.

    Attributes:
        settings: of the installation.
        source: the instance's name, for errors and for names at the source.
        folder: of the instance's ``defs.yaml``; relative paths are below it.
        streams: stream -> its options, as the type's ``stream`` model.
        stop: set when the reader should end its page and return.
        requests: what the reader sends over HTTP is counted there.
    """

    settings: Settings
    source: str
    folder: Any = None
    streams: Mapping[str, Any] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    requests: Requests = field(default_factory=Requests)


class Reader(Protocol):
    """An open source. Every call is bounded in time, or ends when the context's ``stop`` is set."""

    def check(self) -> str:
        """Reach the source and say in a line what was reached and may be read.

        Raises:
            SourceAwayError: it does not answer.
            SourceRefusedError: it refuses the credential.
            ConnectorError: anything else that stays.
        """
        ...

    def discover(self) -> list[Stream]:
        """The streams that may be read, with their schemas.

        Raises:
            ConnectorError: as :meth:`check`.
        """
        ...

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """Rows after a cursor, oldest first; from the beginning without one.

        Reading again from the same cursor gives the same rows, or newer states of them. A source
        that is polled ends when it has no more; a live one ends when it is told to stop.

        Raises:
            ConnectorError: as :meth:`check`; what was yielded before stays committed.
        """
        ...

    def close(self) -> None:
        """Give connections back; never raises."""
        ...


class BulkReader(Reader, Protocol):
    """A reader that gives pages with ``bulk``."""

    def slices(
        self,
        stream: str,
        state: Mapping[str, Any],
        position: Mapping[str, Any] | None,
        rows: int,
        size: int,
    ) -> Iterator[Slice]:
        """A bulk file in slices, from a position on; from the beginning without one.

        What cannot be read on is the last slice: it covers nothing and says why.

        Args:
            stream: of the file.
            state: as the page gave it.
            position: ``after`` of the slice before.
            rows: of a slice, at most.
            size: bytes of its rows, about.

        Raises:
            ConnectorError: the file is not there as it was; nothing of a slice was given then.
        """
        ...
