"""The schema registry: Apicurio, kept in PostgreSQL, speaking the Confluent API."""

from __future__ import annotations

from platform_assets.core.http import client
from platform_assets.core.settings import LOOPBACK, Settings
from platform_assets.local import fetch
from platform_assets.local.artifacts import version_of
from platform_assets.local.java import java
from platform_assets.local.model import JVM_SMALL, Server, data_dir
from platform_assets.local.postgres import NAME as POSTGRES

NAME = "registry"


def server(settings: Settings) -> Server:
    """The catalogue's entry."""
    port = settings.port_base + 2
    folder = fetch.folder_of("registry", cache=settings.cache)
    temporary = data_dir(settings, NAME) / "tmp"
    return Server(
        name=NAME,
        version=version_of("registry", "apicurio-registry-app"),
        command=(
            java(),
            "-Xms64m",
            "-Xmx256m",
            *JVM_SMALL,
            f"-Djava.io.tmpdir={temporary}",
            "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
            "-jar",
            str(folder / "quarkus-run.jar"),
        ),
        ports=(port, port + 1),
        probe=lambda: _answers(settings),
        folder=settings.home,
        needs=(POSTGRES,),
        bundles=("registry",),
        environment=lambda: _environment(settings, port),
        prepare=lambda: temporary.mkdir(parents=True, exist_ok=True),
        settle=lambda: _refuse_incompatible(settings),
        scheme="http",
        timeout=300,
        # At one end it writes its archive of classes.
        stop_seconds=30,
        memory_mb=330,
    )


def _environment(settings: Settings, port: int) -> dict[str, str]:
    database = f"{settings.postgres_host}:{settings.postgres_port}/registry"
    return {
        "QUARKUS_HTTP_HOST": LOOPBACK,
        "QUARKUS_HTTP_PORT": str(port),
        "QUARKUS_MANAGEMENT_HOST": LOOPBACK,
        "QUARKUS_MANAGEMENT_PORT": str(port + 1),
        "QUARKUS_LOG_LEVEL": "WARN",
        "QUARKUS_BANNER_ENABLED": "false",
        "APICURIO_STORAGE_KIND": "sql",
        "APICURIO_STORAGE_SQL_KIND": "postgresql",
        "APICURIO_DATASOURCE_URL": f"jdbc:postgresql://{database}",
        "APICURIO_DATASOURCE_USERNAME": _plain(settings.postgres_user),
        "APICURIO_DATASOURCE_PASSWORD": _plain(settings.postgres_password()),
        "APICURIO_DATASOURCE_JDBC_INITIAL-SIZE": "2",
        "APICURIO_DATASOURCE_JDBC_MIN-SIZE": "1",
        "APICURIO_DATASOURCE_JDBC_MAX-SIZE": "10",
        "MALLOC_ARENA_MAX": "2",
    }


def _plain(value: str) -> str:
    """Quarkus replaces ``${…}`` in every value; a backslash keeps it from that."""
    return value.replace("$", "\\$")


def _answers(settings: Settings) -> bool:
    return client().get(f"{settings.registry_url}/subjects", timeout=5).status_code == 200


def _refuse_incompatible(settings: Settings) -> None:
    """Make BACKWARD the rule for every subject; Apicurio's own default is none at all."""
    answer = client().put(
        f"{settings.registry_url}/config",
        json={"compatibility": "BACKWARD"},
        timeout=settings.request_timeout_seconds,
    )
    answer.raise_for_status()
