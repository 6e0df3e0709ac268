"""Dagster's processes: one code server, the web server and the daemon.

The web server and the daemon share one code server, so the definitions are held in memory
once. A plain ``dagster dev`` reads the checked-in ``workspace.yaml`` instead.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path

from platform_assets.core.files import write_file
from platform_assets.core.http import client
from platform_assets.core.settings import LOOPBACK, REPOSITORY, Settings
from platform_assets.local.kafka import NAME as KAFKA
from platform_assets.local.model import Server, config_dir
from platform_assets.local.postgres import NAME as POSTGRES
from platform_assets.local.registry import NAME as REGISTRY
from platform_assets.local.trino import NAME as TRINO

CODE, WEBSERVER, DAEMON = "dagster-code", "dagster-webserver", "dagster-daemon"
DEFINITIONS = "platform_assets.definitions"
GATED = "platform_assets.graph.webserver"
FORKING = "platform_assets.graph.codeserver"

_HEARTBEAT_SECONDS = 90


def environment(settings: Settings) -> dict[str, str]:
    """What ``dagster.yaml`` and the definitions read from the environment."""
    return {
        "DAGSTER_HOME": str(settings.dagster_home),
        "WEIR_DAGSTER_POSTGRES_URL": settings.postgres_dsn("dagster", driver="psycopg2"),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "MALLOC_ARENA_MAX": "2",
        "PYTHONUNBUFFERED": "1",
    }


def servers(settings: Settings) -> tuple[Server, ...]:
    """The catalogue's three entries."""
    version = importlib.metadata.version("dagster")
    workspace = config_dir(settings, "dagster") / "workspace.yaml"
    web, code = settings.port_base + 6, settings.port_base + 8
    module = os.environ.get("WEIR_DEFINITIONS", DEFINITIONS)

    def entry(
        name: str, command: tuple[str, ...], ports: tuple[int, ...], memory_mb: int
    ) -> Server:
        return Server(
            name=name,
            version=version,
            command=(str(Path(sys.executable).parent / command[0]), *command[1:]),
            ports=ports,
            probe=lambda: _PROBES[name](settings),
            folder=REPOSITORY,
            needs=(POSTGRES, KAFKA) if name == CODE else (CODE,),
            outlived_by=(REGISTRY, TRINO) if name == CODE else (),
            environment=lambda: environment(settings),
            prepare=lambda: _prepare(settings, workspace, code),
            scheme="http" if name == WEBSERVER else "",
            timeout=300,
            # The code server's children are the runs: a stream run drains before it ends.
            stop_seconds=45 if name == CODE else 20,
            memory_mb=memory_mb,
        )

    at = ("-w", str(workspace))
    host = ("-h", LOOPBACK)
    return (
        entry(
            CODE,
            (
                *("python", "-m", FORKING, "-m", module, *host, "-p", str(code)),
                *("-d", str(REPOSITORY), "--location-name", "weir", "--max-workers", "8"),
                *("--use-python-environment-entry-point", "--log-level", "warning"),
            ),
            (code,),
            350,
        ),
        # Dagster's web server behind our gate. Both are named: graph is above this room.
        entry(WEBSERVER, ("python", "-m", GATED, *at, *host, "-p", str(web)), (web,), 250),
        entry(DAEMON, ("dagster-daemon", "run", *at), (), 250),
    )


def prepare_home(settings: Settings) -> None:
    """Put the checked-in instance configuration into ``DAGSTER_HOME``."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    write_file(home / "dagster.yaml", (REPOSITORY / "dagster.yaml").read_text(encoding="utf-8"))


def _prepare(settings: Settings, workspace: Path, code_port: int) -> None:
    prepare_home(settings)
    write_file(
        workspace,
        "load_from:\n  - grpc_server:\n"
        f"      host: {LOOPBACK}\n      port: {code_port}\n      location_name: weir\n",
    )


def _code_answers(settings: Settings) -> bool:
    import grpc

    address = f"{LOOPBACK}:{settings.port_base + 8}"
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=3)
    return True


def _web_answers(settings: Settings) -> bool:
    answer = client().get(f"{settings.dagster_url}/server_info", timeout=5)
    return answer.status_code == 200


def _daemon_beats(settings: Settings) -> bool:
    """Whether the daemon wrote a heartbeat of late: it listens on nothing one could ask."""
    import psycopg

    with psycopg.connect(settings.postgres_dsn("dagster"), connect_timeout=3) as connection:
        row = connection.execute(
            "select count(*) from daemon_heartbeats "
            "where timestamp > (now() at time zone 'utc') - make_interval(secs => %s)",
            (_HEARTBEAT_SECONDS,),
        ).fetchone()
    return row is not None and row[0] > 0


_PROBES = {CODE: _code_answers, WEBSERVER: _web_answers, DAEMON: _daemon_beats}
