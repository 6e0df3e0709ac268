"""ActiveMQ Artemis: the MQTT broker of ``weir run --sources`` where Mosquitto is not installed.

What it has acknowledged is in its journal, on disk: a kill -9 loses none of it.
"""

from __future__ import annotations

from pathlib import Path

from platform_assets.core.files import write_file
from platform_assets.core.settings import LOOPBACK, Settings
from platform_assets.local import fetch, mqtt
from platform_assets.local.artifacts import version_of
from platform_assets.local.java import java
from platform_assets.local.kafka import LOG4J
from platform_assets.local.model import JVM_SMALL, Server, config_dir, data_dir

NAME = "artemis"

_SCHEMA = "http://activemq.apache.org/schema"
_MANAGER = "org.apache.activemq.artemis.spi.core.security.ActiveMQBasicSecurityManager"
_PERMISSIONS = "".join(
    f'<permission type="{kind}" roles="all"/>'
    for kind in ("createAddress", "createNonDurableQueue", "createDurableQueue", "send", "consume")
)


def server(settings: Settings) -> Server:
    """The catalogue's entry: MQTT on loopback, without TLS or password, as Mosquitto."""
    port = settings.port_base + 16
    config, data = config_dir(settings, NAME), data_dir(settings, NAME)
    return Server(
        name=NAME,
        version=version_of(NAME, "apache-artemis"),
        command=command(settings, config, data),
        ports=(port,),
        probe=lambda: mqtt.answers(port),
        folder=settings.home,
        bundles=(NAME,),
        environment=lambda: {"MALLOC_ARENA_MAX": "2"},
        prepare=lambda: write_config(config, data, port, "MQTT"),
        scheme="mqtt",
        memory_mb=200,
    )


def command(settings: Settings, config: Path, data: Path) -> tuple[str, ...]:
    """Runs the broker of a configuration that :func:`write_config` wrote."""
    home = fetch.folder_of(NAME, cache=settings.cache)
    return (
        java(),
        "-Xms32m",
        "-Xmx128m",
        *JVM_SMALL,
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={config / 'log4j2.properties'}",
        f"-Dartemis.home={home}",
        f"-Dartemis.instance={data}",
        f"-Dartemis.instance.etc={config}",
        "-cp",
        str(home / "lib" / "artemis-boot.jar"),
        "org.apache.activemq.artemis.boot.Artemis",
        "run",
    )


def write_config(
    config: Path,
    data: Path,
    port: int,
    protocol: str,
    addresses: str = "",
    login: tuple[str, str] | None = None,
) -> None:
    """Write the configuration of a broker.

    Args:
        config: folder of its configuration, which is made.
        data: folder of its journal, which is made.
        port: on which it listens, on loopback.
        protocol: that it speaks there: ``MQTT`` or ``AMQP``.
        addresses: its ``address-setting`` elements.
        login: the one user and password; None: anybody is let in.
    """
    for folder in (config, data):
        folder.mkdir(parents=True, exist_ok=True)
    write_file(config / "log4j2.properties", LOG4J)
    write_file(config / "management.xml", f'<management-context xmlns="{_SCHEMA}"/>')
    write_file(config / "bootstrap.xml", _bootstrap(config / "broker.xml", login))
    write_file(
        config / "broker.xml",
        f"""<configuration xmlns="urn:activemq"><core xmlns="urn:activemq:core">
<persistence-enabled>true</persistence-enabled>
<security-enabled>{str(login is not None).lower()}</security-enabled>
<journal-type>NIO</journal-type>
<journal-sync-transactional>true</journal-sync-transactional>
<journal-sync-non-transactional>true</journal-sync-non-transactional>
<journal-file-size>2M</journal-file-size><journal-pool-files>2</journal-pool-files>
<max-disk-usage>100</max-disk-usage>
<paging-directory>{data}/paging</paging-directory>
<bindings-directory>{data}/bindings</bindings-directory>
<journal-directory>{data}/journal</journal-directory>
<large-messages-directory>{data}/large</large-messages-directory>
<acceptors><acceptor name="only">tcp://{LOOPBACK}:{port}?protocols={protocol}</acceptor></acceptors>
<security-settings><security-setting match="#">{_PERMISSIONS}</security-setting></security-settings>
<address-settings>{addresses}</address-settings>
</core></configuration>
""",
    )


def _bootstrap(broker: Path, login: tuple[str, str] | None) -> str:
    user, password = login or ("nobody", "")
    values = {"bootstrapUser": user, "bootstrapPassword": password, "bootstrapRole": "all"}
    properties = "".join(
        f'<property key="{key}" value="{value}"/>' for key, value in values.items()
    )
    return (
        f'<broker xmlns="{_SCHEMA}"><security-manager class-name="{_MANAGER}">{properties}'
        f'</security-manager><server configuration="file:{broker}"/></broker>'
    )
