"""A link over which messages come: connected, given credit, settled.

Belongs here: everything that knows the client library. It is the AMQP 1.0 client within
azure-servicebus, the only one that is a wheel and is kept up (ADR 0160). It is internal to that
package, so the lock pins it, and what is used of it is in this module.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from platform_assets.connectors.kinds.amqp.config import AmqpConfig
from platform_assets.connectors.messages.asking import Verdict

_POLL_SECONDS = 0.2
_IDLE_SECONDS = 120
_ATTACHED = 3
_REFUSED: Final = (b"amqp:unauthorized-access", b"com.microsoft:auth-failed")
_WRONG: Final = (
    b"amqp:not-found", b"amqp:not-allowed", b"amqp:not-implemented", b"amqp:invalid-field",
    b"amqp:precondition-failed", b"amqp:link:redirect", b"amqp:connection:redirect",
)  # fmt: skip


class LoginError(Exception):
    """The broker refuses who asks."""


@dataclass(frozen=True)
class Received:
    """A message with its place on the link.

    Attributes:
        number: of the delivery, within the link.
        tag: of the delivery.
        message: as the client library has it.
    """

    number: int
    tag: bytes
    message: Any


class Link:
    """One link to one address; used by one thread.

    Args:
        config: of the broker.
        at: the host's address that is connected to.
        address: of the queue or subscription.
        credit: messages that may be on their way, or not settled, at once.
        password: of SASL PLAIN.
        headers: of the WebSocket's opening.
    """

    def __init__(
        self,
        config: AmqpConfig,
        at: str,
        address: str,
        credit: int,
        password: str,
        headers: Mapping[str, str],
    ) -> None:
        self._config = config
        self._received: list[Received] = []
        sasl = _sasl(config, password)
        self._client = self._made(address, credit, sasl)
        self._connection = _connection(config, at, sasl, headers)
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    def take(self, count: int, seconds: float) -> Sequence[Received]:
        """At most so many messages, after so many seconds at the latest."""
        end = time.monotonic() + seconds
        while not self._received and time.monotonic() < end:
            # It reads up to so many frames that have come.
            if not self._client.do_work(batch=count):
                raise ConnectionError("the link has ended")
        taken, self._received = self._received[:count], self._received[count:]
        return taken

    def settle(self, deliveries: Sequence[Received]) -> None:
        """Accept them.

        Not every broker answers a settlement. Where one is lost with the connection, its messages
        come again.
        """
        for one in deliveries:
            self._client.settle_messages(one.number, one.tag, "accepted")
        # What fails on the way out is only kept until the next call.
        if self._connection._error is not None:
            raise self._connection._error

    def close(self) -> None:
        """End link and connection; what is not settled goes back to its queue."""
        try:
            self._client.close()
        finally:
            self._connection.close()

    def _made(self, address: str, credit: int, sasl: Any) -> Any:
        from azure.servicebus._pyamqp import ReceiveClient

        received = self._received_one

        class Client(ReceiveClient):  # type: ignore[misc]
            """Keeps the deliveries with the messages: they are settled by them."""

            def _message_received(self, frame: Any, message: Any) -> None:
                received(frame, message)

        return Client(
            self._config.host,
            address,
            auth=SimpleNamespace(sasl=sasl, auth_type=""),
            link_credit=credit,
            socket_timeout=_POLL_SECONDS,
            max_message_size=0,
        )

    def _received_one(self, frame: Any, message: Any) -> None:
        self._received.append(Received(frame[1], bytes(frame[2]), message))

    def _attach(self) -> None:
        client = self._client
        self._connection.open()
        client.open(connection=self._connection)
        end = time.monotonic() + self._config.timeout_seconds
        # The client calls a link ready whose address the broker does not know.
        while not (client.client_ready() and client._link.get_state().value == _ATTACHED):
            if time.monotonic() > end:
                raise TimeoutError(f"no link after {self._config.timeout_seconds:g} s")


def judge(error: BaseException) -> Verdict | None:
    """See :data:`~...messages.asking.Judge`."""
    from azure.servicebus._pyamqp.error import AMQPException

    if isinstance(error, LoginError):
        return Verdict.REFUSED
    if isinstance(error, AMQPException):
        condition = getattr(error.condition, "value", error.condition)
        if condition in _REFUSED:
            return Verdict.REFUSED
        return Verdict.WRONG if condition in _WRONG else Verdict.AWAY
    return Verdict.AWAY if isinstance(error, (OSError, TimeoutError)) else None


def _sasl(config: AmqpConfig, password: str) -> Any:
    from azure.servicebus._pyamqp.sasl import SASLAnonymousCredential, SASLPlainCredential

    if config.user:
        return SASLPlainCredential(config.user, password)
    return SASLAnonymousCredential()


def _connection(config: AmqpConfig, at: str, sasl: Any, headers: Mapping[str, str]) -> Any:
    from azure.servicebus._pyamqp import Connection
    from azure.servicebus._pyamqp.constants import TransportType

    made = _websocket if config.websocket else _tcp
    kind = TransportType.AmqpOverWebsocket if config.websocket else TransportType.Amqp
    return Connection(
        f"{'amqps' if config.tls else 'amqp'}://{config.host}:{config.port}",
        transport=made(config, at, sasl, headers),
        transport_type=kind,
        socket_timeout=_POLL_SECONDS,
        idle_timeout=_IDLE_SECONDS,
        use_tls=config.tls,
    )


def _tcp(config: AmqpConfig, at: str, sasl: Any, headers: Mapping[str, str]) -> Any:
    from azure.servicebus._pyamqp.sasl import SASLTransport

    del headers

    class Tcp(SASLTransport):  # type: ignore[misc]
        """Goes to the address; waits for the answer to a login for a while, not for ever."""

        def connect(self) -> None:
            self.host = at
            try:
                super().connect()
            finally:
                # Certificate and login are of the name.
                self.host = config.host

        def negotiate(self) -> None:
            self.sock.settimeout(config.timeout_seconds)
            _negotiated(self)
            self.sock.settimeout(_POLL_SECONDS)

    return Tcp(
        config.host,
        sasl,
        port=config.port,
        connect_timeout=config.timeout_seconds,
        socket_timeout=_POLL_SECONDS,
        ssl_opts={"context": ssl.create_default_context()},
        use_tls=config.tls,
    )


def _websocket(config: AmqpConfig, at: str, sasl: Any, headers: Mapping[str, str]) -> Any:
    import websocket
    from azure.servicebus._pyamqp.sasl import SASLWithWebSocket

    class Web(SASLWithWebSocket):  # type: ignore[misc]
        """Opened at the address, with headers, which the library's own cannot be."""

        def connect(self) -> None:
            scheme = "wss" if config.tls else "ws"
            opened = socket.create_connection((at, config.port), config.timeout_seconds)
            if config.tls:
                context = ssl.create_default_context()
                opened = context.wrap_socket(opened, server_hostname=config.host)
            try:
                self.sock = websocket.create_connection(
                    f"{scheme}://{config.host}:{config.port}{config.websocket}",
                    timeout=config.timeout_seconds,
                    subprotocols=["amqp"],
                    header=dict(headers),
                    skip_utf8_validation=True,
                    socket=opened,
                )
            except websocket.WebSocketBadStatusException as error:
                if error.status_code in (401, 403):
                    raise LoginError(f"it answers {error.status_code}") from error
                raise ConnectionError(f"it answers {error.status_code}") from error
            except websocket.WebSocketException as error:
                raise ConnectionError(str(error)) from error
            self.connected = True

        def negotiate(self) -> None:
            _negotiated(self)
            self.sock.settimeout(_POLL_SECONDS)

    return Web(config.host, sasl, port=config.port, socket_timeout=_POLL_SECONDS)


def _negotiated(transport: Any) -> None:
    try:
        transport._negotiate()
    except ValueError as error:
        # The only name that the library has for a refused login.
        raise LoginError(" ".join(str(error).split())) from error
    except TypeError:
        raise TimeoutError("the broker does not answer the login") from None
