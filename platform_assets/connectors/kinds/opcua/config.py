"""What a source of OPC UA says about its server and nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from platform_assets.connectors.messages.model import Options
from platform_assets.connectors.seam.addresses import Peer, peers_of


class OpcuaConfig(Options):
    """Where the server is."""

    url: str = Field(pattern=r"^opc\.tcp://[^@]+$")
    """Its address: `opc.tcp://plant:4840`, without a password."""
    user: str = ""
    """Who asks."""
    password: str = ""
    """Name of the secret."""
    security: Literal["none", "sign", "sign_and_encrypt"] = "none"
    """Of the channel, by Basic256Sha256."""
    certificate: str = ""
    """Path of the client's certificate, where the channel is signed."""
    private_key: str = ""
    """Path of its key."""
    timeout_seconds: float = Field(default=10, gt=0, le=120)
    """Of a connection and of a request."""

    def peers(self) -> list[Peer]:
        """The server."""
        return peers_of(self.url, 4840)


class OpcuaStream(Options):
    """Nodes that are sampled together."""

    nodes: Sequence[str] = Field(min_length=1)
    """Their ids: `ns=2;s=Boiler.Temperature`."""
    every_milliseconds: int = Field(default=1000, ge=50, le=3_600_000)
    """Between two samples. What changes and changes back in between is not seen."""
