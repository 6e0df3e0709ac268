"""Topics by contract: created, and brought up to the contract when it changes."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from platform_assets.connectors.kafka import (
    LARGEST_RECORD_BYTES,
    admin,
    may_pass,
    metadata,
    unreachable,
)
from platform_assets.contracts.model import Contract
from platform_assets.core.errors import WeirError
from platform_assets.core.retry import Retry
from platform_assets.core.settings import Settings

_HOUR_MS = 3_600_000


class TopicError(WeirError):
    """A topic cannot be made what its contract says."""


def topic_config(contract: Contract) -> dict[str, str]:
    """Broker settings of the contract's topic."""
    return {
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(contract.topic_policy.retention_hours * _HOUR_MS),
        "cleanup.policy": "delete",
    }


DEAD_LETTER_CONFIG = {
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "compact",
    # What is sent to it fits, whatever the broker's own default is.
    "max.message.bytes": str(LARGEST_RECORD_BYTES),
}
"""Broker settings of a dead-letter topic: one record for each source record, for ever."""


def ensure(settings: Settings, contracts: Iterable[Contract]) -> list[str]:
    """Create the contracts' topics and dead-letter topics, or bring them up to date.

    Returns:
        The topics that were created or changed.

    Raises:
        TopicError: a contract asks for fewer partitions than there are, or the broker refuses.
        BrokerUnreachableError: no broker answers in time.
    """
    client = admin(settings)
    existing = metadata(client, settings).topics
    changed: list[str] = []
    for contract in contracts:
        wanted = {
            str(contract.topic): (contract.topic_policy.partitions, topic_config(contract)),
            contract.topic.dead_letters: (1, DEAD_LETTER_CONFIG),
        }
        for name, (partitions, config) in wanted.items():
            if name in existing:
                count = len(existing[name].partitions)
                done = _update(
                    client,
                    settings,
                    contract,
                    name,
                    count=count,
                    partitions=partitions,
                    config=config,
                )
            else:
                done = _create(client, settings, name, partitions, config)
            if done:
                changed.append(name)
    return changed


def ensure_dead_letters(settings: Settings, contract: Contract) -> bool:
    """Create a contract's dead-letter topic where it is missing; whether it was.

    Raises:
        TopicError: the broker refuses.
        BrokerUnreachableError: no broker answers in time.
    """
    name = contract.topic.dead_letters
    return _create(admin(settings), settings, name, 1, DEAD_LETTER_CONFIG)


def _create(
    client: AdminClient, settings: Settings, name: str, partitions: int, config: dict[str, str]
) -> bool:
    topic = NewTopic(name, num_partitions=partitions, replication_factor=-1, config=config)
    try:
        _wait(settings, lambda: client.create_topics([topic], **_timeouts(settings)))
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        raise _refused(settings, name, error) from error
    return True


def _update(
    client: AdminClient,
    settings: Settings,
    contract: Contract,
    name: str,
    *,
    count: int,
    partitions: int,
    config: dict[str, str],
) -> bool:
    if count > partitions:
        raise TopicError(
            f"topic {name} has {count} partitions, contract {contract.path} asks for {partitions}: "
            "partitions can only grow",
            f"set partitions to {count} or more in the contract",
        )
    try:
        if count < partitions:
            grown = NewPartitions(name, partitions)
            _wait(settings, lambda: client.create_partitions([grown], **_timeouts(settings)))
        resource = ConfigResource(ResourceType.TOPIC, name)
        current = _wait(
            settings, lambda: client.describe_configs([resource], **_timeouts(settings))
        )
        wrong = {key: value for key, value in config.items() if current[key].value != value}
        if wrong:
            change = ConfigResource(
                ResourceType.TOPIC,
                name,
                incremental_configs=[
                    ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                    for key, value in wrong.items()
                ],
            )
            _wait(
                settings,
                lambda: client.incremental_alter_configs([change], **_timeouts(settings)),
            )
    except KafkaException as error:
        raise _refused(settings, name, error) from error
    return bool(wrong) or count < partitions


def _timeouts(settings: Settings) -> dict[str, Any]:
    return {"request_timeout": settings.request_timeout_seconds}


@Retry(longest=3).on(may_pass).wraps
def _wait(settings: Settings, call: Any) -> Any:
    """The single result of an admin call, retried while the broker says it is worth it."""
    futures: dict[Any, Future[Any]] = call()
    (future,) = futures.values()
    return future.result(timeout=settings.request_timeout_seconds + 5)


def _refused(settings: Settings, name: str, error: KafkaException) -> WeirError:
    if may_pass(error):
        return unreachable(settings, error)
    return TopicError(f"topic {name}: the broker refuses: {error.args[0].str()}")
