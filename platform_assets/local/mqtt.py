"""Whether an MQTT broker of the local profile serves."""

from __future__ import annotations

import socket

from platform_assets.core.settings import LOOPBACK

# MQTT 3.1.1: CONNECT with a clean session and no name; CONNACK, accepted.
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x05\x00\x00"
_ACCEPTED = b"\x20\x02\x00\x00"


def answers(port: int) -> bool:
    """Whether the broker on this port of loopback accepts a client.

    Raises:
        OSError: nothing listens there.
    """
    with socket.create_connection((LOOPBACK, port), timeout=5) as connection:
        connection.sendall(_CONNECT)
        return connection.recv(len(_ACCEPTED)) == _ACCEPTED
