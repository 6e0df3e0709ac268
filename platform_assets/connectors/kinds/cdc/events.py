"""Debezium's events as pages: images, operations, places; repeats after a crash left out.

An event's identity is its place in the database's log (of PostgreSQL the LSN and the transaction)
with operation and key: the same whenever Debezium sends it. Debezium sends some again only when
it begins anew after a crash, which its run id shows: then what it sent before stands in the raw
topic just before, and is compared (:class:`Repeats`).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pyarrow as pa

from platform_assets.connectors.kinds.cdc.dialects import Dialect
from platform_assets.connectors.kinds.cdc.properties import UNAVAILABLE
from platform_assets.connectors.seam.documents import document_table
from platform_assets.connectors.seam.reader import ConnectorError, Refused

_RUN: Final = "__debezium.context.runId"
_OPS: Final = frozenset("cudr")
_ABSENT: Final = (UNAVAILABLE, [UNAVAILABLE], base64.b64encode(UNAVAILABLE.encode()).decode())
"""What is not in the log, as text, an array or bytes."""
_OWN: Final[dict[str, pa.DataType]] = {
    "_position": pa.string(),
    "_committed_at": pa.timestamp("us", "UTC"),
    "_transaction": pa.string(),
    "_order": pa.int64(),
    "_offset": pa.int64(),
    "_missing": pa.string(),
}
"""Columns beside the table's: the change's identity, its commit time, its transaction and its
number in it, its offset in the raw topic, and which columns the log did not carry."""

_Image = dict[str, Any] | None


@dataclass(frozen=True)
class Event:
    """One change.

    Attributes:
        offset: in the raw topic.
        run: id of the run of Debezium that sent it.
        op: c, u, d or r.
        position: its identity at the source.
        committed_at: microseconds.
        transaction, order: which transaction, and its number in it; None of a snapshot.
        before, after: images.
        missing: columns whose value the log did not carry.
    """

    offset: int
    run: str
    op: str
    position: str
    committed_at: int
    transaction: str | None
    order: int | None
    before: _Image
    after: _Image
    missing: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The table's columns, as this event has them."""
        image = self.after if self.after is not None else self.before
        return tuple(image or ())


def parsed(dialect: Dialect, message: Any) -> Event | Refused | None:
    """A record of a raw topic: a change, what cannot be one, or None for a tombstone.

    Args:
        dialect: of the database.
        message: of Kafka's client.

    Raises:
        ConnectorError: it is no event of Debezium's.
    """
    value, offset = message.value(), message.offset()
    if value is None:
        return None
    where = f"{message.topic()}, offset {offset}"
    try:
        body = orjson.loads(value)
        source, op = body["source"], body["op"]
        place = [_text(source.get(name)) for name in dialect.position]
        micros = source.get("ts_us") or source["ts_ms"] * 1000
    except (ValueError, KeyError, TypeError) as error:
        raise ConnectorError(
            f"{where}: no event of Debezium's: {error!r}", "nothing else may write to this topic"
        ) from error
    if op == "t":
        reason = (
            "the table was truncated: the rows that it held stay current; "
            "reset the cursor and drop the source's connector to read the table anew"
        )
        return Refused(where, value, reason)
    if op not in _OPS:
        return Refused(where, value, f"op {op!r} is no change of a row")
    before, after = _image(body.get("before")), _image(body.get("after"))
    missing = _complete(before, after)
    transaction = body.get("transaction") or {}
    txn = source.get("txId")
    return Event(
        offset=offset,
        run=_header(message, _RUN),
        op=op,
        position="/".join([*place, op, (message.key() or b"").decode()]),
        committed_at=int(micros),
        transaction=str(txn) if txn is not None else transaction.get("id"),
        order=transaction.get("total_order"),
        before=before,
        after=after,
        missing=missing,
    )


def _image(given: Any) -> _Image:
    """An image as columns; MongoDB's is a document in text."""
    if isinstance(given, str):
        document = orjson.loads(given)
        return document if isinstance(document, dict) else {"value": document}
    return given if isinstance(given, dict) else None


def _complete(before: _Image, after: _Image) -> tuple[str, ...]:
    """Put what an update did not touch back in from the image before; names what is not there."""
    missing: list[str] = []
    for image in (after, before):
        for name, value in (image or {}).items():
            if value not in _ABSENT:
                continue
            known = (before or {}).get(name)
            if image is after and known is not None and known not in _ABSENT:
                image[name] = known  # type: ignore[index]
            else:
                image[name] = None  # type: ignore[index]
                missing.append(name)
    return tuple(dict.fromkeys(missing))


def _header(message: Any, name: str) -> str:
    return next(
        (bytes(value).decode() for key, value in message.headers() or [] if key == name), ""
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value)


class Repeats:
    """What an earlier run of Debezium has sent, while a new one begins.

    Args:
        run: that sent the last event before; empty: none was read.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self._sent: set[bytes] = set()

    def begins(self, event: Event) -> bool:
        """Whether the event is the first of a new run, before which one should :meth:`know`."""
        return bool(self.run) and event.run != self.run

    def know(self, run: str, sent: Iterator[Event]) -> None:
        """A new run begins; ``sent`` is what stands before it."""
        self.run = run
        self._sent = {_digest(one.position) for one in sent}

    def drop(self, event: Event) -> bool:
        """Whether the event is one that was sent before.

        Repeats are a run's first events, as a run goes on in the log's order: with the first new
        one the rest is forgotten. A snapshot's rows stand at places of their own.
        """
        self.run = event.run
        if self._sent and _digest(event.position) not in self._sent:
            self._sent = set()
        return bool(self._sent)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=12).digest()


def tables(events: Sequence[Event]) -> tuple[pa.Table, pa.Table]:
    """Images after and before, of events that have the same columns.

    Returns:
        Two tables of as many rows: :data:`_OWN` and the table's columns, as
        :func:`~..seam.documents.document_table` types them, alike in both. A row without an image
        is null throughout.
    """
    names = events[0].names
    own: dict[str, list[Any]] = {
        "_position": [one.position for one in events],
        "_committed_at": [one.committed_at for one in events],
        "_transaction": [one.transaction for one in events],
        "_order": [one.order for one in events],
        "_offset": [one.offset for one in events],
        "_missing": [",".join(one.missing) or None for one in events],
    }
    images = [*(one.after for one in events), *(one.before for one in events)]
    there = {
        name: pa.array(
            [None if i is None else v for i, v in zip(images, 2 * values, strict=True)], _OWN[name]
        )
        for name, values in own.items()
    }
    # An image before may have columns that the table has no longer.
    documents = [{} if i is None else {name: i.get(name) for name in names} for i in images]
    both = document_table(documents, there)
    return both.slice(0, len(events)), both.slice(len(events))
