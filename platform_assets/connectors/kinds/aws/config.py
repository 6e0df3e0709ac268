"""What sources of Amazon Web Services say about account, streams, queues and tables."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from platform_assets.connectors.messages.model import MessageStream, Options
from platform_assets.connectors.seam.addresses import Peer, peers_of


class AwsConfig(Options):
    """Whose account, and where."""

    region: str
    """Of the service."""
    endpoint: str = ""
    """Address of what speaks the protocol elsewhere; that of AWS by default."""
    access_key: str = ""
    """Key id; without one the machine's own role or profile is used."""
    secret_key: str = ""
    """Name of the secret."""
    timeout_seconds: float = Field(default=30, gt=0, le=300)
    """Of a request."""

    def peers(self) -> list[Peer]:
        """What speaks the protocol elsewhere, where it is named."""
        return peers_of(self.endpoint, 443)


class DynamoStream(Options):
    """A table."""

    table: str
    """Its name."""
    changed: str = ""
    """An attribute that grows with each change of an item (a number or text); without one each
    read is of the whole table."""
    page_messages: int = Field(default=1000, ge=1, le=10_000)
    """Items that are committed together, at most."""


class KinesisStream(MessageStream):
    """A stream."""

    name: str
    """Its name."""
    start: Literal["earliest", "latest"] = "earliest"
    """Where a source without a cursor begins."""
    page_messages: int = Field(default=5000, ge=1, le=10_000)
    """Records of a shard that are committed together, at most."""
    page_milliseconds: int = Field(default=250, ge=200, le=60_000)
    """Between two requests for a shard; the service allows five a second to all its readers."""


class SqsStream(MessageStream):
    """A queue. Its visibility timeout must be longer than a page takes; 30 seconds are."""

    queue: str
    """Its name."""
    account: str = ""
    """Number of its account, where it is another one."""
    wait_seconds: int = Field(default=5, ge=1, le=20)
    """Of a request that finds no message; a stop is obeyed after it. Requests cost money."""
    page_messages: int = Field(default=500, ge=1, le=10_000)
    """Messages that are committed together, at most."""
