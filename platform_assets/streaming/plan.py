"""What a micro-batch takes: exact offset ranges, bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from platform_assets.connectors.kafka import may_pass
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TopicName
from platform_assets.core.retry import Retry
from platform_assets.core.settings import Settings
from platform_assets.engines.base import OffsetRange


class LogGapError(WeirError):
    """Records that were never taken are gone from the log: lost by retention or re-creation."""


class LogShorterError(LogGapError):
    """The log ends before what was taken: for a moment after a broker's crash, or re-created."""


@dataclass(frozen=True)
class Extent:
    """First offset that the log holds, and the offset after its last."""

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
        LogShorterError: it ends before it.
    """
    waiting: dict[int, tuple[int, int]] = {}
    for partition, extent in sorted(extents.items()):
        start = next_offsets.get(partition, extent.low)
        if start < extent.low:
            raise LogGapError(
                f"{topic} partition {partition}: offsets {start} to {extent.low - 1} were never "
                f"taken and the broker no longer holds them",
                hint=f"lost to retention; to continue after the gap: weir streams resume {topic} "
                "--accept",
            )
        if start > extent.high:
            raise LogShorterError(
                f"{topic} partition {partition}: recorded up to offset {start}, but the log ends "
                f"at {extent.high}",
                hint="was the topic re-created? Restore it, or start with a fresh WEIR_HOME",
            )
        if extent.high > start:
            waiting[partition] = (start, extent.high - start)
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
    """Asks the broker for the extents of topics."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = settings.request_timeout_seconds
        self._admin = AdminClient(
            {
                "bootstrap.servers": settings.kafka_bootstrap,
                "socket.timeout.ms": int(self._timeout * 1000),
                "log_level": 0,
            }
        )
        self._partitions: dict[TopicName, list[int]] = {}

    @Retry(None, seconds=30, longest=2).on(may_pass).wraps
    def extents(self, topic: TopicName, *, low: bool = True) -> dict[int, Extent]:
        """What the log holds of a topic, per Kafka partition.

        Args:
            topic: the topic.
            low: also ask for the first offsets (else they are given as 0).

        Raises:
            KafkaException: the broker did not answer within half a minute, or has no such topic.
        """
        partitions = self._partitions.get(topic) or self._read_partitions(topic)
        highs = self._list(topic, partitions, OffsetSpec.latest())
        lows = self._list(topic, partitions, OffsetSpec.earliest()) if low else {}
        return {p: Extent(lows.get(p, 0), highs[p]) for p in partitions}

    def _read_partitions(self, topic: TopicName) -> list[int]:
        metadata = self._admin.list_topics(str(topic), timeout=self._timeout)
        found = metadata.topics[str(topic)]
        if found.error is not None:  # a topic made a moment ago may not be known yet
            raise KafkaException(found.error)
        self._partitions[topic] = sorted(found.partitions)
        return self._partitions[topic]

    def _list(self, topic: TopicName, partitions: list[int], spec: OffsetSpec) -> dict[int, int]:
        wanted = {TopicPartition(str(topic), p): spec for p in partitions}
        futures = self._admin.list_offsets(wanted, request_timeout=self._timeout)
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
