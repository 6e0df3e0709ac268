"""Makes the broker and the registry ready for the contracts."""

from __future__ import annotations

from collections.abc import Iterable

from platform_assets.connectors import topics
from platform_assets.connectors.registry import SchemaRegistry
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings


def ensure_topics(settings: Settings, contracts: Iterable[Contract]) -> dict[TopicName, int]:
    """Create or update the contracts' topics and register their schemas; idempotent.

    Returns:
        The id of each topic's schema.

    Raises:
        WeirError: broker or registry do not answer, or refuse; says which and why.
    """
    contracts = list(contracts)
    registry = SchemaRegistry(settings)
    # Schemas first: an incompatible contract must not change the topic either.
    ids = {contract.topic: registry.register(contract) for contract in contracts}
    topics.ensure(settings, contracts)
    return ids
