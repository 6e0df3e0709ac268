"""Makes the broker and the registry ready for the contracts.

Belongs here: topics and schemas together, as every producer and every stream run needs
them. Does not belong here: either of them alone (:mod:`.topics`, :mod:`.registry`).
"""

from __future__ import annotations

from collections.abc import Iterable

from platform_assets.connectors import topics
from platform_assets.connectors.registry import Registry
from platform_assets.contracts.model import Contract
from platform_assets.naming import TopicName
from platform_assets.settings import Settings


def ensure_topics(settings: Settings, contracts: Iterable[Contract]) -> dict[TopicName, int]:
    """Create or update the contracts' topics and register their schemas; idempotent.

    Returns:
        The id of each topic's schema.

    Raises:
        WeirError: broker or registry do not answer, or refuse; says which and why.
    """
    contracts = list(contracts)
    registry = Registry(settings)
    # Schemas first: an incompatible contract must not change the topic either.
    ids = {contract.topic: registry.register(contract) for contract in contracts}
    topics.ensure(settings, contracts)
    return ids
