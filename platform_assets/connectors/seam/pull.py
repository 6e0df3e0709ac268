"""Reading a source into the log: page by page, each with its cursor in one transaction."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from typing import Any

from platform_assets.connectors.avro_codec import Encoder
from platform_assets.connectors.ingested import IngestedFiles
from platform_assets.connectors.produce import DEAD_LETTER_BYTES, LONGEST_REASON, Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.seam.columns import (
    ColumnarMapping,
    Mapped,
    PageMapping,
    RowMapping,
    json_rows,
    types_text,
)
from platform_assets.connectors.seam.conflicts import without_conflicts
from platform_assets.connectors.seam.cursors import Cursors, Place
from platform_assets.connectors.seam.definition import SourceDefinition, StreamFields
from platform_assets.connectors.seam.reader import ConnectorError, Context, Page, Reader
from platform_assets.connectors.seam.rules import Rule
from platform_assets.connectors.seam.transaction import LARGEST, SourceLog
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings

TYPES_HEADER = "types"
"""Of a dead letter that is a row: its columns' types that JSON lacks."""
OP_HEADER = "op"
"""Of a dead letter that is a row of a source of changes: what happened."""

PREVIEW_SECONDS = 20.0

_SHOWN_REASONS = 5


_Row = tuple[bytes | None, bytes]
_Letter = tuple[str, bytes, str, dict[str, str]]
"""Place, what stood there, reason, further headers."""


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
        error: why it stopped early, or None.
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
    error: str | None = None


Told = Callable[[StreamOutcome], None]
"""Called after each committed page."""


def open_reader(
    settings: Settings, source: SourceDefinition, stop: threading.Event | None = None
) -> Reader:
    """The source's reader; it connects at its first call.

    Raises:
        ConnectorError: a secret is missing.
    """
    context = Context(
        settings, source.name, source.folder, source.options, stop or threading.Event()
    )
    return source.type.open(source.config, context)


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
    ids = ensure_topics(settings, {c.topic: c for c in contracts.values()}.values())
    outcomes: list[StreamOutcome] = []
    with (
        closing(open_reader(settings, source, stop)) as reader,
        SourceLog(settings, writer_of(source, wanted[0].stream)) as log,
        _ledger(settings, wanted) as ledger,
    ):
        known = (places or Cursors(settings)).read()
        for one in wanted:
            contract = contracts[one.stream]
            outcome = StreamOutcome(one.stream, one.topic)
            outcomes.append(outcome)
            if stop.is_set():
                break
            try:
                mapping = mapping_of(source, one, contract, ids[contract.topic])
                pages = reader.read(one.stream, known.get((source.name, one.stream)))
                for page in pages:
                    begun = time.monotonic()
                    mapped = mapping.map(page)
                    if one.conflicts and ledger is not None:
                        place = page.places[0] if page.places else one.stream
                        mapped = without_conflicts(mapped, ledger, source.name, place)
                    _commit(log, source.name, one, contract, mapped, page, outcome)
                    outcome.seconds += time.monotonic() - begun
                    if told is not None:
                        told(outcome)
                    if stop.is_set():
                        break
            except ConnectorError as error:
                if log.lost:
                    raise
                outcome.error = str(error)
    return outcomes


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


def preview(
    settings: Settings,
    source: SourceDefinition,
    stream: str,
    rows: int = 10,
    contract: Contract | None = None,
) -> Iterator[tuple[dict[str, Any], str | None]]:
    """The first rows of a stream, and why each cannot be mapped; nothing is sent or committed.

    Ends after :data:`PREVIEW_SECONDS`: a live source may give nothing for hours. ``contract`` is
    given where its topic is not known yet.

    Raises:
        ConnectorError: as :func:`pull`.
    """
    one = source.stream(stream)
    contract = contract or contract_of(source, one)
    mapping = mapping_of(source, one, contract, 1)
    stop = threading.Event()
    left = rows
    clock = threading.Timer(PREVIEW_SECONDS, stop.set)
    clock.daemon = True
    clock.start()
    try:
        with closing(open_reader(settings, source, stop)) as reader:
            for page in reader.read(stream, None):
                some = Page(page.rows.slice(0, left), None, ops=page.ops[:left])
                refused = mapping.map(some).refused
                for number, row in enumerate(json_rows(some)):
                    yield row, refused.get(number)
                left -= some.rows.num_rows
                if left <= 0:
                    stop.set()
                    return
    finally:
        clock.cancel()


def _commit(
    log: SourceLog,
    source: str,
    stream: StreamFields,
    contract: Contract,
    mapped: Mapped,
    page: Page,
    outcome: StreamOutcome,
) -> None:
    letters: list[_Letter] = []
    records = mapped.records
    size = sum(map(len, mapped.values)) + sum(map(len, filter(None, mapped.keys)))
    if records and max(map(len, mapped.values)) > LARGEST // 2:
        records, large = _fitting(records)
        letters += large
        size -= sum(len(letter[1]) for letter in large)
    rows = sorted(mapped.refused)
    types = {TYPES_HEADER: types_text(page.rows.schema)} if rows else {}
    for row, told in zip(rows, json_rows(page, rows) if rows else [], strict=True):
        place = page.places[row] if page.places else f"row {row + 1} of a page"
        raw = json.dumps(told, sort_keys=True).encode()
        op = {OP_HEADER: page.ops[row]} if page.ops else {}
        letters.append((place, raw, mapped.refused[row], {**types, **op}))
    letters += [(one.place, one.raw, one.reason, {}) for one in page.refused]
    made = [_dead_letter(source, stream, contract, *letter) for letter in letters]
    places = [] if page.cursor is None else [Place(source, stream.stream, page.cursor)]
    if records or made or places:
        log.commit(made, places, topic=str(contract.topic), rows=records)
    if page.acknowledge is not None:
        page.acknowledge()
    outcome.records += len(records)
    outcome.dead_letters += len(made)
    outcome.pages += 1
    outcome.bytes += size
    outcome.lag = page.lag
    for place, _, reason, _ in letters[: _SHOWN_REASONS - len(outcome.reasons)]:
        outcome.reasons.append(f"{stream.stream}, {place}: {reason}")


def _fitting(records: list[_Row]) -> tuple[list[_Row], list[_Letter]]:
    """Records that may be sent, and those that are too large."""
    good: list[_Row] = []
    large: list[_Letter] = []
    for key, value in records:
        weight = len(key or b"") + len(value)
        if weight > LARGEST:
            reason = f"a record of {weight:,} bytes; at most {LARGEST:,} are sent"
            large.append((key.decode() if key else "", value, reason, {}))
        else:
            good.append((key, value))
    return good, large


def _dead_letter(
    source: str,
    stream: StreamFields,
    contract: Contract,
    place: str,
    raw: bytes,
    reason: str,
    more: dict[str, str],
) -> Record:
    headers = {
        **more,
        "reason": f"{source}, {stream.stream}, {place}: {reason}"[:LONGEST_REASON],
        "source": source,
        "stream": stream.stream,
        "source_topic": str(contract.topic),
        "place": place,
        "source_bytes": str(len(raw)),
    }
    digest = hashlib.sha256(place.encode() + b"\0" + raw).hexdigest()[:32]
    return Record(
        contract.topic.dead_letters,
        f"{source}/{stream.stream}/{digest}".encode(),
        raw[:DEAD_LETTER_BYTES],
        tuple((name, value.encode()) for name, value in headers.items()),
    )
