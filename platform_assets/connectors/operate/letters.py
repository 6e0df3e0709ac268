"""Dead letters of a source: listed, and sent again after the mapping or the contract is fixed.

A letter that was sent is written again with its own key and the moment: the topic is compacted,
so the newest record of a key says what became of it.
"""

from __future__ import annotations

import getpass
import itertools
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from platform_assets.connectors.kafka import client_config, may_pass, unreachable
from platform_assets.connectors.produce import Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.seam.columns import PageMapping, row_of_json
from platform_assets.connectors.seam.definition import SourceDefinition
from platform_assets.connectors.seam.personal import (
    PROTECTED_HEADER,
    WITHHELD_HEADER,
    as_protected,
)
from platform_assets.connectors.seam.pull import contract_of, mapping_of
from platform_assets.connectors.seam.reader import ConnectorError, Page
from platform_assets.connectors.seam.refused import OP_HEADER, TYPES_HEADER
from platform_assets.connectors.seam.state import SourceStates
from platform_assets.connectors.seam.transaction import SourceLog
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings

_TOGETHER = 500
_REPLAYED = "replayed_at"


@dataclass(frozen=True)
class Letter:
    """One dead letter.

    Attributes:
        id: the end of its key; tells it from the others of its source and stream.
        source, stream, topic: whose, and the topic that it did not reach.
        place: where it stands in the source.
        reason: why it could not be taken.
        at: when.
        size: bytes of what was refused; ``raw`` holds less where that is much.
        replayed_at: when it was sent after all; None: it was not.
        raw: what was refused: a row as JSON, or a record as it came.
        key: of the record.
        headers: all of them.
    """

    id: str
    source: str
    stream: str
    topic: str
    place: str
    reason: str
    at: datetime
    size: int
    replayed_at: datetime | None
    raw: bytes
    key: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Replayed:
    """What became of one letter; ``why`` says why it could not be sent, or is None."""

    letter: Letter
    why: str | None


def letters(settings: Settings, source: str, topics: Iterable[str]) -> Iterator[Letter]:
    """The dead letters of a source, oldest first; each once, as it was last written.

    Args:
        settings: where the broker is.
        source: of this one alone.
        topics: that the source feeds.

    Raises:
        BrokerUnreachableError: no broker answers in time.
    """
    for topic in topics:
        name = TopicName.parse(topic).dead_letters
        newest = {one.key(): one.offset() for one in _messages(settings, name)}
        for message in _messages(settings, name):
            if newest.get(message.key()) != message.offset():
                continue
            given: Any = message.headers() or []
            headers = {name: bytes(value).decode(errors="replace") for name, value in given}
            if headers.get("source") == source:
                yield _letter(topic, message, headers)


def find(settings: Settings, source: str, topics: Iterable[str], wanted: str) -> Letter:
    """The one letter whose id begins so.

    Raises:
        ConnectorError: there is none, or more than one.
    """
    found = [
        one for one in letters(settings, source, topics) if wanted and one.id.startswith(wanted)
    ]
    if len(found) == 1:
        return found[0]
    what = "no dead letter" if not found else f"{len(found)} dead letters begin with"
    raise ConnectorError(
        f"source {source}: {what} {wanted!r}", f"see `weir sources letters list {source}`"
    )


def replay(
    settings: Settings,
    source: SourceDefinition,
    *,
    ids: Sequence[str] = (),
    dry_run: bool = False,
) -> Iterator[Replayed]:
    """Map the letters' rows as they would be mapped now, and send those that can be.

    An event has the id that it would have had: what is sent twice is one row in silver. Letter
    and event are written in one transaction.

    Args:
        settings: where the servers are.
        source: whose letters.
        ids: only these, or the beginnings of them; all that were not sent before by default.
        dry_run: map only.

    Raises:
        WeirError: a server does not answer or refuses.
    """
    waiting = (
        one
        for one in letters(settings, source.name, source.topics)
        if one.replayed_at is None and (not ids or one.id.startswith(tuple(ids)))
    )
    mappings = _Mappings(settings, source)
    if dry_run:
        for letter in waiting:
            _, why = mappings.records(letter)
            yield Replayed(letter, why)
        return
    sent = 0
    with closing(SourceStates(settings)) as states:
        # A transactional id of its own: a replay ends no read.
        with SourceLog(settings, f"{source.name}-letters") as log:
            while some := list(itertools.islice(waiting, _TOGETHER)):
                made = [(letter, *mappings.records(letter)) for letter in some]
                good = [(letter, records) for letter, records, why in made if why is None]
                if good:
                    log.commit([one for letter, made in good for one in (*made, _mark(letter))], [])
                for stream, rows in Counter(letter.stream for letter, _ in good).items():
                    states.replayed(source.name, stream, rows)
                sent += len(good)
                yield from (Replayed(letter, why) for letter, _, why in made)
        if sent:
            states.note(source.name, "replay", f"{sent} dead letters")


class _Mappings:
    """The mapping of each stream as it is now."""

    def __init__(self, settings: Settings, source: SourceDefinition) -> None:
        self._settings, self._source = settings, source
        self._known: dict[tuple[str, bool], PageMapping] = {}

    def records(self, letter: Letter) -> tuple[list[Record], str | None]:
        """The records of a letter, or why there are none."""
        if (why := _not_sendable(letter)) is not None:
            return [], why
        op = letter.headers.get(OP_HEADER)
        try:
            row = row_of_json(letter.raw, letter.headers[TYPES_HEADER])
            page = Page(row, None, ops=(op,) if op else ())
            is_protected = PROTECTED_HEADER in letter.headers
            mapped = self._mapping(letter.stream, is_protected=is_protected).map(page)
        except (ConnectorError, ValueError) as error:
            return [], str(error)
        if mapped.refused:
            return [], mapped.refused[0]
        return [Record(letter.topic, key, value) for key, value in mapped.records], None

    def _mapping(self, stream: str, *, is_protected: bool) -> PageMapping:
        if (stream, is_protected) not in self._known:
            fields = self._source.stream(stream)
            contract = contract_of(self._source, fields)
            schema = ensure_topics(self._settings, [contract])[contract.topic]
            if is_protected:
                contract = as_protected(contract)
            made = mapping_of(self._source, fields, contract, schema)
            self._known[stream, is_protected] = made
        return self._known[stream, is_protected]


def _not_sendable(letter: Letter) -> str | None:
    """Why a letter cannot be sent whatever the mapping says; None: it may be."""
    if WITHHELD_HEADER in letter.headers:
        return "it holds no personal values: fix it at the source, and read it again"
    if TYPES_HEADER not in letter.headers:
        return "it is no row: fix it at the source, and read it again"
    if len(letter.raw) < letter.size:
        return f"the letter holds {len(letter.raw):,} of its {letter.size:,} bytes"
    if letter.headers.get(OP_HEADER) == "d":
        return "it deletes a row, and the letter does not hold which: read it again"
    return None


def _mark(letter: Letter) -> Record:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    headers = {**letter.headers, _REPLAYED: now, "replayed_by": getpass.getuser()}
    return Record(
        TopicName.parse(letter.topic).dead_letters,
        letter.key,
        letter.raw,
        tuple((name, text.encode()) for name, text in headers.items()),
    )


def _letter(topic: str, message: Message, headers: dict[str, str]) -> Letter:
    key, raw = message.key() or b"", message.value() or b""
    replayed = headers.get(_REPLAYED)
    place = headers.get("place") or f"{headers.get('file', '')}, line {headers.get('line', '')}"
    return Letter(
        id=key.decode(errors="replace").rpartition("/")[2]
        if "place" in headers
        else key.decode(errors="replace").partition("/")[2],
        source=headers["source"],
        stream=headers.get("stream", "files"),
        topic=topic,
        place=place,
        reason=headers.get("reason", ""),
        at=datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
        size=int(headers.get("source_bytes", len(raw))),
        replayed_at=datetime.fromisoformat(replayed) if replayed else None,
        raw=raw,
        key=key,
        headers=headers,
    )


def _messages(settings: Settings, topic: str) -> Iterator[Message]:
    """All committed records of a dead-letter topic, which has one partition."""
    config: dict[str, Any] = {
        **client_config(settings),
        "group.id": f"weir-letters-{uuid.uuid4().hex}",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
    }
    consumer = Consumer(config)
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        while True:
            message = consumer.poll(settings.request_timeout_seconds)
            if message is None:
                raise unreachable(settings, TimeoutError(f"{topic}: nothing came in time"))
            if (error := message.error()) is None:
                yield message
            elif error.code() in (KafkaError._PARTITION_EOF, KafkaError.UNKNOWN_TOPIC_OR_PART):
                return
            elif may_pass(error):
                raise unreachable(settings, KafkaException(error))
            else:
                raise ConnectorError(f"topic {topic}: the broker refuses: {error.str()}")
    except KafkaException as error:
        raise unreachable(settings, error) from error
    finally:
        consumer.close()
