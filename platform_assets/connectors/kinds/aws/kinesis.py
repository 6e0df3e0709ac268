"""Streams of Kinesis: the place in each shard is the cursor, so that each record comes once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from platform_assets.connectors.kinds.aws.client import (
    RETRY,
    code,
    connect,
    judge,
    listed,
    may_pass,
)
from platform_assets.connectors.kinds.aws.config import AwsConfig, KinesisStream
from platform_assets.connectors.messages.asking import asking
from platform_assets.connectors.messages.decode import Decode, decoder
from platform_assets.connectors.messages.live import paced
from platform_assets.connectors.messages.model import Message
from platform_assets.connectors.messages.rows import page_of, streams_of, table_of
from platform_assets.connectors.seam.reader import Context, Cursor, Page, Stream

_LOOK_SECONDS = 30.0
"""Between two looks for new shards."""


class KinesisReader:
    """Reads streams of one region."""

    def __init__(self, config: AwsConfig, context: Context) -> None:
        self._context = context
        self._where = f"source {context.source}: Kinesis in {config.region}"
        self._client = connect("kinesis", config)

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        return f"{self._where.partition(': ')[2]}: {len(self._names())} streams"

    def discover(self) -> list[Stream]:
        """The streams; their fields are in the records."""
        own = dict.fromkeys(("_id", "_key", "_shard"), pa.string())
        own["_at"] = pa.timestamp("us", "UTC")
        return streams_of(self._names(), own, ("_id",))

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`."""
        options: KinesisStream = self._context.streams[stream]
        place = dict(cursor or {"shards": {}})
        if cursor is None and options.start == "latest":
            # From this moment on nothing is missed, whatever happens before the first record.
            place["since"] = time.time()
            yield Page(table_of([]), place)
        shards = _Shards(self._client, options, f"{self._where}, stream {options.name}", place)
        decode = decoder(options.format)
        for _ in paced(options.page_milliseconds / 1000, self._context.stop):
            for shard in shards.open():
                if (page := shards.page(shard, decode)) is not None:
                    yield page
                if self._context.stop.is_set():
                    return

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        self._client.close()

    def _names(self) -> list[str]:
        return listed(self._client, self._where, "list_streams", "StreamNames")


class _Shards:
    """The shards of a stream, parents before their children.

    ``place`` is the cursor: shard -> the last sequence number that was read; None where a shard
    was closed and read to its end.
    """

    def __init__(
        self, client: Any, options: KinesisStream, where: str, place: dict[str, Any]
    ) -> None:
        self._client, self._options, self._where = client, options, where
        self._since = place.get("since")
        self._read: dict[str, str | None] = dict(place["shards"])
        self._iterators: dict[str, str] = {}
        self._parents: dict[str, set[str]] = {}
        self._looked = -_LOOK_SECONDS

    def open(self) -> list[str]:
        """The shards that may be read now."""
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            self._look()
        done = {name for name, at in self._read.items() if at is None}
        return [
            name
            for name, parents in self._parents.items()
            if name not in done and not (parents & set(self._parents)) - done
        ]

    def page(self, shard: str, decode: Decode) -> Page | None:
        """What is next in a shard; None where there is nothing now."""
        with asking(self._where, judge):
            try:
                answer = RETRY.on(may_pass)(
                    self._client.get_records,
                    ShardIterator=self._iterator(shard),
                    Limit=self._options.page_messages,
                )
            except Exception as error:
                # Five minutes after it was made.
                if code(error) != "ExpiredIteratorException":
                    raise
                del self._iterators[shard]
                return None
        following = answer.get("NextShardIterator")
        records = answer["Records"]
        if following:
            self._iterators[shard] = following
        else:
            self._looked = -_LOOK_SECONDS  # its children come next
        if not records and following:
            return None
        self._read[shard] = records[-1]["SequenceNumber"] if following else None
        name = self._options.name
        return page_of(
            [_message(name, shard, one) for one in records],
            decode,
            cursor=self._cursor(),
            lag=answer.get("MillisBehindLatest", 0) / 1000,
        )

    def _cursor(self) -> dict[str, Any]:
        # Shards that the service has forgotten are not asked for again.
        kept = {name: at for name, at in self._read.items() if name in self._parents}
        since = {} if self._since is None else {"since": self._since}
        return {**since, "shards": kept}

    def _iterator(self, shard: str) -> str:
        if shard not in self._iterators:
            kind: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
            if (at := self._read.get(shard)) is not None:
                kind = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": at}
            elif self._since is not None:
                kind = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": self._since}
            answer = self._client.get_shard_iterator(
                StreamName=self._options.name, ShardId=shard, **kind
            )
            self._iterators[shard] = answer["ShardIterator"]
        return self._iterators[shard]

    def _look(self) -> None:
        self._looked = time.monotonic()
        found: dict[str, set[str]] = {}
        more: dict[str, Any] = {"StreamName": self._options.name}
        while True:
            with asking(self._where, judge):
                answer = RETRY.on(may_pass)(self._client.list_shards, **more)
            for one in answer["Shards"]:
                parents = {one.get("ParentShardId"), one.get("AdjacentParentShardId")}
                found[one["ShardId"]] = {parent for parent in parents if parent}
            if not (token := answer.get("NextToken")):
                break
            more = {"NextToken": token}
        self._parents = found


def _message(stream: str, shard: str, one: dict[str, Any]) -> Message:
    number = one["SequenceNumber"]
    at = one.get("ApproximateArrivalTimestamp")
    return Message(
        one["Data"],
        f"{shard}/{number}",
        f"{stream}, {shard}, sequence number {number}",
        {
            "_key": one["PartitionKey"],
            "_shard": shard,
            "_at": at.astimezone(UTC) if isinstance(at, datetime) else None,
        },
    )
