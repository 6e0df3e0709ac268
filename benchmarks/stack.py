"""Private servers for a bench: a temporary home, free ports, stopped at the end.

Belongs here: starting and stopping. Does not belong here: what runs on them.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from platform_assets.core.settings import LOOPBACK, Settings, get_settings
from platform_assets.local import supervise

PORTS = 18
STORES = ("postgres", "kafka", "registry")


def free_port_base() -> int:
    """The start of a block of free ports; ``WEIR_PORT_BASE`` is tried first.

    Raises:
        RuntimeError: there is none.
    """
    first = int(os.environ.get("WEIR_PORT_BASE", "0")) or 22_000 + (os.getpid() * PORTS) % 8_000
    for base in range(first, first + 20_000, PORTS):
        if all(_is_free(port) for port in range(base, base + PORTS)):
            return base
    raise RuntimeError(f"no block of {PORTS} free ports from {first} on")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


@contextmanager
def private_home() -> Iterator[Settings]:
    """A temporary home that this process and its children use; nothing is started.

    It is made below the folder of ``WEIR_HOME`` where that is set (a disk of one's choice),
    and is removed at the end, after its servers.
    """
    above = os.environ.get("WEIR_HOME")
    if above:
        Path(above).mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="bench-", dir=above))
    values = {
        "WEIR_HOME": str(home),
        "WEIR_PORT_BASE": str(free_port_base()),
        # Sources of a bench are on this machine.
        "WEIR_SOURCE_NETWORKS": LOOPBACK,
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    get_settings.cache_clear()
    settings = get_settings()
    try:
        yield settings
    finally:
        supervise.stop(settings)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        get_settings.cache_clear()
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def private_stack(names: Sequence[str] = STORES) -> Iterator[Settings]:
    """Settings of running private servers."""
    with private_home() as settings:
        supervise.start(settings, names)
        yield settings
