"""Kafka Connect with Debezium's connectors: one worker, started when a source of changes needs it.

What connectors are configured with is in a topic; secrets are not: a configuration names a file
below :func:`secrets_dir`, which the worker reads.
"""

from __future__ import annotations

from pathlib import Path

from platform_assets.core.files import write_file
from platform_assets.core.http import client
from platform_assets.core.properties import java_properties
from platform_assets.core.settings import LOOPBACK, Settings
from platform_assets.local import fetch
from platform_assets.local.artifacts import version_of
from platform_assets.local.java import java
from platform_assets.local.kafka import LOG4J
from platform_assets.local.kafka import NAME as KAFKA
from platform_assets.local.model import JVM_SMALL, Server, config_dir

NAME = "connect"
PLUGINS = ("debezium-postgres", "debezium-mariadb")
"""Bundles of connectors, each isolated from the others' libraries."""

_LOG4J = f"""{LOG4J}# It tells at length of a converter that we have not.
logger.plugins.name = org.apache.kafka.connect.runtime.isolation
logger.plugins.level = off
"""


def server(settings: Settings) -> Server:
    """The catalogue's entry."""
    config = config_dir(settings, NAME)
    jars = ":".join(f"{fetch.folder_of(one, cache=settings.cache)}/*" for one in (NAME, KAFKA))
    return Server(
        name=NAME,
        version=version_of(NAME, "connect-runtime"),
        command=(
            java(),
            "-Xms64m",
            "-Xmx512m",
            *JVM_SMALL,
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={config / 'log4j2.properties'}",
            "-cp",
            jars,
            "org.apache.kafka.connect.cli.ConnectDistributed",
            str(config / "worker.properties"),
        ),
        ports=(settings.port_base + 11,),
        probe=lambda: _answers(settings),
        folder=settings.home,
        needs=(KAFKA,),
        bundles=(KAFKA, NAME, *PLUGINS),
        environment=lambda: {"MALLOC_ARENA_MAX": "2"},
        prepare=lambda: _prepare(settings, config),
        scheme="http",
        timeout=240,
        stop_seconds=20,
        memory_mb=600,
    )


def secrets_dir(settings: Settings) -> Path:
    """Files whose values a connector's configuration may name: ``${file:PATH:KEY}``."""
    return settings.home / "secrets" / NAME


def _worker(settings: Settings, plugins: Path) -> dict[str, object]:
    json = "org.apache.kafka.connect.json.JsonConverter"
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
        "listeners": settings.connect_url,
        "rest.advertised.host.name": LOOPBACK,
        "plugin.path": f"{plugins},{settings.home / 'plugins'}",
        "plugin.discovery": "service_load",
        "group.id": "weir-connect",
        "config.storage.topic": "_weir_connect_configs",
        "offset.storage.topic": "_weir_connect_offsets",
        "status.storage.topic": "_weir_connect_status",
        "config.storage.replication.factor": 1,
        "offset.storage.replication.factor": 1,
        "offset.storage.partitions": 5,
        "status.storage.replication.factor": 1,
        "status.storage.partitions": 1,
        # After a kill as little is sent twice as a flush a second allows.
        "offset.flush.interval.ms": 1000,
        # There is one worker: nobody is waited for when it comes back.
        "scheduled.rebalance.max.delay.ms": 0,
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 2000,
        "key.converter": json,
        "value.converter": json,
        "key.converter.schemas.enable": "false",
        "value.converter.schemas.enable": "false",
        "config.providers": "file",
        "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
        "config.providers.file.param.allowed.paths": secrets_dir(settings),
    }


def _prepare(settings: Settings, config: Path) -> None:
    plugins = config / "plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    for name in PLUGINS:
        link = plugins / name
        link.unlink(missing_ok=True)
        link.symlink_to(fetch.folder_of(name, cache=settings.cache))
    # Connectors that do not come with Weir, a folder each.
    (settings.home / "plugins").mkdir(exist_ok=True)
    secrets_dir(settings).mkdir(parents=True, exist_ok=True, mode=0o700)
    write_file(config / "log4j2.properties", _LOG4J)
    write_file(config / "worker.properties", java_properties(_worker(settings, plugins)))


def _answers(settings: Settings) -> bool:
    # Answered by the group's leader only when it has read its topics.
    return client().get(f"{settings.connect_url}/connectors", timeout=5).status_code == 200
