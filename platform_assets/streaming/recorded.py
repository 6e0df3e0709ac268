"""Micro-batches as the ledger recorded them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from platform_assets.core.databases import Connection
from platform_assets.core.naming import TopicName
from platform_assets.engines.base import MicroBatch, OffsetRange
from platform_assets.streaming.schemas import meanings_of


def batches_of(connection: Connection, topic: TopicName, ids: Sequence[int]) -> list[MicroBatch]:
    """Micro-batches by id, in order; unknown ids are left out."""
    rows: list[tuple[Any, ...]] = connection.execute(
        """SELECT id, kafka_partition, start_offset, end_offset, watermark_before, generation
           FROM micro_batch_range WHERE topic = %s AND id = ANY(%s)
           ORDER BY id, kafka_partition""",
        (str(topic), list(ids)),
    ).fetchall()
    ranges: dict[int, list[OffsetRange]] = {}
    watermarks: dict[int, dict[int, datetime]] = {}
    generations: dict[int, int] = {}
    meanings = meanings_of(connection, topic, ids)
    for batch_id, partition, start, end, watermark, generation in rows:
        generations[batch_id] = generation
        ranges.setdefault(batch_id, []).append(OffsetRange(partition, start, end))
        if watermark is not None:
            watermarks.setdefault(batch_id, {})[partition] = watermark
    return [
        MicroBatch(
            batch_id,
            tuple(items),
            watermarks.get(batch_id, {}),
            generations[batch_id],
            meanings[batch_id],
        )
        for batch_id, items in sorted(ranges.items())
    ]
