"""Fixtures over the real servers.

Belongs here: one stack of servers a test session, in a home and on ports of its own, and new homes
where that does not do. Does not belong here: data or topics (each test makes its own, under names
of its own).
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from platform_assets.core.settings import Settings, get_settings
from platform_assets.local import supervise

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


@contextmanager
def new_home() -> Iterator[Settings]:
    """A home and ports that nobody uses; this process and its children mean them from now on.

    Whatever was started there is stopped at the end, also after a failure; then what was meant
    before is meant again.
    """
    with ExitStack() as stack:
        home = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="weir-test-", ignore_cleanup_errors=True)
        )
        stack.callback(get_settings.cache_clear)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("WEIR_HOME", home)
        patch.setenv("WEIR_PORT_BASE", str(free_port_base()))
        get_settings.cache_clear()
        settings = get_settings()
        stack.callback(supervise.stop, settings)
        yield settings


@pytest.fixture(scope="session")
def weir_home() -> Iterator[Settings]:
    """Settings of a home of this session's own."""
    with new_home() as settings:
        yield settings


@pytest.fixture(scope="session")
def settings(weir_home: Settings) -> Settings:
    """Settings of a running PostgreSQL; what a module needs besides, it adds to them."""
    supervise.start(weir_home, ("postgres",))
    return weir_home


@pytest.fixture(scope="session")
def stack(weir_home: Settings) -> Settings:
    """Settings of running Kafka, schema registry and PostgreSQL."""
    supervise.start(weir_home, ("postgres", "kafka", "registry"))
    return weir_home


@pytest.fixture(scope="session")
def trino_stack(stack: Settings) -> Settings:
    """Settings of the stack with Trino."""
    supervise.start(stack, ("trino",))
    return stack


@pytest.fixture(scope="module")
def dagster_stack(weir_home: Settings) -> Iterator[Settings]:
    """Settings of a running stack with Dagster, of the module's own.

    Its daemon's sensors act on all that they find, and would on what other tests look at.
    """
    del weir_home  # the session's stays in the background
    with new_home() as settings:
        names = ("postgres", "kafka", "registry", "dagster-webserver", "dagster-daemon")
        supervise.start(settings, names)
        yield settings
