"""Shared partition definitions: windows of micro-batches."""

from __future__ import annotations

from functools import cache

from dagster import DynamicPartitionsDefinition

from platform_assets.core.naming import TopicName


@cache
def window_partitions(topic: TopicName) -> DynamicPartitionsDefinition:
    """The windows of a topic; a stream run adds a key when it opens a window."""
    return DynamicPartitionsDefinition(name=topic.partitions_name)
