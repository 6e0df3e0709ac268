"""A Mosquitto of a test's own: on loopback, with a password, a persistent store, and TLS."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import certificate
from tests.connectors.servers import Server
from tests.ports import free_port_base

USER, PASSWORD = "weir", "the broker's password"
_PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin"


def program(name: str) -> str:
    """Where a program of Mosquitto is; without it the test is skipped."""
    found = shutil.which(name, path=_PLACES)
    if found is None:
        pytest.skip(f"no {name}: install Debian's package mosquitto")
    return found


class Mosquitto:
    """The broker.

    Attributes:
        port, tls_port: on loopback.
        ca_file: its own certificate.
    """

    def __init__(self, folder: Path, *, inflight: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port_base()
        self.tls_port = self.port + 1
        self.ca_file, key = certificate(folder)
        passwords = folder / "passwords"
        subprocess.run(
            [program("mosquitto_passwd"), "-b", "-c", str(passwords), USER, PASSWORD],
            check=True, capture_output=True, timeout=20,
        )  # fmt: skip
        for path in (passwords, key):
            path.chmod(0o600)
        more = f"max_inflight_messages {inflight}\n" if inflight else ""
        (folder / "acl").write_text(f"user {USER}\ntopic readwrite #\ntopic deny secret/#\n")
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\n"
            f"listener {self.tls_port} 127.0.0.1\n"
            f"certfile {self.ca_file}\nkeyfile {key}\n"
            f"allow_anonymous false\npassword_file {passwords}\nacl_file {folder / 'acl'}\n"
            f"persistence true\npersistence_location {folder}/\n"
            f"max_queued_messages 1000000\nmax_queued_bytes 0\n{more}"
            # As root it would become another user, who cannot read what is here.
            "user root\nlog_dest stderr\n"
        )
        command = [program("mosquitto"), "-c", str(folder / "mosquitto.conf")]
        self._server = Server(command, self.tls_port, folder / "log")

    @property
    def config(self) -> dict[str, Any]:
        """Of a source that reads it by TLS."""
        return {
            "host": "127.0.0.1",
            "port": self.tls_port,
            "ca_file": str(self.ca_file),
            "user": USER,
            "password": "MQTT_PASSWORD",
            "timeout_seconds": 5,
        }

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._server.start(20)

    def stop(self) -> None:
        """Stop it as a service manager does; it writes its store."""
        self._server.stop()

    def publish(self, messages: Sequence[tuple[str, bytes]], *, retain: bool = False) -> None:
        """See :func:`publish`."""
        publish(self.port, messages, retain=retain)


def publish(port: int, messages: Sequence[tuple[str, bytes]], *, retain: bool = False) -> None:
    """Publish at QoS 1 and wait until the broker has acknowledged all of them."""
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    client = Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(USER, PASSWORD)
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        sent = [client.publish(topic, body, 1, retain) for topic, body in messages]
        for one in sent:
            one.wait_for_publish(30)
            assert one.is_published()
    finally:
        client.disconnect()
        client.loop_stop()


@contextmanager
def mosquitto(folder: Path, **more: Any) -> Iterator[Mosquitto]:
    """A running broker."""
    made = Mosquitto(folder, **more)
    made.start()
    try:
        yield made
    finally:
        made.stop()
