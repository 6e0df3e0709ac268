"""Queues of an AMQP 1.0 broker: a page is settled when it is in the log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa

from platform_assets.connectors.http.client import HttpClient, HttpConfig
from platform_assets.connectors.kinds.amqp.config import AmqpConfig, AmqpStream
from platform_assets.connectors.kinds.amqp.link import Link, Received, judge
from platform_assets.connectors.messages.asking import Verdict, asking
from platform_assets.connectors.messages.decode import decoder
from platform_assets.connectors.messages.live import batches
from platform_assets.connectors.messages.model import Message
from platform_assets.connectors.messages.rows import page_of, streams_of
from platform_assets.connectors.seam.reader import Context, Cursor, Page, Stream
from platform_assets.core.retry import Retry
from platform_assets.core.secrets import read_secret

_RETRY = Retry(attempts=3, seconds=30)

_OWN = {
    "_id": pa.string(),
    "_subject": pa.string(),
    "_content_type": pa.string(),
    "_at": pa.timestamp("us", "UTC"),
    "_deliveries": pa.int64(),
    "_headers": pa.string(),
    "_digest": pa.string(),
}


class AmqpReader:
    """Reads addresses of one broker."""

    def __init__(self, config: AmqpConfig, context: Context) -> None:
        self._config, self._context = config, context
        self._where = f"source {context.source}: AMQP at {config.host}:{config.port}"
        self._links: list[Link] = []
        self._tokens = _tokens(config, context)

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`: each configured address gives a link."""
        told = []
        for options in self._context.streams.values():
            # Without credit: nothing is taken.
            link = self._linked(options, credit=0)
            link.close()
            self._links.remove(link)
            told.append(options.address)
        return f"{self._where.partition(': ')[2]}: {', '.join(told)}"

    def discover(self) -> list[Stream]:
        """The streams that are configured: AMQP does not list addresses."""
        return streams_of(self._context.streams, _OWN)

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`; the queue keeps its own place."""
        del cursor
        options: AmqpStream = self._context.streams[stream]
        where = f"{self._where}, {options.address}"
        link = self._linked(options, options.page_messages)

        def take(count: int, seconds: float) -> Sequence[Received]:
            with asking(where, judge):
                return link.take(count, seconds)

        decode = decoder(options.format)
        for received in batches(take, options, self._context.stop):
            yield page_of(
                [_message(options.address, one) for one in received],
                decode,
                acknowledge=partial(self._settle, where, link, received),
            )

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`; what is not settled goes back to its queue."""
        for link in self._links:
            with suppress(Exception):
                link.close()
        self._links = []
        if self._tokens is not None:
            self._tokens.close()

    def _settle(self, where: str, link: Link, received: Sequence[Received]) -> None:
        with asking(where, judge):
            link.settle(received)

    def _linked(self, options: AmqpStream, credit: int) -> Link:
        config = self._config
        headers = self._tokens.credential_headers() if self._tokens is not None else {}
        password = read_secret(config.password) if config.user else ""
        with asking(f"{self._where}, {options.address}", judge):
            link: Link = _RETRY.on(_may_pass)(
                self._opened, options.address, credit, password, headers
            )
        self._links.append(link)
        return link

    def _opened(self, address: str, credit: int, password: str, headers: Mapping[str, str]) -> Link:
        from platform_assets.connectors.seam.addresses import addresses, networks

        allowed = networks(self._context.settings.source_networks)
        at = addresses(self._config.host, self._config.port, allowed)[0]
        return Link(self._config, at, address, credit, password, headers)


def _tokens(config: AmqpConfig, context: Context) -> HttpClient | None:
    """What fetches tokens, where the WebSocket is opened with one."""
    if config.oauth is None:
        return None
    base = f"{'https' if config.tls else 'http'}://{config.host}:{config.port}"
    asked = HttpConfig(base_url=base, auth=config.oauth, timeout_seconds=config.timeout_seconds)
    return HttpClient(asked, context)


def _message(address: str, received: Received) -> Message:
    one = received.message
    properties, header = one.properties, one.header
    name = _text(properties.message_id) if properties else None
    body = _body(one)
    digest = hashlib.sha256(body).hexdigest()[:32]
    return Message(
        body,
        name,
        f"{address}, message {name or digest}",
        {
            "_subject": _text(properties.subject) if properties else None,
            "_content_type": _text(properties.content_type) if properties else None,
            "_at": _moment(one),
            "_deliveries": (header.delivery_count or 0) if header else 0,
            "_headers": _json(one.application_properties),
            "_digest": digest,
        },
    )


def _body(message: Any) -> bytes:
    """The payload: data sections joined; a value as text, or as JSON."""
    if message.data is not None:
        parts = message.data if isinstance(message.data, list) else [message.data]
        return b"".join(bytes(one) for one in parts)
    value = message.value if message.value is not None else message.sequence
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    return json.dumps(_plain(value), default=_text).encode()


def _moment(message: Any) -> datetime | None:
    """When it was made, as its sender says; else when the broker took it."""
    made = message.properties.creation_time if message.properties else None
    annotations = message.message_annotations or {}
    made = made or annotations.get(b"x-opt-enqueued-time") or annotations.get("x-opt-enqueued-time")
    if isinstance(made, datetime):
        return made
    return datetime.fromtimestamp(made / 1000, UTC) if made else None


def _json(properties: Any) -> str | None:
    return json.dumps(_plain(properties), default=_text) if properties else None


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, Mapping):
        return {_text(name): _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _may_pass(error: BaseException) -> bool:
    return judge(error) is Verdict.AWAY
