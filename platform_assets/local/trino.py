"""Trino: one node, coordinator and worker, with the plugins of Weir's catalogs."""

from __future__ import annotations

import importlib
from pathlib import Path

from platform_assets.core.files import write_file
from platform_assets.core.http import client
from platform_assets.core.properties import java_properties
from platform_assets.core.settings import LOOPBACK, Settings
from platform_assets.local import fetch
from platform_assets.local.artifacts import version_of
from platform_assets.local.java import java
from platform_assets.local.model import Server, config_dir, data_dir
from platform_assets.local.postgres import NAME as POSTGRES

NAME = "trino"
_CATALOGS = "platform_assets.gold.trino_config"


def etc_dir(settings: Settings) -> Path:
    """Trino's ``etc`` folder: the gold room writes catalogs and access control there."""
    return config_dir(settings, NAME) / "etc"


def server(settings: Settings) -> Server:
    """The catalogue's entry."""
    folder = fetch.folder_of("trino", cache=settings.cache)
    etc = etc_dir(settings)
    node = {
        "node.id": "weir",
        "node.environment": "local",
        "node.data-dir": data_dir(settings, NAME),
        "node.bind-ip": LOOPBACK,
        "node.internal-address": LOOPBACK,
        "plugin.dir": folder / "plugin",
        "config": etc / "config.properties",
        "log.levels-file": etc / "log.properties",
        "log.enable-console": "true",
    }
    return Server(
        name=NAME,
        version=version_of("trino", "trino-server"),
        command=(
            java(),
            "-Xms256m",
            "-Xmx2g",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:ReservedCodeCacheSize=192M",
            "-XX:MaxHeapFreeRatio=40",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-OmitStackTraceInFastThrow",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-Djdk.attach.allowAttachSelf=true",
            "-Dfile.encoding=UTF-8",
            *(f"-D{key}={value}" for key, value in node.items()),
            "-cp",
            f"{folder}/lib/*",
            "io.trino.server.TrinoServer",
        ),
        ports=(settings.trino_port,),
        probe=lambda: _answers(settings),
        folder=etc.parent,
        needs=(POSTGRES,),
        bundles=("trino",),
        environment=lambda: {
            "WEIR_POSTGRES_PASSWORD": settings.postgres_password(),
            "MALLOC_ARENA_MAX": "2",
        },
        prepare=lambda: _prepare(settings, etc),
        scheme="http",
        timeout=420,
        # At one end it writes its archive of classes, which takes seconds of a busy machine.
        stop_seconds=40,
        memory_mb=1400,
        # Its dozens of threads would starve the stream run on a small machine: rows come first.
        niceness=7,
    )


def _prepare(settings: Settings, etc: Path) -> None:
    config: dict[str, object] = {
        "coordinator": "true",
        "node-scheduler.include-coordinator": "true",
        "http-server.http.port": settings.trino_port,
        "discovery.uri": f"http://{LOOPBACK}:{settings.trino_port}",
        # Catalogs are read from etc/catalog, relative to the working directory.
        "catalog.management": "dynamic",
        "query.max-memory": "900MB",
        "query.max-memory-per-node": "900MB",
        "memory.heap-headroom-per-node": "400MB",
        "query.max-history": 50,
        "query.min-expire-age": "2m",
        "task.concurrency": 2,
        "task.max-worker-threads": 4,
        # The default scheduler looks a hundred times a second for work that is not there.
        "experimental.thread-per-driver-scheduler-enabled": "false",
        "web-ui.enabled": "true",
    }
    write_file(etc / "log.properties", java_properties({"io.trino": "WARN", "io.airlift": "WARN"}))
    (etc / "catalog").mkdir(parents=True, exist_ok=True)
    data_dir(settings, NAME).mkdir(parents=True, exist_ok=True)
    # Named, not imported above: this room starts servers and knows nothing of tables.
    catalogs = importlib.import_module(_CATALOGS)
    catalogs.write(settings, etc)
    write_file(
        etc / "config.properties", java_properties(config | dict(catalogs.CONFIG_PROPERTIES))
    )


def _answers(settings: Settings) -> bool:
    url = f"http://{settings.trino_host}:{settings.trino_port}/v1/info"
    answer = client().get(url, timeout=5)
    return answer.status_code == 200 and answer.json()["starting"] is False
