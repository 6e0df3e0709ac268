"""Makes the broker and the registry ready for the contracts."""

from __future__ import annotations

import threading
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


class ReadyTopics:
    """Topics that were made ready, asked about once; safe to share between threads.

    For who sends again and again: after an error whoever uses it says :meth:`forget`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._ready: dict[TopicName, tuple[Contract, int]] = {}

    def ensure(self, contracts: Iterable[Contract]) -> dict[TopicName, int]:
        """The id of each topic's schema; see :func:`ensure_topics`, which is asked for the others.

        Raises:
            WeirError: broker or registry do not answer, or refuse.
        """
        wanted = {contract.topic: contract for contract in contracts}
        with self._lock:
            known = {
                topic: self._ready[topic][1]
                for topic, contract in wanted.items()
                if topic in self._ready and self._ready[topic][0] == contract
            }
        made = ensure_topics(
            self._settings, [one for topic, one in wanted.items() if topic not in known]
        ) if len(known) < len(wanted) else {}  # fmt: skip
        with self._lock:
            self._ready |= {topic: (wanted[topic], number) for topic, number in made.items()}
        return {**known, **made}

    def forget(self, names: Iterable[str]) -> None:
        """Ask about these topics again: something went wrong with them."""
        with self._lock:
            for name in names:
                self._ready.pop(TopicName.parse(name), None)
