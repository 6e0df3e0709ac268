"""What a source of NATS says about its servers and streams."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from platform_assets.connectors.messages.model import MessageStream, Options
from platform_assets.connectors.seam.addresses import Peer, peers_of


class NatsConfig(Options):
    """Where the servers are."""

    servers: str
    """Addresses, as `nats://host:4222,nats://host:4222`, without a password."""
    user: str = ""
    """Of the account; with `password`."""
    password: str = ""
    """Name of the secret."""
    token: str = ""
    """Name of the secret, where the servers take a token."""
    credentials_file: str = ""
    """Path of a credentials file (JWT and seed), where the servers take one."""
    timeout_seconds: float = Field(default=10, gt=0, le=120)
    """Of a connection and of a request."""

    def peers(self) -> list[Peer]:
        """The servers. Others of their cluster are not looked at."""
        return peers_of(self.servers, 4222)


class NatsStream(MessageStream):
    """A stream of JetStream."""

    name: str
    """Its name."""
    subject: str = ""
    """Only messages of this subject; may have wildcards."""
    durable: str = ""
    """Name of a consumer on the server that keeps the place, instead of the cursor."""
    lost: Literal["refuse", "skip"] = "refuse"
    """Where messages were deleted before they were read: say so and stop, or go on."""
