"""What a source of another Kafka says about its brokers and topics."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from platform_assets.connectors.messages.model import Options, Paged
from platform_assets.connectors.seam.addresses import Peer, peers_of


class KafkaConfig(Options):
    """Where the cluster is."""

    bootstrap: str
    """Brokers, as `host:port,host:port`."""
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    """How it is spoken to."""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    """Of SASL."""
    user: str = ""
    """Of SASL."""
    password: str = ""
    """Name of the secret."""
    ca_file: str = ""
    """Certificates that are trusted; the system's by default."""
    registry: str = ""
    """Address of the schema registry, for Avro."""
    registry_user: str = ""
    """User of the registry."""
    registry_password: str = ""
    """Name of the secret."""

    def peers(self) -> list[Peer]:
        """Brokers and registry. The brokers that these name are not looked at."""
        return [*peers_of(self.bootstrap, 9092), *peers_of(self.registry, 443)]


class EventHubsConfig(Options):
    """A namespace of Azure Event Hubs; its hubs are topics of Kafka's protocol."""

    namespace: str = Field(pattern=r"^[A-Za-z0-9.-]+$")
    """Its host: `shop.servicebus.windows.net`."""
    connection_string: str
    """Name of the secret: the connection string of a policy that may listen."""

    def peers(self) -> list[Peer]:
        """The namespace."""
        return [(self.namespace, 9093)]


class KafkaStream(Paged):
    """A topic."""

    topic: str
    """Its name."""
    format: Literal["json", "text", "avro"] = "json"
    """Of the values: JSON objects, text in column `value`, or Avro framed by the registry."""
    start: Literal["earliest", "latest"] = "earliest"
    """Where a source without a cursor begins."""
    lost: Literal["refuse", "skip"] = "refuse"
    """Where the cluster deleted records before they were read: say so and stop, or go on."""
