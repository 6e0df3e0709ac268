"""Mosquitto, the MQTT broker to which the made-up sensors of ``weir run --sources`` publish.

It is Debian's: nothing that Weir fetches has a broker that keeps its messages through a restart.
"""

from __future__ import annotations

import os
import shutil
import socket

from platform_assets.core.errors import WeirError
from platform_assets.core.files import write_file
from platform_assets.core.settings import LOOPBACK, Settings
from platform_assets.local.model import Server, config_dir, data_dir

NAME = "mosquitto"
INSTALL = "apt-get install -y mosquitto"

# Debian's folder of servers is not on everybody's PATH.
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
# MQTT 3.1.1: CONNECT with a clean session and no name; CONNACK, accepted.
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x05\x00\x00"
_ACCEPTED = b"\x20\x02\x00\x00"


def program() -> str | None:
    """The broker's path; None where it is not installed."""
    return shutil.which(NAME, path=os.pathsep.join((os.environ.get("PATH", ""), *_PLACES)))


def port(settings: Settings) -> int:
    """Where it listens, without TLS or password: loopback alone reaches it."""
    return settings.port_base + 15


def server(settings: Settings) -> Server:
    """The catalogue's entry."""
    config = config_dir(settings, NAME) / "mosquitto.conf"
    return Server(
        name=NAME,
        version="2",
        command=(program() or NAME, "-c", str(config)),
        ports=(port(settings),),
        probe=lambda: _answers(settings),
        folder=settings.home,
        prepare=lambda: _prepare(settings),
        scheme="mqtt",
        timeout=30,
        memory_mb=10,
    )


def _prepare(settings: Settings) -> None:
    if program() is None:
        raise WeirError("mosquitto is not installed", INSTALL)
    data = data_dir(settings, NAME)
    data.mkdir(parents=True, exist_ok=True)
    write_file(
        config_dir(settings, NAME) / "mosquitto.conf",
        f"listener {port(settings)} {LOOPBACK}\n"
        "allow_anonymous true\n"
        f"persistence true\npersistence_location {data}/\n"
        # As root it would become another user, to whom the home is closed.
        "user root\nlog_dest stderr\n",
    )


def _answers(settings: Settings) -> bool:
    with socket.create_connection((LOOPBACK, port(settings)), timeout=5) as connection:
        connection.sendall(_CONNECT)
        return connection.recv(len(_ACCEPTED)) == _ACCEPTED
