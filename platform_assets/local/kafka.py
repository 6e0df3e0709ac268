"""Kafka: one KRaft process, broker and controller, from jars."""

from __future__ import annotations

import subprocess
from pathlib import Path

from platform_assets.core.errors import WeirError
from platform_assets.core.files import write_file
from platform_assets.core.properties import java_properties
from platform_assets.core.settings import LOOPBACK, Settings
from platform_assets.local import fetch
from platform_assets.local.artifacts import version_of
from platform_assets.local.class_archive import archived
from platform_assets.local.java import java
from platform_assets.local.model import (
    JVM_SMALL,
    Server,
    config_dir,
    data_dir,
)

NAME = "kafka"

# One node for ever, so its cluster id need not be unique beyond its own data folder.
_CLUSTER_ID = "V2VpckxvY2FsQ2x1c3RlcQ"

LOG4J = """status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %-5p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""
"""Warnings to standard output; Kafka Connect begins with the same."""
_LOG4J = f"""{LOG4J}logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""


def server(settings: Settings) -> Server:
    """The catalogue's entry."""
    port = settings.port_base
    config = config_dir(settings, NAME)
    return Server(
        name=NAME,
        version=version_of("kafka", "kafka_2.13"),
        command=(*_jvm(settings), "kafka.Kafka", str(config / "server.properties")),
        ports=(port, port + 1),
        probe=lambda: _answers(settings),
        folder=settings.home,
        bundles=("kafka",),
        environment=lambda: {"MALLOC_ARENA_MAX": "2"},
        prepare=lambda: _prepare(settings, config),
        timeout=240,
        stop_seconds=30,
        memory_mb=400,
    )


def _jvm(settings: Settings) -> tuple[str, ...]:
    config = config_dir(settings, NAME)
    return (
        java(),
        "-Xms128m",
        "-Xmx384m",
        *JVM_SMALL,
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={config / 'log4j2.properties'}",
        "-cp",
        f"{fetch.folder_of('kafka', cache=settings.cache)}/*",
    )


def _server_properties(settings: Settings) -> dict[str, object]:
    port = settings.port_base
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{LOOPBACK}:{port + 1}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{port + 1}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data_dir(settings, NAME),
        "auto.create.topics.enable": "false",
        "log.message.timestamp.type": "LogAppendTime",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 5,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 5,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "num.recovery.threads.per.data.dir": 2,
        "background.threads": 4,
        # The default of 128 MiB would be a third of the heap.
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        "log.segment.bytes": 256 * 1024 * 1024,
        # Metadata snapshots: small, so that a start after a kill replays little.
        "metadata.log.max.record.bytes.between.snapshots": 1024 * 1024,
    }


def _prepare(settings: Settings, config: Path) -> None:
    write_file(config / "log4j2.properties", _LOG4J)
    write_file(config / "server.properties", java_properties(_server_properties(settings)))
    data = data_dir(settings, NAME)
    if (data / "meta.properties").exists():
        return
    data.mkdir(parents=True, exist_ok=True)
    options = ("--ignore-formatted", "-t", _CLUSTER_ID, "-c", str(config / "server.properties"))
    command = (*_jvm(settings), "kafka.tools.StorageTool", "format", *options)
    done = subprocess.run(
        archived(NAME, command, settings.cache, record=False),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        raise WeirError(
            f"formatting Kafka's storage in {data} failed: "
            f"{(done.stderr or done.stdout).strip()[-400:]}",
            f"if the folder is damaged, delete {data} and start again",
        )


def _answers(settings: Settings) -> bool:
    import logging

    from confluent_kafka.admin import AdminClient

    quiet = logging.getLogger("weir.probe.kafka")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap}, logger=quiet)
    return len(admin.list_topics(timeout=3).brokers) == 1
