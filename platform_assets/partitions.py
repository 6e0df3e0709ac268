"""Shared partition definitions: windows of micro-batches.

Belongs here: how the ledger's windows appear in Dagster. Does not belong here: which
micro-batches a window holds (``streaming/windows.py``). Next room: automation.
"""

from __future__ import annotations

from functools import cache

from dagster import DynamicPartitionsDefinition

from platform_assets.naming import TopicName


@cache
def window_partitions(topic: TopicName) -> DynamicPartitionsDefinition:
    """The windows of a topic; a stream run adds a key when it opens a window."""
    return DynamicPartitionsDefinition(name=topic.partitions_name)
