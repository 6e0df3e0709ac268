"""What a source of RabbitMQ says about its broker and queues."""

from __future__ import annotations

from pydantic import Field

from platform_assets.connectors.messages.model import MessageStream, Options


class RabbitConfig(Options):
    """Where the server is."""

    host: str
    """Its name or address."""
    port: int = Field(default=5672, ge=1, le=65_535)
    """Of AMQP; 5671 with TLS."""
    vhost: str = "/"
    """Its virtual host."""
    user: str = "guest"
    """Who asks."""
    password: str
    """Name of the secret."""
    tls: bool = False
    """Whether it is spoken to over TLS, with the certificates that the system trusts."""
    timeout_seconds: float = Field(default=10, gt=0, le=120)
    """Of a connection and of a request."""


class RabbitStream(MessageStream):
    """A queue; it is declared by whoever sends."""

    queue: str
    """Its name."""
    page_messages: int = Field(default=500, ge=1, le=30_000)
    """Messages that are committed together, at most; so many are fetched ahead."""
