"""Streams of Redis and Valkey: the last entry's id is the cursor, so that each comes exactly once.

No consumer group is used: its place would be the server's, apart from the rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from platform_assets.connectors.kinds.redis_streams.config import RedisConfig, RedisStream
from platform_assets.connectors.messages.asking import Verdict, asking
from platform_assets.connectors.messages.decode import decoder
from platform_assets.connectors.messages.live import batches
from platform_assets.connectors.messages.model import Message
from platform_assets.connectors.messages.rows import as_text, page_of
from platform_assets.connectors.seam.reader import ConnectorError, Context, Cursor, Page, Stream
from platform_assets.core.retry import Retry
from platform_assets.core.secrets import read_secret

_RETRY = Retry(attempts=3, seconds=15)
_Entry = tuple[bytes, dict[bytes, bytes]]


class RedisReader:
    """Reads streams of one server."""

    def __init__(self, config: RedisConfig, context: Context) -> None:
        import redis

        self._context = context
        self._where = f"source {context.source}: Redis at {config.host}:{config.port}"
        self._redis: Any = redis.Redis(
            host=config.host,
            port=config.port,
            db=config.database,
            username=config.user or None,
            password=read_secret(config.password) if config.password else None,
            ssl=config.tls,
            socket_timeout=config.timeout_seconds,
            socket_connect_timeout=min(5.0, config.timeout_seconds),
            retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0),  # ours is the one policy
            protocol=2,
        )

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        with asking(self._where, _judge):
            info = _RETRY.on(_may_pass)(self._redis.info, "server")
        version = info.get("valkey_version") or info.get("redis_version")
        return f"{self._where.partition(': ')[2]}: version {version}, {len(self._keys())} streams"

    def discover(self) -> list[Stream]:
        """The streams, with the fields of their newest entry."""
        found = []
        for key in self._keys():
            with asking(self._where, _judge):
                newest = self._redis.xrevrange(key, count=1)
            fields = [(as_text(name), pa.string()) for _, entry in newest for name in entry]
            own = [("_id", pa.string()), ("_at", pa.timestamp("us", "UTC"))]
            found.append(Stream(as_text(key), pa.schema([*fields, *own]), ("_id",), ("_id",)))
        return found

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`."""
        options: RedisStream = self._context.streams[stream]
        where = f"{self._where}, stream {options.key}"
        place = str((cursor or {}).get("id", options.start))
        if place == "$":
            place = self._end(options.key, where)

        def take(count: int, seconds: float) -> list[_Entry]:
            nonlocal place
            block = max(1, int(seconds * 1000))
            with asking(where, _judge):
                answer = _RETRY.on(_may_pass)(
                    self._redis.xread, {options.key: place}, count=count, block=block
                )
            entries: list[_Entry] = answer[0][1] if answer else []
            if entries:
                place = as_text(entries[-1][0])
            return entries

        decode = decoder(options.format)
        for entries in batches(take, options, self._context.stop):
            yield page_of(
                [_message(options, key, fields) for key, fields in entries],
                decode,
                cursor={"id": as_text(entries[-1][0])},
                lag=max(0.0, time.time() - _millis(as_text(entries[-1][0])) / 1000),
            )

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        self._redis.close()

    def _keys(self) -> list[bytes]:
        with asking(self._where, _judge):
            return sorted(self._redis.scan_iter(_type="stream", count=1000))

    def _end(self, key: str, where: str) -> str:
        with asking(where, _judge):
            newest = _RETRY.on(_may_pass)(self._redis.xrevrange, key, count=1)
        return as_text(newest[0][0]) if newest else "0-0"


def _message(options: RedisStream, key: bytes, fields: dict[bytes, bytes]) -> Message:
    name = as_text(key)
    own = {"_at": datetime.fromtimestamp(_millis(name) / 1000, UTC)}
    place = f"{options.key}, entry {name}"
    named = {as_text(field): value for field, value in fields.items()}
    if not options.payload:
        return Message({field: as_text(value) for field, value in named.items()}, name, place, own)
    body = named.pop(options.payload, b"")
    beside = {f"_{field}": as_text(value) for field, value in named.items()}
    return Message(body, name, place, {**beside, **own})


def _millis(entry: str) -> int:
    # Ids may be given by the writer; then they need not be moments that a clock can show.
    return min(int(entry.partition("-")[0]), 253_402_300_799_000)


def _may_pass(error: BaseException) -> bool:
    return _judge(error) is Verdict.AWAY


def _judge(error: BaseException) -> Verdict | None:
    from redis import exceptions

    if isinstance(error, ConnectorError) or not isinstance(error, exceptions.RedisError):
        return None
    refused = (exceptions.AuthenticationError, exceptions.NoPermissionError)
    if isinstance(error, refused) or "NOAUTH" in str(error):
        return Verdict.REFUSED
    away = (
        exceptions.ConnectionError,
        exceptions.TimeoutError,
        exceptions.BusyLoadingError,
        exceptions.TryAgainError,
        exceptions.ReadOnlyError,
    )
    return Verdict.AWAY if isinstance(error, away) else Verdict.WRONG
