"""Messages as rows: what arrived becomes a page, and is acknowledged after its commit."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from platform_assets.connectors.kinds.mqtt.config import MqttConfig, MqttStream
from platform_assets.connectors.kinds.mqtt.connection import Connection, Message
from platform_assets.connectors.kinds.mqtt.sparkplug import Births
from platform_assets.connectors.seam.documents import WIDEST, document_table, narrow
from platform_assets.connectors.seam.reader import Context, Cursor, Page, Refused, Stream

_PATIENCE_SECONDS = 0.2
_OWN = (
    ("_topic", pa.string()),
    ("_received_at", pa.timestamp("us", "UTC")),
    ("_digest", pa.string()),
    ("_retained", pa.bool_()),
    ("_payload", pa.string()),
)


class MqttReader:
    """The messages of one broker.

    Columns: ``_topic``, ``_received_at`` (UTC), ``_digest`` (SHA-256 of the payload), ``_retained``
    (the broker had kept it), ``_payload`` (JSON text, text or base64, as the stream's format
    says), the named levels of the topic, and of JSON the payload's own top-level fields (see
    :func:`~..seam.documents.document_table`). Of Sparkplug B a row a metric, see
    :meth:`~.sparkplug.Births.rows`.
    """

    def __init__(self, config: MqttConfig, context: Context) -> None:
        self._config, self._context = config, context
        self._connection: Connection | None = None

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`; with a connection of its own, without a session."""
        name = f"weir-check-{uuid.uuid4().hex[:8]}"
        host, port = self._config.address
        with Connection(self._config, self._context.source, name):
            return f"{host}:{port}: connected{' by TLS' if self._config.tls else ''}"

    def discover(self) -> list[Stream]:
        """The columns that every message has; a broker does not tell its topics."""
        return [
            Stream(one, pa.schema(_OWN), ("_topic", "_digest")) for one in self._context.streams
        ]

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`; live. The broker keeps the place.

        The cursor of Sparkplug B holds what the births said.
        """
        context = self._context
        options: MqttStream = context.streams[stream]
        name = f"{self._config.client or f'weir-{context.source}'}-{stream}"
        rows = _Rows(options, Births(cursor))
        self._connection = Connection(
            self._config, context.source, name, options.topics, 2 * options.page_rows
        )
        with self._connection as connection:
            while not context.stop.is_set():
                taken = connection.take(
                    options.page_rows, options.linger_seconds, _PATIENCE_SECONDS
                )
                yield from rows.pages(taken, connection)

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        if self._connection is not None:
            self._connection.close()


_Row = tuple[dict[str, Any], dict[str, Any], str | None]
"""Named levels of the topic, fields, text of the payload."""


class _Made(NamedTuple):
    """What became of a message: rows, or why there are none."""

    message: Message
    rows: list[_Row]
    refused: Refused | None = None


class _Rows:
    """Makes pages of messages."""

    def __init__(self, options: MqttStream, births: Births) -> None:
        self._options, self._births = options, births
        self._matcher = options.matcher()
        self._parts = list(self._matcher.groupindex) if self._matcher else []

    def pages(self, messages: list[Message], connection: Connection) -> Iterator[Page]:
        """Pages of bounded width."""
        for part in narrow(map(self._made, messages), _fields):
            done = partial(connection.acknowledge, [one.message for one in part])
            yield self._page(part, done)

    def _made(self, message: Message) -> _Made:
        try:
            return _Made(message, list(self._rows_of(message)))
        except ValueError as error:
            return _Made(
                message, [], Refused(f"topic {message.topic}", message.payload, str(error))
            )

    def _rows_of(self, message: Message) -> Iterator[_Row]:
        """Named levels, fields and text of the payload.

        Raises:
            ValueError: it is not what the stream says.
        """
        options = self._options
        if len(message.payload) > options.message_bytes:
            raise ValueError(
                f"{len(message.payload):,} bytes; at most {options.message_bytes:,} are taken"
            )
        parts: dict[str, Any] = {}
        if self._matcher is not None:
            found: re.Match[str] | None = self._matcher.fullmatch(message.topic)
            if found is None:
                raise ValueError(f"the topic does not match {options.pattern}")
            parts = found.groupdict()
        if options.format == "json":
            yield parts, *_json(message.payload)
        elif options.format == "text":
            yield parts, {}, message.payload.decode()
        elif options.format == "bytes":
            yield parts, {}, base64.b64encode(message.payload).decode()
        else:
            for row in self._births.rows(message.topic, message.payload):
                yield parts, row, None

    def _page(self, part: list[_Made], acknowledge: Callable[[], None]) -> Page:
        rows = [row for one in part for row in one.rows]
        messages = [one.message for one in part for _ in one.rows]
        own = {
            "_topic": [one.topic for one in messages],
            "_received_at": [one.received for one in messages],
            "_digest": [hashlib.sha256(one.payload).hexdigest() for one in messages],
            "_retained": [one.retained for one in messages],
            "_payload": [payload for _, _, payload in rows],
        }
        columns = {name: pa.array(own[name], kind) for name, kind in _OWN}
        for name in self._parts:
            columns[name] = pa.array([parts[name] for parts, _, _ in rows], pa.string())
        if self._options.format == "sparkplug":
            at = [document.pop("at") for _, document, _ in rows]
            columns["at"] = pa.array(at, pa.timestamp("us", "UTC"))
        return Page(
            document_table([document for _, document, _ in rows], columns),
            self._births.cursor() if self._births.changed else None,
            places=tuple(f"topic {one.topic}" for one in messages),
            refused=tuple(one.refused for one in part if one.refused is not None),
            acknowledge=acknowledge,
        )


def _fields(made: _Made) -> Iterable[str]:
    return chain.from_iterable(document for _, document, _ in made.rows)


def _json(payload: bytes) -> tuple[dict[str, Any], str]:
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the payload is no JSON: {error}") from None
    kind = type(document).__name__ if not isinstance(document, dict) else ""
    if kind:
        raise ValueError(f"the payload is JSON, but no object: {kind} (see `format: text`)")
    if len(document) > WIDEST:
        raise ValueError(f"{len(document)} top-level fields; at most {WIDEST} are taken")
    return document, payload.decode()
