"""Where an AMQP 1.0 broker is, and who asks it; the presets' shorter ways to say so."""

from __future__ import annotations

from pydantic import Field, model_validator

from platform_assets.connectors.http.auth import ClientCredentials
from platform_assets.connectors.messages.model import MessageStream, Options


class AmqpConfig(Options):
    """A broker."""

    host: str
    """Its name or address."""
    port: int = Field(default=5671, ge=1, le=65_535)
    """Of AMQP over TLS; 5672 usually without, 443 over WebSocket."""
    tls: bool = True
    """Whether it is spoken to over TLS, with the certificates that the system trusts."""
    websocket: str = Field(default="", pattern=r"^(/.*)?$")
    """Path of the WebSocket that AMQP goes through; empty: it goes over TCP."""
    user: str = ""
    """Who asks (SASL PLAIN); empty: nobody in particular (SASL ANONYMOUS)."""
    password: str = ""
    """Name of the secret."""
    oauth: ClientCredentials | None = None
    """Whose token the WebSocket is opened with."""
    timeout_seconds: float = Field(default=20, gt=0, le=120)
    """Of a connection and of a request."""

    @model_validator(mode="after")
    def _consistent(self) -> AmqpConfig:
        if bool(self.user) != bool(self.password):
            raise ValueError("expected `user` and `password`, or neither")
        if self.oauth is not None and not self.websocket:
            raise ValueError("expected `websocket` with `oauth`: its token is a header of HTTP")
        return self


class AmqpStream(MessageStream):
    """A queue, or a subscription of a topic; it is made by whoever sends."""

    address: str = Field(min_length=1)
    """Its name at the broker: `orders`, `orders/Subscriptions/weir`, `queue:shop/orders`."""
    page_messages: int = Field(default=500, ge=1, le=5000)
    """Messages that are committed together, at most; the broker is given credit for so many."""


class ServiceBusConfig(Options):
    """A namespace of Azure Service Bus, by a shared access key."""

    namespace: str = Field(pattern=r"^[\w.-]+$")
    """Its name, or its whole host."""
    key_name: str = "RootManageSharedAccessKey"
    """Name of the key: one with the right to listen."""
    key: str
    """Name of the secret."""
    websocket: bool = False
    """Over WebSocket and port 443, where a firewall lets nothing else through."""
    timeout_seconds: float = Field(default=20, gt=0, le=120)
    """Of a connection and of a request."""

    def amqp(self) -> AmqpConfig:
        """The broker."""
        host = (
            self.namespace if "." in self.namespace else f"{self.namespace}.servicebus.windows.net"
        )
        return AmqpConfig(
            host=host,
            port=443 if self.websocket else 5671,
            websocket="/$servicebus/websocket/" if self.websocket else "",
            user=self.key_name,
            password=self.key,
            timeout_seconds=self.timeout_seconds,
        )


class EventMeshConfig(Options):
    """A message client of SAP Event Mesh: what its service key says of protocol `amqp10ws`."""

    uri: str = Field(pattern=r"^wss://[\w.-]+(:\d+)?/[\w./-]*$")
    """`uri` of the service key: `wss://enterprise-messaging-….hana.ondemand.com/protocols/amqp10ws`."""
    token_url: str = Field(pattern=r"^https?://")
    """`oa2.tokenendpoint` of the service key."""
    client_id: str
    """`oa2.clientid` of the service key."""
    client_secret: str
    """Name of the secret: `oa2.clientsecret`."""
    timeout_seconds: float = Field(default=20, gt=0, le=120)
    """Of a connection and of a request."""

    def amqp(self) -> AmqpConfig:
        """The broker."""
        from urllib.parse import urlsplit

        parts = urlsplit(self.uri)
        oauth = ClientCredentials(
            kind="client_credentials",
            token_url=self.token_url,
            client_id=self.client_id,
            client_secret=self.client_secret,
        )
        return AmqpConfig(
            host=parts.hostname or "",
            port=parts.port or 443,
            websocket=parts.path,
            oauth=oauth,
            timeout_seconds=self.timeout_seconds,
        )
