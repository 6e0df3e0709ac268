"""Exact offset ranges out of Kafka, for the local engine.

A consumer stays assigned between calls, so the records of the next micro-batch are often
here before they are asked for; what it fetched past a range's end waits in ``_ahead``.
Positions are compared on every call: any surprise (a replay, an error, a restarted broker)
starts it afresh at the exact offsets.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from platform_assets.connectors.kafka import may_pass
from platform_assets.core.errors import WeirError
from platform_assets.engines import layout
from platform_assets.engines.base import OffsetRange, RangeGoneError
from platform_assets.engines.header_names import UNREADABLE, headers_of, read_headers

_POLL_RECORDS = 10_000
_POLL_SECONDS = 0.1
_QUEUE_KILOBYTES = 65_536
_FIRST_RECORDS = 64  # polled before anything is known of the records' size


class LogUnavailableError(RuntimeError):
    """Kafka gave no answer, or not the records asked for, in time: try again later."""


class LogRefusedError(WeirError):
    """Kafka will not give the records, and will say the same again: rights, a codec, damage."""


def _offset(message: Message) -> int:
    """A record's offset, which only events that are no records lack."""
    return cast("int", message.offset())


@dataclass
class _Part:
    """Records of one partition, column by column."""

    offsets: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)

    def add(self, messages: list[Message]) -> int:
        """Append messages; returns their bytes: values, keys and headers."""
        values = [message.value() for message in messages]
        self.values += values
        self.offsets += [_offset(message) for message in messages]
        self.times += [message.timestamp()[1] for message in messages]
        keys = [message.key() for message in messages]
        headers = [headers_of(message) for message in messages]
        self.keys += keys
        self.headers += headers
        named = [pair for each in headers if isinstance(each, list) for pair in each]
        size = sum(map(len, filter(None, values))) + sum(map(len, filter(None, keys)))
        return size + sum(len(name) + len(value or b"") for name, value in named)


class TopicLog:
    """Reads ranges of one topic; not for use from several threads."""

    def __init__(self, bootstrap: str, topic: str, timeout_seconds: float) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._timeout = timeout_seconds
        self._consumer: Consumer | None = None
        self._next: dict[int, int] = {}
        self._ahead: dict[int, deque[Message]] = {}
        self._last_error = "no error reported"

    def close(self) -> None:
        """Leave; the next read starts a new consumer."""
        if self._consumer is not None:
            self._consumer.close()
        self._consumer = None
        self._next, self._ahead = {}, {}

    def read(
        self, ranges: Sequence[OffsetRange], max_bytes: int | None
    ) -> tuple[pa.Table, tuple[OffsetRange, ...], int]:
        """Read the ranges, or with ``max_bytes`` a beginning of them.

        Returns:
            The records (columns of :data:`layout.RAW`, by partition and offset), the ranges
            that they cover, and their bytes (values, keys and headers).

        Raises:
            RangeGoneError: the log starts after a range's start.
            LogUnavailableError: Kafka did not give the records in time.
        """
        try:
            return self._read([item for item in ranges if item.offsets > 0], max_bytes)
        except BaseException:
            self.close()
            raise

    def _read(
        self, ranges: list[OffsetRange], max_bytes: int | None
    ) -> tuple[pa.Table, tuple[OffsetRange, ...], int]:
        parts = {item.partition: _Part() for item in ranges}
        ends = {item.partition: item.end for item in ranges}
        position = {item.partition: item.start for item in ranges}
        size = 0
        if ranges:
            self._attach(ranges)
        limit = max_bytes if max_bytes is not None else float("inf")
        for partition in position:
            waiting = list(self._ahead.pop(partition, ()))
            size += self._keep(partition, waiting, parts, ends, position)
        quiet_since = time.monotonic()
        while size < limit and any(position[p] < ends[p] for p in ends):
            before = dict(position)
            wanted = sum(max(0, ends[p] - position[p]) for p in ends)
            if max_bytes is not None:
                wanted = min(
                    wanted,
                    _affordable(
                        size,
                        records=sum(len(part.offsets) for part in parts.values()),
                        limit=max_bytes,
                    ),
                )
            size += self._poll(wanted, parts, ends, position)
            if position != before:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > self._timeout:
                raise LogUnavailableError(self._stuck(position, ends))
        self._read_unreadable(parts)
        covered = []
        for item in ranges:
            if position[item.partition] < item.end:
                offsets = parts[item.partition].offsets
                position[item.partition] = offsets[-1] + 1 if offsets else item.start
            if position[item.partition] > item.start:
                end = min(position[item.partition], item.end)
                covered.append(OffsetRange(item.partition, item.start, end))
            self._next[item.partition] = min(position[item.partition], item.end)
        return _table(parts), tuple(covered), size

    def _read_unreadable(self, parts: dict[int, _Part]) -> None:
        """Put in the headers that the client could not give."""
        for partition, part in parts.items():
            rows = [row for row, headers in enumerate(part.headers) if headers is UNREADABLE]
            if rows:
                offsets = [part.offsets[row] for row in rows]
                found = read_headers(
                    self._bootstrap, self._topic, partition, offsets, self._timeout
                )
                for row in rows:
                    part.headers[row] = found[part.offsets[row]]

    def _poll(
        self,
        wanted: int,
        parts: dict[int, _Part],
        ends: dict[int, int],
        position: dict[int, int],
    ) -> int:
        # Never ask for more than is missing: consume() waits for the full number or the timeout.
        assert self._consumer is not None  # noqa: S101 - attached above; for the type checker
        messages = self._consumer.consume(min(wanted, _POLL_RECORDS), timeout=_POLL_SECONDS)
        by_partition: dict[int, list[Message]] = {}
        for message in messages:
            if message.error() is not None:
                self._failed(message, position)
            else:
                by_partition.setdefault(cast("int", message.partition()), []).append(message)
        size = 0
        for partition, group in by_partition.items():
            if partition in ends:
                size += self._keep(partition, group, parts, ends, position)
            else:
                self._ahead.setdefault(partition, deque()).extend(group)
        return size

    def _keep(
        self,
        partition: int,
        messages: list[Message],
        parts: dict[int, _Part],
        ends: dict[int, int],
        position: dict[int, int],
    ) -> int:
        """Take what is below the partition's end and set the rest aside."""
        if not messages:
            return 0
        end = ends[partition]
        last = _offset(messages[-1])
        position[partition] = max(position[partition], min(last + 1, end))
        if last < end:
            return parts[partition].add(messages)
        cut = next(i for i, message in enumerate(messages) if _offset(message) >= end)
        self._ahead.setdefault(partition, deque()).extend(messages[cut:])
        return parts[partition].add(messages[:cut])

    def _failed(self, message: Message, position: dict[int, int]) -> None:
        """Act on an event that is no record."""
        error = message.error()
        assert error is not None  # noqa: S101 - the caller looked; for the type checker
        partition = message.partition()
        if error.code() == KafkaError._PARTITION_EOF:
            # Offsets without records (transaction markers, compaction) end here.
            offset = message.offset()
            if partition in position and offset is not None and offset > position[partition]:
                position[partition] = offset
            return
        self._last_error = error.str()
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            if partition in position:
                self._check_start(partition, position[partition])
            return
        if not may_pass(error):
            at = position.get(cast("int", partition), message.offset())
            raise LogRefusedError(
                f"topic {self._topic}, partition {partition}, at offset {at}: {error.str()}",
                "the same would be read again; give this user the right to read, or see the "
                "broker's log about this offset",
            )

    def _attach(self, ranges: list[OffsetRange]) -> None:
        """Have the consumer stand at every range's start."""
        if self._consumer is not None and all(
            self._next.get(item.partition) == item.start for item in ranges
        ):
            return
        self._connect()
        for item in ranges:
            self._check_start(item.partition, item.start)
        self._ahead = {}
        # Only these: other partitions join again when they are asked for.
        self._next = {item.partition: item.start for item in ranges}
        places = [TopicPartition(self._topic, item.partition, item.start) for item in ranges]
        self._connect().assign(places)

    def check(self, ranges: Sequence[OffsetRange]) -> None:
        """See that the log still holds the ranges, without reading them.

        Raises:
            RangeGoneError: the log starts after a range's start.
            LogUnavailableError: Kafka did not answer in time.
        """
        self._connect()
        for item in ranges:
            self._check_start(item.partition, item.start)

    def _connect(self) -> Consumer:
        if self._consumer is not None:
            return self._consumer
        self._consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "weir-reads-by-offset",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                # A quiet topic is asked for four times a second; one that flows is not waited for.
                "fetch.wait.max.ms": 250,
                "fetch.queue.backoff.ms": 20,
                "fetch.max.bytes": 32 * 1024 * 1024,
                # A record of any size that a broker may hold is read: the broker gives it alone.
                "receive.message.max.bytes": 2**31 - 1,
                "max.partition.fetch.bytes": 8 * 1024 * 1024,
                "queued.max.messages.kbytes": _QUEUE_KILOBYTES,
                "queued.min.messages": 100_000,
                "reconnect.backoff.ms": 50,
                "reconnect.backoff.max.ms": 1000,
                "check.crcs": True,
                "error_cb": self._report,
            }
        )
        return self._consumer

    def _check_start(self, partition: int, start: int) -> None:
        assert self._consumer is not None  # noqa: S101 - attached above; for the type checker
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                low, high = self._consumer.get_watermark_offsets(
                    TopicPartition(self._topic, partition), timeout=min(5.0, self._timeout)
                )
                break
            except KafkaException as error:
                self._last_error = str(error)
                if not may_pass(error):
                    raise LogRefusedError(
                        f"topic {self._topic}, partition {partition}: {error.args[0].str()}",
                        "give this user the right to read the topic",
                    ) from error
                if time.monotonic() > deadline:
                    raise LogUnavailableError(
                        f"Kafka at {self._bootstrap}: no answer about topic {self._topic}, "
                        f"partition {partition}, for {self._timeout:g} s ({error}); "
                        "see `weir status`"
                    ) from error
                if error.args[0].code() == KafkaError._UNKNOWN_PARTITION:
                    self._learn_partitions()
                time.sleep(0.1)
        if low > start:
            raise RangeGoneError(
                f"topic {self._topic}, partition {partition}: offset {start} is gone, the log "
                f"starts at {low} (retention); replay this range from bronze"
            )
        if start > high:
            raise LogUnavailableError(
                f"topic {self._topic}, partition {partition}: the log ends at {high}, before "
                f"offset {start}; was the topic re-created? See `weir streams`"
            )

    def _learn_partitions(self) -> None:
        """Have the consumer see partitions that were added since it last asked."""
        assert self._consumer is not None  # noqa: S101 - attached above; for the type checker
        try:
            self._consumer.list_topics(self._topic, timeout=min(5.0, self._timeout))
        except KafkaException as error:
            self._last_error = str(error)

    def _report(self, error: KafkaError) -> None:
        self._last_error = error.str()

    def _stuck(self, position: dict[int, int], ends: dict[int, int]) -> str:
        left = ", ".join(
            f"partition {p} at {position[p]} of {ends[p]}" for p in ends if position[p] < ends[p]
        )
        return (
            f"topic {self._topic} at {self._bootstrap}: nothing arrived for {self._timeout:g} s "
            f"({left}); last error: {self._last_error}; see `weir status`"
        )


def _affordable(size: int, records: int, limit: int) -> int:
    """Records that fit below the limit, at the mean size of those read; at least one."""
    if not records:
        return _FIRST_RECORDS
    return max(1, (limit - size) * records // max(1, size))


def _table(parts: dict[int, _Part]) -> pa.Table:
    tables = [_columns(partition, parts[partition]) for partition in sorted(parts)]
    return pa.concat_tables(tables) if tables else layout.RAW.empty_table()


def _columns(partition: int, part: _Part) -> pa.Table:
    rows = len(part.offsets)
    if any(part.headers):
        listed = [
            None if item is None else [{"key": k, "value": v} for k, v in item]
            for item in part.headers
        ]
        headers = pa.array(listed, layout.HEADERS)
    else:
        headers = pa.nulls(rows, layout.HEADERS)
    times = pa.array(part.times, pa.int64())
    micros = pa.compute.multiply(times, 1000).cast(layout.TIMESTAMP)
    return pa.table(
        [
            pa.repeat(pa.scalar(partition, pa.int32()), rows),
            pa.array(part.offsets, pa.int64()),
            micros,
            pa.array(part.keys, pa.binary()),
            headers,
            pa.array(part.values, pa.binary()),
        ],
        schema=layout.RAW,
    )
