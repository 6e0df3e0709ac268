"""How Weir talks to the broker: client settings, and which of its errors may pass."""

from __future__ import annotations

import logging
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata  # type: ignore[attr-defined]

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings

_LOG = logging.getLogger("weir.kafka")
_LOG.addHandler(logging.NullHandler())
_CONNECT_SECONDS = 10.0

LARGEST_RECORD_BYTES = 1_048_000
"""Key and value of a record that Weir sends, at most: what a broker takes by default, less the
framing. Records of other producers may be larger; they are read whatever their size."""

MAY_PASS = frozenset(
    {
        # The client's own: no broker was reached, or none answered in time.
        KafkaError._TRANSPORT,
        KafkaError._RESOLVE,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._QUEUE_FULL,
        KafkaError._ISR_INSUFF,
        KafkaError._NODE_UPDATE,
        KafkaError._WAIT_COORD,
        KafkaError._WAIT_CACHE,
        KafkaError._IN_PROGRESS,
        KafkaError._PREV_IN_PROGRESS,
        KafkaError._INTR,
        KafkaError._PARTIAL,
        KafkaError._RETRY,
        KafkaError._DESTROY_BROKER,
        # No partition has a leader yet: a broker that has just started.
        KafkaError._NOENT,
        # What the client knows of topics may be older than the topic, or than its partitions.
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        # The protocol's, where it calls them retriable: brokers that start, stop or hand over.
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        KafkaError.NOT_CONTROLLER,
        KafkaError.CONCURRENT_TRANSACTIONS,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.FETCH_SESSION_ID_NOT_FOUND,
        KafkaError.INVALID_FETCH_SESSION_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.PREFERRED_LEADER_NOT_AVAILABLE,
        KafkaError.ELIGIBLE_LEADERS_NOT_AVAILABLE,
        KafkaError.UNSTABLE_OFFSET_COMMIT,
        KafkaError.THROTTLING_QUOTA_EXCEEDED,
        KafkaError.UNKNOWN_TOPIC_ID,
        KafkaError.REBOOTSTRAP_REQUIRED,
    }
)
"""Codes of errors after which the same request may succeed. Every other code is an answer: asked
again, the broker (or the client) says the same. The client's own ``retriable()`` does not tell:
it is set for transactions only."""


def may_pass(error: BaseException | KafkaError) -> bool:
    """Whether an error of Kafka's client is one of reaching a broker, not an answer of it."""
    told = error.args[0] if isinstance(error, KafkaException) and error.args else error
    return isinstance(told, KafkaError) and not told.fatal() and told.code() in MAY_PASS


class BrokerUnreachableError(WeirError):
    """No broker answered in time."""


class BrokerRefusedError(WeirError):
    """The broker answered, and its answer will be the same next time."""


def client_config(settings: Settings) -> dict[str, Any]:
    """Settings of any client; its log lines go to the logger ``weir.kafka``.

    Without a logger of its own the library repeats each refused connection on the terminal.
    """
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
        "client.id": "weir",
        "socket.connection.setup.timeout.ms": 5000,
        "reconnect.backoff.max.ms": 2000,
        "logger": _LOG,
        # Without a propagating handler Python's last resort would print these at WARNING.
        "log_level": 4,
    }


def admin(settings: Settings) -> AdminClient:
    """An admin client; it connects at its first request."""
    return AdminClient(client_config(settings))


def metadata(client: AdminClient, settings: Settings) -> ClusterMetadata:
    """The cluster's topics and brokers; a bounded way to learn whether it is there.

    Raises:
        BrokerUnreachableError: no broker answered within ten seconds.
        BrokerRefusedError: one answered that it will not say.
    """
    try:
        return client.list_topics(timeout=min(_CONNECT_SECONDS, settings.request_timeout_seconds))
    except KafkaException as error:
        if not may_pass(error):
            raise BrokerRefusedError(
                f"Kafka at {settings.kafka_bootstrap} refuses: {error.args[0].str()}",
                "see WEIR_KAFKA_BOOTSTRAP and what this user may do there",
            ) from error
        raise unreachable(settings, error) from error


def unreachable(settings: Settings, error: Exception) -> BrokerUnreachableError:
    """The error of a broker that does not answer."""
    reason = error.args[0].str() if isinstance(error, KafkaException) else str(error)
    return BrokerUnreachableError(
        f"Kafka at {settings.kafka_bootstrap} does not answer: {reason}",
        "start the servers with `weir up`, see `weir status` and `weir logs kafka`",
    )
