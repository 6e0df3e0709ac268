"""ActiveMQ Artemis of a test's own, on loopback: AMQP 1.0 over TCP and WebSocket.

Belongs here: fetching, starting, sending. Does not belong here: any test.
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
from platform_assets.local.artifacts import read_manifest
from platform_assets.local.java import java
from tests.connectors.servers import Server
from tests.ports import free_port_base

USER, PASSWORD = "weir", "s3cret"

_BOOTSTRAP = f"""<broker xmlns="http://activemq.apache.org/schema">
<security-manager class-name=
  "org.apache.activemq.artemis.spi.core.security.ActiveMQBasicSecurityManager">
<property key="bootstrapUser" value="{USER}"/><property key="bootstrapPassword" value="{PASSWORD}"/>
<property key="bootstrapRole" value="all"/></security-manager>
<server configuration="file:{{folder}}/etc/broker.xml"/></broker>"""
_MANAGEMENT = '<management-context xmlns="http://activemq.apache.org/schema"/>'
_PERMISSIONS = "".join(
    f'<permission type="{kind}" roles="all"/>'
    for kind in ("createAddress", "createNonDurableQueue", "createDurableQueue", "send", "consume")
)
_BROKER = f"""<configuration xmlns="urn:activemq"><core xmlns="urn:activemq:core">
<persistence-enabled>true</persistence-enabled><journal-type>NIO</journal-type>
<journal-file-size>1M</journal-file-size><journal-pool-files>2</journal-pool-files>
<max-disk-usage>100</max-disk-usage>
<paging-directory>{{folder}}/data/paging</paging-directory>
<bindings-directory>{{folder}}/data/bindings</bindings-directory>
<journal-directory>{{folder}}/data/journal</journal-directory>
<large-messages-directory>{{folder}}/data/large</large-messages-directory>
<acceptors><acceptor name="amqp">tcp://127.0.0.1:{{port}}?protocols=AMQP</acceptor></acceptors>
<security-settings><security-setting match="#">{_PERMISSIONS}</security-setting></security-settings>
<address-settings><address-setting match="#"><auto-create-addresses>false</auto-create-addresses>
<auto-create-queues>false</auto-create-queues></address-setting>
<address-setting match="queue.#"><auto-create-addresses>true</auto-create-addresses>
<auto-create-queues>true</auto-create-queues><auto-delete-queues>false</auto-delete-queues>
<auto-delete-addresses>false</auto-delete-addresses>
<default-queue-routing-type>ANYCAST</default-queue-routing-type>
<default-address-routing-type>ANYCAST</default-address-routing-type></address-setting>
</address-settings></core></configuration>"""


class Artemis(Server):
    """A running broker; queues ``queue.…`` come to be when they are first used."""

    def __init__(self, home: Path, folder: Path) -> None:
        port = free_port_base()
        (folder / "etc").mkdir(parents=True, exist_ok=True)
        texts = {"bootstrap": _BOOTSTRAP, "broker": _BROKER, "management": _MANAGEMENT}
        for name, text in texts.items():
            (folder / "etc" / f"{name}.xml").write_text(text.format(folder=folder, port=port))
        command = [
            java(), "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            f"-Dartemis.home={home}", f"-Dartemis.instance={folder}",
            f"-Dartemis.instance.etc={folder}/etc",
            "-cp", str(home / "lib" / "artemis-boot.jar"),
            "org.apache.activemq.artemis.boot.Artemis", "run",
        ]  # fmt: skip
        super().__init__(command, port, folder / "log")

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
    bundles = read_manifest(Path(__file__).with_suffix(".toml"))
    unpacked = fetch.ensure(["artemis"], cache=settings.cache, bundles=bundles)["artemis"]
    home = next(one.parent for one in unpacked.glob("**/lib") if one.is_dir())
    server = Artemis(home, folder)
    try:
        server.start(120)
        yield server
    finally:
        server.stop()
