"""How Weir talks to the broker: client settings, and the errors of not reaching it."""

from __future__ import annotations

import logging
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata  # type: ignore[attr-defined]

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings

_LOG = logging.getLogger("weir.kafka")
_LOG.addHandler(logging.NullHandler())
_CONNECT_SECONDS = 10.0


class BrokerUnreachableError(WeirError):
    """No broker answered in time."""


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
    """
    try:
        return client.list_topics(timeout=min(_CONNECT_SECONDS, settings.request_timeout_seconds))
    except KafkaException as error:
        raise unreachable(settings, error) from error


def unreachable(settings: Settings, error: Exception) -> BrokerUnreachableError:
    """The error of a broker that does not answer."""
    reason = error.args[0].str() if isinstance(error, KafkaException) else str(error)
    return BrokerUnreachableError(
        f"Kafka at {settings.kafka_bootstrap} does not answer: {reason}",
        "start the servers with `weir up`, see `weir status` and `weir logs kafka`",
    )
