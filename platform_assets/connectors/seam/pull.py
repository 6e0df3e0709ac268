"""Reading a source into the log: page by page, each with its cursor in one transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field

from platform_assets.connectors.avro_codec import Encoder
from platform_assets.connectors.ingested import IngestedFiles
from platform_assets.connectors.publish import ReadyTopics
from platform_assets.connectors.seam.bulk import HANDED_OVER, BulkFiles
from platform_assets.connectors.seam.columns import (
    ColumnarMapping,
    Mapped,
    PageMapping,
    RowMapping,
)
from platform_assets.connectors.seam.conflicts import without_conflicts
from platform_assets.connectors.seam.cursors import Cursors, Place
from platform_assets.connectors.seam.definition import SourceDefinition, StreamFields
from platform_assets.connectors.seam.personal import PersonalValues
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    Cursor,
    Page,
    Reader,
    Requests,
)
from platform_assets.connectors.seam.refused import dead_letter, fitting, refused_rows
from platform_assets.connectors.seam.rules import Rule
from platform_assets.connectors.seam.transaction import LARGEST, SourceLog
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings

MOST_CHANGES = 50
"""Changes of a stream's columns that are told, at most."""

_SHOWN_REASONS = 5


@dataclass
class StreamOutcome:
    """What became of one stream in one read.

    Attributes:
        stream, topic: whose.
        records: rows committed as events.
        dead_letters: rows committed to the dead-letter topic.
        pages: transactions.
        bytes: of the records' keys and values.
        seconds: spent on mapping and committing them.
        reasons: the first few reasons for dead letters.
        lag: seconds behind the source after the last page; None: not known.
        changes: of the rows' columns and types that the stream's policy put up with, in words.
        error: why it stopped early, or None.
        bulk: files that were handed over to the stream.
        requests: sent to the source over HTTP.
    """

    stream: str
    topic: str
    records: int = 0
    dead_letters: int = 0
    pages: int = 0
    bytes: int = 0
    seconds: float = 0.0
    reasons: list[str] = field(default_factory=list)
    lag: float | None = None
    changes: tuple[str, ...] = ()
    error: str | None = None
    bulk: int = 0
    requests: int = 0


Told = Callable[[StreamOutcome], None]
"""Called after each committed page."""


def open_reader(
    settings: Settings,
    source: SourceDefinition,
    stop: threading.Event | None = None,
    requests: Requests | None = None,
) -> Reader:
    """The source's reader; it connects at its first call, and counts its ``requests``.

    Raises:
        ConnectorError: a secret is missing.
    """
    context = Context(
        settings,
        source.name,
        source.folder,
        source.options,
        stop or threading.Event(),
        requests or Requests(),
    )
    return source.type.reader(source.config, context)


def mapping_of(
    source: SourceDefinition, stream: StreamFields, contract: Contract, schema_id: int
) -> PageMapping:
    """How a stream's pages become records.

    Raises:
        ConnectorError: the mapping names a column that the contract lacks.
        WeirError: the JSONata file cannot be used.
    """
    encoder = Encoder(contract, schema_id, source.name)
    if stream.mapping:
        return RowMapping(contract, encoder, source.name, source.folder / stream.mapping)
    known = {column.name for column in contract.payload_columns}
    if unknown := sorted(set(stream.columns) - known):
        raise ConnectorError(
            f"source {source.name}, stream {stream.stream}: no column {unknown[0]!r} in the "
            f"contract of {contract.topic}",
            f"its columns: {', '.join(sorted(known))}",
        )
    where = f"source {source.name}, stream {stream.stream}"
    stream.evolution.require_extra(contract, stream.columns, where)
    return ColumnarMapping(
        contract,
        encoder,
        source.name,
        columns={name: Rule.of(rule) for name, rule in stream.columns.items()},
        identity=[Rule.of(rule) for rule in stream.identity],
        occurred_at=Rule.of(stream.occurred_at) if stream.occurred_at is not None else None,
        op=Rule.of(stream.op),
        loose=source.type.loose,
        digests=stream.conflicts,
        evolution=stream.evolution,
    )


def contract_of(source: SourceDefinition, stream: StreamFields) -> Contract:
    """The contract of a stream's topic.

    Raises:
        ConnectorError: there is none.
        ContractError: it cannot be used.
    """
    try:
        return load_contracts()[TopicName.parse(stream.topic)]
    except KeyError:
        raise ConnectorError(
            f"source {source.name}: no contract for topic {stream.topic}",
            f"add {stream.topic}.yaml to its folder: `weir sources discover {source.name}` "
            "drafts one",
        ) from None


def pull(
    settings: Settings,
    source: SourceDefinition,
    *,
    streams: Sequence[str] = (),
    stop: threading.Event | None = None,
    told: Told | None = None,
    places: Cursors | None = None,
    topics: ReadyTopics | None = None,
) -> list[StreamOutcome]:
    """Read a source from its cursors until it has no more, or ``stop`` is set.

    A stream that fails keeps what was committed before; the others are read all the same. A live
    source is read one stream at a time, as a stream of it has no end: name it.

    Args:
        settings: where the servers are.
        source: what is read.
        streams: only these; all by default.
        stop: ends the read after the current page.
        told: called after each committed page.
        places: cursors that are read on, for who reads again and again.
        topics: those that are known to be ready, for the same.

    Returns:
        What became of each stream; one that failed has its ``error``.

    Raises:
        ConnectorError: an unknown stream, several streams of a live source, or the source cannot
            be opened.
        FencedError: another run of the source has begun.
        WeirError: a server does not answer or refuses.
    """
    stop = stop or threading.Event()
    wanted = [source.stream(name) for name in streams] or list(source.fields.streams)
    if source.type.live and len(wanted) > 1:
        raise ConnectorError(
            f"source {source.name}: {len(wanted)} streams of a live source in one read",
            f"name one of them: {', '.join(one.stream for one in wanted)}",
        )
    contracts = {one.stream: contract_of(source, one) for one in wanted}
    ids = (topics or ReadyTopics(settings)).ensure(contracts.values())
    outcomes: list[StreamOutcome] = []
    requests = Requests()
    with (
        closing(open_reader(settings, source, stop, requests)) as reader,
        SourceLog(settings, writer_of(source, wanted[0].stream)) as log,
        _ledger(settings, wanted) as ledger,
        closing(Handing(settings, source)) as handing,
    ):
        places = places or Cursors(settings)
        known = places.read()
        for one in wanted:
            contract = contracts[one.stream]
            outcome = StreamOutcome(one.stream, one.topic)
            outcomes.append(outcome)
            sent = requests.sent
            if stop.is_set():
                break
            try:
                mapping = mapping_of(source, one, contract, ids[contract.topic])
                cursor = _readable(source, one, places, known)
                handing.settle(one.stream, cursor)
                for page in reader.read(one.stream, cursor):
                    begun = time.monotonic()
                    if page.bulk is not None:
                        handing.over(log, one, page)
                        outcome.pages += 1
                        outcome.bulk += 1
                    else:
                        mapped = mapping.map(page)
                        if one.conflicts and ledger is not None:
                            place = page.places[0] if page.places else one.stream
                            mapped = without_conflicts(mapped, ledger, source.name, place)
                        _commit(log, source, one, contract, mapped, page, outcome)
                        outcome.seconds += time.monotonic() - begun
                    outcome.requests = requests.sent - sent
                    if told is not None:
                        told(outcome)
                    if stop.is_set():
                        break
            except ConnectorError as error:
                if log.lost:
                    raise
                outcome.error = str(error)
            finally:
                outcome.requests = requests.sent - sent
    return outcomes


class Handing:
    """Hands bulk files of one source over; opens its database when the first one comes."""

    def __init__(self, settings: Settings, source: SourceDefinition) -> None:
        self._settings, self._source, self._type = settings, source.name, source.type
        self._files: BulkFiles | None = None

    def settle(self, stream: str, cursor: Cursor | None) -> None:
        """End a hand-over that a dead process left after its cursor was committed."""
        if cursor is not None and HANDED_OVER in cursor:
            self._opened().settle(self._source, stream, cursor[HANDED_OVER])

    def over(self, log: SourceLog, stream: StreamFields, page: Page) -> None:
        """Intend, commit the cursor, open: see :mod:`.bulk`."""
        if page.bulk is None:
            raise ValueError("the page hands no file over")
        files = self._opened()
        number = files.intend(stream.topic, self._source, stream.stream, page.bulk)
        cursor = {**(page.cursor or {}), HANDED_OVER: number}
        log.commit([], [Place(self._source, stream.stream, cursor, self._type.label)])
        files.settle(self._source, stream.stream, number)

    def close(self) -> None:
        """Give the connections back."""
        if self._files is not None:
            self._files.close()

    def _opened(self) -> BulkFiles:
        if self._files is None:
            self._files = BulkFiles(self._settings)
        return self._files


def _readable(
    source: SourceDefinition,
    stream: StreamFields,
    places: Cursors,
    known: Mapping[tuple[str, str], Cursor],
) -> Cursor | None:
    """The stream's cursor, if there is one.

    Raises:
        ConnectorError: another connector wrote it, or a version whose cursors this one cannot read.
    """
    cursor = known.get((source.name, stream.stream))
    # Before cursors said who wrote them, every type had one version.
    writer = places.writer(source.name, stream.stream) or f"{source.type.name}@1"
    if cursor is None or source.type.reads_cursor_of(writer):
        return cursor
    pin = f'say `version: "{writer.partition("@")[2]}"`'
    if writer.partition("@")[0] != source.type.name:
        pin = f"say `connector: {writer}`"
    raise ConnectorError(
        f"source {source.name}, stream {stream.stream}: its cursor was written by the connector "
        f"{writer}, which {source.type.label} cannot read",
        f"{pin}; or read it again from the beginning, under the same ids: "
        f"weir sources reset {source.name} {stream.stream}",
    )


def writer_of(source: SourceDefinition, stream: str) -> str:
    """Who writes a stream's cursor: its transactional id is one for all that do."""
    return f"{source.name}/{stream}" if source.type.live else source.name


def _ledger(
    settings: Settings, streams: Sequence[StreamFields]
) -> AbstractContextManager[IngestedFiles | None]:
    """What was said before, where a stream asks for it."""
    if any(one.conflicts for one in streams):
        return IngestedFiles(settings)
    return nullcontext()


def _commit(
    log: SourceLog,
    source: SourceDefinition,
    stream: StreamFields,
    contract: Contract,
    mapped: Mapped,
    page: Page,
    outcome: StreamOutcome,
) -> None:
    records = mapped.records
    letters = refused_rows(page, mapped.refused, PersonalValues(stream, contract))
    size = sum(map(len, mapped.values)) + sum(map(len, filter(None, mapped.keys)))
    if records and max(map(len, mapped.values)) > LARGEST // 2:
        records, large = fitting(records)
        letters = large + letters
        size -= sum(len(letter.raw) for letter in large)
    made = [dead_letter(source.name, stream, contract, letter) for letter in letters]
    topic = str(contract.topic)
    if page.cursor is not None:
        place = Place(source.name, stream.stream, page.cursor, source.type.label)
        log.commit(made, [place], topic=topic, rows=records)
    elif records or made:
        log.append(made, topic=topic, rows=records)
    if page.acknowledge is not None:
        page.acknowledge()
    outcome.records += len(records)
    outcome.dead_letters += len(made)
    outcome.pages += 1
    outcome.bytes += size
    outcome.lag = page.lag
    outcome.changes = tuple(dict.fromkeys((*outcome.changes, *mapped.changes)))[:MOST_CHANGES]
    for letter in letters[: _SHOWN_REASONS - len(outcome.reasons)]:
        outcome.reasons.append(f"{stream.stream}, {letter.place}: {letter.reason}")
