"""ActiveMQ Artemis of a test's own, on loopback: AMQP 1.0 over TCP and WebSocket.

Belongs here: starting and sending. Does not belong here: any test; how it is configured
(:mod:`platform_assets.local.artemis`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from azure.servicebus._pyamqp import SendClient
from azure.servicebus._pyamqp.authentication import SASLPlainAuth
from azure.servicebus._pyamqp.message import Header, Message, Properties

from platform_assets.core.settings import Settings
from platform_assets.local import fetch
from platform_assets.local.artemis import NAME, command, write_config
from tests.connectors.servers import Server
from tests.ports import free_port_base

USER, PASSWORD = "weir", "s3cret"

_ADDRESSES = """<address-setting match="#"><auto-create-addresses>false</auto-create-addresses>
<auto-create-queues>false</auto-create-queues></address-setting>
<address-setting match="queue.#"><auto-create-addresses>true</auto-create-addresses>
<auto-create-queues>true</auto-create-queues><auto-delete-queues>false</auto-delete-queues>
<auto-delete-addresses>false</auto-delete-addresses>
<default-queue-routing-type>ANYCAST</default-queue-routing-type>
<default-address-routing-type>ANYCAST</default-address-routing-type></address-setting>"""


class Artemis(Server):
    """A running broker; queues ``queue.…`` come to be when they are first used."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        port, config, data = free_port_base(), folder / "etc", folder / "data"
        write_config(config, data, port, "AMQP", _ADDRESSES, (USER, PASSWORD))
        super().__init__(command(settings, config, data), port, folder / "log")

    def send(self, address: str, *bodies: bytes, **properties: Any) -> None:
        """Send messages, each with an id of its own unless one is given."""
        auth = SASLPlainAuth(USER, PASSWORD)
        where = f"127.0.0.1:{self.port}"
        with SendClient(where, address, auth=auth, use_tls=False) as client:
            for body in bodies:
                named = Properties(**{"message_id": uuid.uuid4().hex, **properties})
                kept = Header(durable=True)
                client.send_message(Message(kept, properties=named, data=[body]), timeout=20)


@contextmanager
def artemis(settings: Settings, folder: Path) -> Iterator[Artemis]:
    """A broker with its data below ``folder``."""
    fetch.ensure([NAME], cache=settings.cache)
    server = Artemis(settings, folder)
    try:
        server.start(120)
        yield server
    finally:
        server.stop()
