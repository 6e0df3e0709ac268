"""What a micro-batch takes: exact offset ranges, bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from platform_assets.connectors.kafka import may_pass
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TopicName
from platform_assets.core.retry import Retry
from platform_assets.core.settings import Settings
from platform_assets.engines.base import OffsetRange
from platform_assets.streaming.halts import spoken

PARTITIONS_SECONDS = 15.0
"""How long the broker's word on a topic's partitions holds: added ones are seen after that."""

_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
"""The zero id of a broker that gives topics none (before Kafka 2.8)."""


class LogGapError(WeirError):
    """Records that were never taken are gone from the log: lost to retention.

    Attributes:
        gaps: their offsets; none where it is not known which.
    """

    def __init__(self, message: str, hint: str, gaps: tuple[OffsetRange, ...] = ()) -> None:
        super().__init__(message, hint)
        self.gaps = gaps


class LogShorterError(LogGapError):
    """The log ends before what was taken: for a moment after a broker's crash, or cut off."""


@dataclass(frozen=True)
class Extent:
    """First offset that the log holds, and the offset after the last that may be read.

    That is the last *stable* offset: what an open transaction has written, and all behind it in
    the same partition, is not to be read before the transaction ends.
    """

    low: int
    high: int


def plan_ranges(
    topic: str,
    extents: Mapping[int, Extent],
    next_offsets: Mapping[int, int],
    max_records: int,
) -> tuple[OffsetRange, ...]:
    """Share out at most ``max_records`` among the Kafka partitions, by what waits in each.

    Args:
        topic: for the message.
        extents: per Kafka partition what the log holds.
        next_offsets: per Kafka partition the first offset not yet recorded; a partition
            not named starts at the log's first offset.
        max_records: bound on the sum of the ranges.

    Returns:
        Ranges of partitions that have records waiting, in order; at least one record each
        while the bound allows, so that no partition starves.

    Raises:
        LogGapError: the log begins after the next offset.
        LogShorterError: it ends before it, or lacks a partition that was taken from.
    """
    hint = f"see what going on with it means: weir streams adopt {topic} --dry-run"
    if missing := sorted(set(next_offsets) - set(extents)):
        raise LogShorterError(
            f"{topic}: partitions {missing} were taken from, but the topic lacks them", hint
        )
    waiting: dict[int, tuple[int, int]] = {}
    gaps: list[OffsetRange] = []
    for partition, extent in sorted(extents.items()):
        start = next_offsets.get(partition, extent.low)
        if start < extent.low:
            gaps.append(OffsetRange(partition, start, extent.low))
        if start > extent.high:
            raise LogShorterError(
                f"{topic} partition {partition}: recorded up to offset {start}, but the log ends "
                f"at {extent.high}",
                hint,
            )
        if extent.high > start:
            waiting[partition] = (start, extent.high - start)
    if gaps:
        raise LogGapError(
            f"{topic} {spoken(gaps)} were never taken and the broker no longer holds them",
            hint=f"lost to retention; to continue after the gap: weir streams resume {topic} "
            "--accept",
            gaps=tuple(gaps),
        )
    total = sum(count for _, count in waiting.values())
    left = max_records
    ranges: list[OffsetRange] = []
    for index, (partition, (start, count)) in enumerate(waiting.items()):
        others = len(waiting) - index - 1
        share = count if total <= max_records else max(1, count * max_records // total)
        size = min(count, share, max(0, left - others) or min(1, left))
        if size:
            ranges.append(OffsetRange(partition, start, start + size))
            left -= size
    return tuple(ranges)


class Broker:
    """Asks the broker for the extents of topics; may be shared between their threads."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = settings.request_timeout_seconds
        self._admin = AdminClient(
            {
                "bootstrap.servers": settings.kafka_bootstrap,
                "socket.timeout.ms": int(self._timeout * 1000),
                "log_level": 0,
            }
        )
        self._partitions: dict[TopicName, tuple[float, list[int]]] = {}
        self._listing = threading.Lock()
        self._ends: dict[TopicName, dict[int, int]] = {}
        self._listed = float("-inf")

    @Retry(None, seconds=30, longest=2).on(may_pass).wraps
    def extents(self, topic: TopicName, *, low: bool = True) -> dict[int, Extent]:
        """What the log holds of a topic, per Kafka partition.

        Args:
            topic: the topic.
            low: also ask for the first offsets (else they are given as 0).

        Raises:
            KafkaException: the broker did not answer within half a minute, or has no such topic.
        """
        read, partitions = self._partitions.get(topic, (0.0, []))
        if not partitions or time.monotonic() - read > PARTITIONS_SECONDS:
            partitions = self._describe(topic)[1]
        highs = self._list(topic, partitions, OffsetSpec.latest())
        lows = self._list(topic, partitions, OffsetSpec.earliest()) if low else {}
        return {p: Extent(lows.get(p, 0), highs[p]) for p in partitions}

    def is_still(self, topic: TopicName, read: Mapping[int, int], within: float) -> bool:
        """Whether a topic's log ends exactly where it was read to, by one listing of all topics.

        Many quiet topics cost one request then, not one each. False where that cannot be said:
        :meth:`extents` asks for the topic alone.

        Args:
            topic: one whose extents were asked for before.
            read: where each partition was read to; one that is not named, to its beginning.
            within: seconds that the listing may be old.
        """
        described, partitions = self._partitions.get(topic, (float("-inf"), []))
        if time.monotonic() - described > PARTITIONS_SECONDS:
            return False
        wanted = {partition: read.get(partition, 0) for partition in partitions}
        with self._listing:
            if time.monotonic() - self._listed > within:
                self._ends = self._list_all()
                self._listed = time.monotonic()
            return self._ends.get(topic) == wanted

    @Retry(None, seconds=30, longest=2).on(may_pass).wraps
    def topic_id(self, topic: TopicName) -> str | None:
        """The id that Kafka gave the topic when it was made; None where brokers give none.

        Raises:
            KafkaException: the broker did not answer within half a minute, or has no such topic.
        """
        return self._describe(topic)[0]

    def _describe(self, topic: TopicName) -> tuple[str | None, list[int]]:
        wanted = TopicCollection([str(topic)])
        futures = self._admin.describe_topics(wanted, request_timeout=self._timeout)
        found = futures[str(topic)].result(timeout=self._timeout + 5)
        partitions = sorted(item.id for item in found.partitions)
        self._partitions[topic] = (time.monotonic(), partitions)
        identity = str(found.topic_id)
        return (None if identity == _NO_ID else identity), partitions

    def _list_all(self) -> dict[TopicName, dict[int, int]]:
        """Where the known topics end; those for which the broker has an answer."""
        names = {str(topic): topic for topic in list(self._partitions)}
        spec = OffsetSpec.latest()
        wanted = {
            TopicPartition(name, partition): spec
            for name, topic in names.items()
            for partition in self._partitions[topic][1]
        }
        found: dict[TopicName, dict[int, int]] = {}
        for place, future in self._asked(wanted).items():
            with suppress(KafkaException):
                offset = future.result(timeout=self._timeout).offset
                found.setdefault(names[place.topic], {})[place.partition] = offset
        return found

    def _asked(self, wanted: dict[TopicPartition, OffsetSpec]) -> dict[TopicPartition, Any]:
        asked: dict[TopicPartition, Any] = self._admin.list_offsets(
            wanted,
            request_timeout=self._timeout,
            isolation_level=IsolationLevel.READ_COMMITTED,
        )
        return asked

    def _list(self, topic: TopicName, partitions: list[int], spec: OffsetSpec) -> dict[int, int]:
        futures = self._asked({TopicPartition(str(topic), p): spec for p in partitions})
        found = {
            item.partition: future.result(timeout=self._timeout).offset
            for item, future in futures.items()
        }
        if unknown := [partition for partition, offset in found.items() if offset < 0]:
            # A broker that is coming up answers for the topic before it leads its partitions.
            raise KafkaException(
                KafkaError(
                    KafkaError.LEADER_NOT_AVAILABLE,
                    f"{topic}: the broker does not know the offsets of partitions {unknown} yet",
                )
            )
        return found
