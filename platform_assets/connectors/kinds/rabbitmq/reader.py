"""Queues of RabbitMQ (AMQP 0-9-1): a page is acknowledged when it is in the log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa

from platform_assets.connectors.kinds.rabbitmq.config import RabbitConfig, RabbitStream
from platform_assets.connectors.messages.asking import Verdict, asking
from platform_assets.connectors.messages.decode import decoder
from platform_assets.connectors.messages.live import batches
from platform_assets.connectors.messages.model import Message
from platform_assets.connectors.messages.rows import page_of, streams_of
from platform_assets.connectors.seam.reader import Context, Cursor, Page, SourceAwayError, Stream
from platform_assets.core.retry import Retry
from platform_assets.core.secrets import read_secret

_RETRY = Retry(attempts=3, seconds=15)


class RabbitReader:
    """Reads queues of one virtual host."""

    def __init__(self, config: RabbitConfig, context: Context) -> None:
        self._config, self._context = config, context
        self._where = f"source {context.source}: RabbitMQ at {config.host}:{config.port}"
        self._connections: list[Any] = []

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`: each configured queue is there."""
        told = []
        for options in self._context.streams.values():
            with asking(f"{self._where}, queue {options.queue}", _judge):
                channel = _RETRY.on(_may_pass)(self._channel)
                found = channel.queue_declare(options.queue, passive=True).method
            told.append(f"{options.queue} has {found.message_count} messages")
        return f"{self._where.partition(': ')[2]}: {', '.join(told)}"

    def discover(self) -> list[Stream]:
        """The streams that are configured: AMQP does not list queues."""
        return streams_of(self._context.streams, _OWN)

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`; the queue keeps its own place."""
        del cursor
        options: RabbitStream = self._context.streams[stream]
        where = f"{self._where}, queue {options.queue}"
        with asking(where, _judge):
            channel = _RETRY.on(_may_pass)(self._channel)
            channel.basic_qos(prefetch_count=options.page_messages)
            channel.queue_declare(options.queue, passive=True)

        def take(count: int, seconds: float) -> list[Any]:
            got: list[Any] = []
            with asking(where, _judge):
                for method, properties, body in channel.consume(
                    options.queue, inactivity_timeout=seconds
                ):
                    if method is None:
                        break
                    got.append((method, properties, body))
                    # What the client has, without waiting for more.
                    if len(got) >= count or not channel.get_waiting_message_count():
                        break
            return got

        decode = decoder(options.format)
        for messages in batches(take, options, self._context.stop):
            tag = messages[-1][0].delivery_tag
            yield page_of(
                [_message(options.queue, *one) for one in messages],
                decode,
                acknowledge=partial(self._acknowledge, where, channel, tag),
            )

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`; what is not acknowledged goes back to its queue."""
        for connection in self._connections:
            with suppress(Exception):
                connection.close()
        self._connections = []

    def _acknowledge(self, where: str, channel: Any, tag: int) -> None:
        with asking(where, _judge):
            channel.basic_ack(tag, multiple=True)
            # The client only sends it; an answer to anything after it proves that it arrived.
            channel.connection.process_data_events(0)
        if not channel.is_open:
            raise SourceAwayError(f"{where}: the connection was lost", "its messages come again")

    def _channel(self) -> Any:
        import pika

        from platform_assets.connectors.seam.addresses import addresses, networks

        config = self._config
        allowed = networks(self._context.settings.source_networks)
        parameters = pika.ConnectionParameters(
            # The client would resolve the name once more.
            host=addresses(config.host, config.port, allowed)[0],
            port=config.port,
            virtual_host=config.vhost,
            credentials=pika.PlainCredentials(config.user, read_secret(config.password)),
            ssl_options=_tls(config.host) if config.tls else None,
            socket_timeout=config.timeout_seconds,
            blocked_connection_timeout=config.timeout_seconds,
            stack_timeout=config.timeout_seconds,
            connection_attempts=1,
            client_properties={"connection_name": self._where},
        )
        connection = pika.BlockingConnection(parameters)
        self._connections.append(connection)
        return connection.channel()


def _tls(host: str) -> Any:
    import ssl

    import pika

    return pika.SSLOptions(ssl.create_default_context(), host)


def _message(queue: str, method: Any, properties: Any, body: bytes) -> Message:
    # AMQP gives a message no id; its sender may. Two that are equal in all have one digest, so it
    # is for the source's `identity` to say whether that will do.
    name = properties.message_id
    at = datetime.fromtimestamp(properties.timestamp, UTC) if properties.timestamp else None
    parts = (method.routing_key.encode(), str(properties.timestamp).encode(), body)
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]
    headers = json.dumps(properties.headers, default=str) if properties.headers else None
    return Message(
        body,
        name,
        f"{queue}, message {name or digest}",
        {
            "_key": method.routing_key,
            "_exchange": method.exchange,
            "_at": at,
            "_headers": headers,
            "_digest": digest,
        },
    )


_OWN = {
    "_id": pa.string(),
    "_key": pa.string(),
    "_exchange": pa.string(),
    "_at": pa.timestamp("us", "UTC"),
    "_headers": pa.string(),
    "_digest": pa.string(),
}


def _may_pass(error: BaseException) -> bool:
    return _judge(error) is Verdict.AWAY


def _judge(error: BaseException) -> Verdict | None:
    from pika import exceptions

    refused = (
        exceptions.ProbableAuthenticationError,
        exceptions.AuthenticationError,
        exceptions.ProbableAccessDeniedError,
    )
    if isinstance(error, refused) or "ACCESS_REFUSED" in repr(error):
        return Verdict.REFUSED
    if isinstance(error, (exceptions.ChannelClosedByBroker, exceptions.AMQPChannelError)):
        return Verdict.WRONG
    if isinstance(error, (exceptions.AMQPError, OSError)):
        return Verdict.AWAY
    return None
