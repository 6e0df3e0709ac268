"""One connection to a broker: what arrives, and what it is told when that is in the log.

The session outlives the connection, and so does what was not acknowledged: the broker gives it
again to the next one. So a connection that is lost is not repaired but opened again.

The reader's own thread drives the network, through paho's calls for foreign loops: a second thread
would take turns with it for each message. While rows are on their way to Kafka nothing is read, so
the broker holds back; one that hears nothing for longer than it waits ends the connection.
"""

from __future__ import annotations

import select
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from platform_assets.connectors.kinds.mqtt.config import MqttConfig
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    SourceAwayError,
    SourceRefusedError,
)
from platform_assets.core.secrets import read_secret

if TYPE_CHECKING:
    from paho.mqtt.client import Client

_REFUSED = frozenset({134, 135, 138, 140})
"""Bad user or password, not authorized, banned, bad authentication method."""
_FAILED = 128
_AT_ONCE = 500
"""Packets that are read before the clock is looked at again."""
_FLUSH_SECONDS = 5.0


class Message(NamedTuple):
    """A message as it came.

    Attributes:
        mid: under which it is acknowledged; 0 at QoS 0.
        retained: the broker had kept it, and it may be old.
    """

    topic: str
    payload: bytes
    mid: int
    qos: int
    retained: bool
    received: datetime


class Connection:
    """A connection with a persistent session; use as a context manager.

    Args:
        config: of the broker.
        source: for errors.
        client: name at the broker.
        topics: filters; none for a connection that only looks, without a session.
        unacknowledged: messages that may be, at most.
    """

    def __init__(
        self,
        config: MqttConfig,
        source: str,
        client: str,
        topics: Sequence[str] = (),
        unacknowledged: int = 20,
    ) -> None:
        self._config, self._topics, self._most = config, tuple(topics), unacknowledged
        self._where = f"source {source}: {config.host}:{config.address[1]}"
        self._messages: deque[Message] = deque()
        self._error: ConnectorError | None = None
        self._ready = False
        self._client = self._made(client)

    def __enter__(self) -> Connection:
        """Connect and subscribe.

        Raises:
            SourceRefusedError: the broker refuses the user, or a topic.
            SourceAwayError: it does not answer.
            ConnectorError: its certificate is none that is trusted.
        """
        config = self._config
        try:
            self._client.connect(
                *config.address, keepalive=config.keepalive_seconds, **self._session()
            )
        except ssl.SSLError as error:
            raise ConnectorError(
                f"{self._where}: no TLS: {error.reason or error}",
                "check `tls`, `port`, `ca_file` and the certificate of the broker",
            ) from error
        except OSError as error:
            raise self._away(str(error.strerror or error)) from error
        self._turn(lambda: self._ready, config.timeout_seconds)
        if self._ready and self._error is None:
            return self
        error_ = self._error or self._away(f"no answer in {config.timeout_seconds:g} s")
        self.close()
        raise error_

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection, not the session."""
        self._tell(self._away("this side has ended the connection"))
        self._ready = False
        self._flush()
        self._client.disconnect()
        self._flush()

    def take(self, most: int, linger: float, patience: float) -> list[Message]:
        """Messages, oldest first.

        Args:
            most: so many at most.
            linger: seconds to wait for more once there is one.
            patience: seconds to wait for the first.

        Raises:
            ConnectorError: the connection is lost; the broker gives again what was not
                acknowledged.
        """
        self._turn(lambda: bool(self._messages), patience)
        if self._messages:
            self._turn(lambda: len(self._messages) >= most, linger)
        if self._error is not None:
            raise self._error
        return [self._messages.popleft() for _ in range(min(most, len(self._messages)))]

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """They are in the log: the broker may forget them."""
        for one in messages:
            if one.qos:
                self._client.ack(one.mid, one.qos)
        self._flush()

    def _turn(self, done: Callable[[], bool], seconds: float) -> None:
        """Read and write until ``done``, an error, or so many seconds have passed."""
        client, end = self._client, time.monotonic() + seconds
        while not done() and self._error is None:
            left = end - time.monotonic()
            if not self._wait(max(0.0, left)) and left <= 0:
                return
            for _ in range(_AT_ONCE):
                known = len(self._messages)
                client.loop_read()
                if len(self._messages) == known:
                    break
            client.loop_misc()
            if client.socket() is None:
                # Said before, with its reason, where the broker said one.
                self._tell(self._away("the connection ended"))

    def _wait(self, seconds: float) -> bool:
        """Write what waits, and see whether there is something to read, now or in time."""
        client = self._client
        if client.want_write():
            client.loop_write()
        connection = client.socket()
        if connection is None:
            return True
        # TLS may hold a packet that the socket has given up already.
        if getattr(connection, "pending", int)():
            return True
        poll = select.poll()
        poll.register(connection, select.POLLIN | (select.POLLOUT if client.want_write() else 0))
        return bool(poll.poll(1000 * seconds))

    def _flush(self) -> None:
        """Write what waits; a broker that takes nothing for seconds is left to the next turn."""
        client, end = self._client, time.monotonic() + _FLUSH_SECONDS
        while client.want_write() and time.monotonic() < end:
            client.loop_write()
            if (connection := client.socket()) is None:
                return
            if client.want_write():
                poll = select.poll()
                poll.register(connection, select.POLLOUT)
                poll.poll(1000)

    def _made(self, name: str) -> Client:
        from paho.mqtt.client import Client, MQTTv5, MQTTv311
        from paho.mqtt.enums import CallbackAPIVersion

        config = self._config
        five = config.protocol == "5"
        more: dict[str, Any] = {} if five else {"clean_session": not self._topics}
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=name,
            protocol=MQTTv5 if five else MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
            **more,
        )
        client.connect_timeout = config.timeout_seconds
        if config.user:
            client.username_pw_set(
                config.user, read_secret(config.password) if config.password else None
            )
        if config.tls:
            try:
                context = ssl.create_default_context(cafile=config.ca_file or None)
                if config.certificate_file:
                    context.load_cert_chain(config.certificate_file, config.key_file)
            except (OSError, ssl.SSLError) as error:
                raise ConnectorError(
                    f"{self._where}: certificates cannot be read: {error}",
                    "check `ca_file`, `certificate_file` and `key_file`",
                ) from error
            client.tls_set_context(context)
        # With it, packets wait for the loop here instead of going out one by one.
        client.on_socket_register_write = lambda *_: None
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._arrived
        return client

    def _session(self) -> dict[str, Any]:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        if self._config.protocol != "5":
            return {}
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = self._config.session_seconds if self._topics else 0
        properties.ReceiveMaximum = min(self._most, 65_535)
        return {"clean_start": not self._topics, "properties": properties}

    def _connected(self, client: Client, _: Any, __: Any, reason: Any, ___: Any) -> None:
        if reason.is_failure:
            kind = SourceRefusedError if reason.value in _REFUSED else SourceAwayError
            hint = "check `user`, the secret and its rights at the broker"
            self._tell(kind(f"{self._where} refuses: {reason}", hint))
        elif not self._topics:
            self._tell(None)
        elif self._config.protocol == "5":
            from paho.mqtt.subscribeoptions import SubscribeOptions

            # What a broker retains is given when a subscription is new, not at each connection.
            options = SubscribeOptions(qos=1, retainHandling=1)
            client.subscribe([(one, options) for one in self._topics])
        else:
            client.subscribe([(one, 1) for one in self._topics])

    def _subscribed(self, _: Client, __: Any, ___: int, reasons: list[Any], ____: Any) -> None:
        for topic, reason in zip(self._topics, reasons, strict=False):
            if reason.value >= _FAILED:
                hint = "check the user's rights at the broker"
                message = f"{self._where} refuses topic {topic}: {reason}"
                self._tell(SourceRefusedError(message, hint))
                return
        self._tell(None)

    def _disconnected(self, _: Client, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        self._tell(self._away(f"the connection ended: {reason}"))

    def _arrived(self, _: Client, __: Any, message: Any) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = message._topic.decode(errors="replace")
        self._messages.append(
            Message(
                topic, message.payload, message.mid, message.qos, message.retain, datetime.now(UTC)
            )
        )

    def _tell(self, error: ConnectorError | None) -> None:
        # The first one says why; that the connection then ended says less.
        self._error = self._error or error
        self._ready = self._ready or error is None

    def _away(self, why: str) -> SourceAwayError:
        return SourceAwayError(
            f"{self._where} does not answer: {why}", "it is tried again; its session keeps all"
        )
