"""Streams of NATS JetStream.

By default the sequence in the stream is the cursor, so that each message comes exactly once. A
stream that deletes what is acknowledged (work queue) needs a ``durable`` consumer: the server
keeps the place, and a page is acknowledged when it is in the log.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa

from platform_assets.connectors.kinds.nats.config import NatsConfig, NatsStream
from platform_assets.connectors.messages.asking import Verdict, asking
from platform_assets.connectors.messages.decode import decoder
from platform_assets.connectors.messages.live import IDLE_SECONDS, batches
from platform_assets.connectors.messages.model import Message
from platform_assets.connectors.messages.rows import page_of, streams_of
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    Cursor,
    Page,
    SourceAwayError,
    Stream,
)
from platform_assets.core.retry import Retry
from platform_assets.core.secrets import read_secret

_RETRY = Retry(attempts=3, seconds=15)
_IDLE_CONSUMER_SECONDS = 600.0
"""After which the server forgets a consumer that asks for nothing."""

T = TypeVar("T")


class NatsReader:
    """Reads streams of one account."""

    def __init__(self, config: NatsConfig, context: Context) -> None:
        self._config, self._context = config, context
        self._where = f"source {context.source}: NATS at {config.servers}"

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        return f"{self._where.partition(': ')[2]}: {len(self._streams())} streams"

    def discover(self) -> list[Stream]:
        """The streams; their fields are in the messages."""
        return streams_of(self._streams(), _OWN, ("_id",))

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`."""
        options: NatsStream = self._context.streams[stream]
        where = f"{self._where}, stream {options.name}"
        decode = decoder(options.format)
        with self._connected() as session:
            session.open(options, where, int((cursor or {}).get("sequence", 0)))
            for messages in batches(session.take, options, self._context.stop):
                last = messages[-1].metadata
                yield page_of(
                    [_message(one) for one in messages],
                    decode,
                    cursor=None if options.durable else {"sequence": last.sequence.stream},
                    acknowledge=partial(session.acknowledge, messages) if options.durable else None,
                    lag=max(0.0, time.time() - last.timestamp.timestamp()),
                )

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`; a connection lives as long as its read."""

    def _streams(self) -> list[str]:
        with self._connected() as session:
            return session.names()

    @contextmanager
    def _connected(self) -> Iterator[_Session]:
        session = _Session(self._config, self._where)
        try:
            yield session
        finally:
            session.close()


class _Session:
    """A connection, and the loop that it lives in: the client has no other way."""

    def __init__(self, config: NatsConfig, where: str) -> None:
        self._where, self._seconds = where, config.timeout_seconds
        self._loop = asyncio.new_event_loop()
        self._nats: Any = None
        self._subscription: Any = None
        self._delivered = 0
        try:
            with asking(where, _judge):
                self._nats = _RETRY.on(_may_pass)(lambda: self._run(self._connect(config)))
        except BaseException:
            self._loop.close()
            raise
        self._jetstream = self._nats.jetstream(timeout=self._seconds)

    async def _connect(self, config: NatsConfig) -> Any:
        import nats

        login: dict[str, Any] = {}
        if config.user:
            login |= {"user": config.user, "password": read_secret(config.password)}
        if config.token:
            login["token"] = read_secret(config.token)
        if config.credentials_file:
            login["user_credentials"] = config.credentials_file

        async def told(_: Exception) -> None:
            """The next request says it."""

        return await nats.connect(
            config.servers.split(","),
            allow_reconnect=False,  # a new read begins at the cursor
            connect_timeout=max(1, int(self._seconds)),
            max_reconnect_attempts=1,  # ours is the one policy
            reconnect_time_wait=0.1,
            error_cb=told,
            **login,
        )

    def names(self) -> list[str]:
        with asking(self._where, _judge):
            return sorted(one.config.name for one in self._run(self._jetstream.streams_info()))

    def open(self, options: NatsStream, where: str, sequence: int) -> None:
        """Begin after a sequence, or where the durable consumer stands."""
        from nats.js import api

        self._where = where
        with asking(where, _judge):
            info = self._run(self._jetstream.stream_info(options.name))
            first = info.state.first_seq
            if not options.durable and 0 < sequence < first - 1 and options.lost == "refuse":
                raise ConnectorError(
                    f"{where}: messages {sequence + 1} to {first - 1} were deleted before they "
                    "were read",
                    "`lost: skip` in the stream's options goes on with the oldest that is left",
                )
            if options.durable:
                config = api.ConsumerConfig(
                    durable_name=options.durable,
                    ack_policy=api.AckPolicy.EXPLICIT,
                    max_ack_pending=2 * options.page_messages,
                    filter_subject=options.subject or None,
                )
            else:
                config = api.ConsumerConfig(
                    deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
                    opt_start_seq=sequence + 1,
                    ack_policy=api.AckPolicy.NONE,
                    inactive_threshold=_IDLE_CONSUMER_SECONDS,
                    filter_subject=options.subject or None,
                )
            self._subscription = self._run(
                self._jetstream.pull_subscribe(
                    options.subject,
                    durable=options.durable or None,
                    stream=options.name,
                    config=config,
                )
            )
        self._counted = not options.durable

    def take(self, count: int, seconds: float) -> list[Any]:
        """Messages, as soon as there are any."""
        import nats

        # The client waits for as many as are asked for.
        wanted = 1 if seconds >= IDLE_SECONDS else count
        with asking(self._where, _judge):
            try:
                messages: list[Any] = self._run(self._subscription.fetch(wanted, seconds))
            except (nats.errors.TimeoutError, TimeoutError):
                if self._nats.is_closed:
                    raise SourceAwayError(f"{self._where}: the connection was lost") from None
                return []
        for one in messages if self._counted else ():
            self._delivered += 1
            if one.metadata.sequence.consumer != self._delivered:
                raise SourceAwayError(
                    f"{self._where}: a message was lost on its way", "the next read has it"
                )
        return messages

    def acknowledge(self, messages: list[Any]) -> None:
        async def told() -> None:
            for one in messages:
                await one.ack()
            await self._nats.flush(self._seconds)

        with asking(self._where, _judge):
            self._run(told())

    def close(self) -> None:
        try:
            if self._nats is not None:
                self._run(self._nats.close())
        except Exception:  # noqa: BLE001, S110 - it is given up either way
            pass
        finally:
            self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)


def _message(one: Any) -> Message:
    told = one.metadata
    sequence = told.sequence.stream
    return Message(
        one.data,
        f"{told.stream}/{sequence}",
        f"{told.stream}, sequence {sequence}",
        {
            "_subject": one.subject,
            "_at": told.timestamp.astimezone(UTC) if isinstance(told.timestamp, datetime) else None,
            "_headers": json.dumps(dict(one.headers)) if one.headers else None,
        },
    )


_OWN = {
    "_id": pa.string(),
    "_subject": pa.string(),
    "_at": pa.timestamp("us", "UTC"),
    "_headers": pa.string(),
}


def _may_pass(error: BaseException) -> bool:
    return _judge(error) is Verdict.AWAY


def _judge(error: BaseException) -> Verdict | None:
    from nats import errors
    from nats.js import errors as stream_errors

    told = str(error).lower()
    if isinstance(error, errors.AuthorizationError) or (
        isinstance(error, errors.Error) and ("authorization" in told or "permission" in told)
    ):
        return Verdict.REFUSED
    if isinstance(error, stream_errors.ServiceUnavailableError):
        return Verdict.AWAY
    if isinstance(error, stream_errors.Error):
        return Verdict.WRONG
    if isinstance(error, (errors.Error, OSError, TimeoutError)):
        return Verdict.AWAY
    return None
