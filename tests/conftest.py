"""Fixtures over the real servers.

Belongs here: one stack of servers a test session, in a home and on ports of its own. Does
not belong here: data or topics (each test makes its own, under names of its own).
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_assets.local import supervise
from platform_assets.settings import Settings, get_settings

PORTS = 11


def free_port_base() -> int:
    """The start of a block of free ports, spread by pid so that sessions do not meet."""
    first = 20_000 + (os.getpid() * PORTS) % 10_000
    for base in range(first, first + 20_000, PORTS):
        try:
            for port in range(base, base + PORTS):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    pytest.fail("no block of free ports")


@pytest.fixture(scope="session")
def weir_home() -> Iterator[Path]:
    """A home of this session's own; the settings of this process and its children point to it."""
    home = Path(tempfile.mkdtemp(prefix="weir-test-"))
    values = {"WEIR_HOME": str(home), "WEIR_PORT_BASE": str(free_port_base())}
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    get_settings.cache_clear()
    yield home
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    get_settings.cache_clear()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def _servers(weir_home: Path) -> Iterator[None]:
    """Stops whatever the session started, also after a failure."""
    settings = get_settings()
    assert settings.home == weir_home.resolve()
    yield
    supervise.stop(settings)


def _up(names: tuple[str, ...]) -> Settings:
    settings = get_settings()
    supervise.start(settings, names)
    return settings


@pytest.fixture(scope="session")
def settings(_servers: None) -> Settings:
    """Settings of a running PostgreSQL; what a module needs besides, it adds to them."""
    return _up(("postgres",))


@pytest.fixture(scope="session")
def stack(_servers: None) -> Settings:
    """Settings of running Kafka, schema registry and PostgreSQL."""
    return _up(("postgres", "kafka", "registry"))


@pytest.fixture(scope="session")
def trino_stack(stack: Settings) -> Settings:
    """Settings of the stack with Trino."""
    return _up(("trino",))


@pytest.fixture(scope="session")
def dagster_stack(stack: Settings) -> Settings:
    """Settings of the stack with Dagster's web server, daemon and code server."""
    return _up(("dagster-webserver", "dagster-daemon"))
