"""Blocks of ports that no other test process on this machine uses.

Belongs here: reserving a block, for two workers of one run and for two checkouts. Does not belong
here: what listens there (see :mod:`platform_assets.core.settings`).
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

BLOCK = 20
"""Ports in a block: what ``Settings`` derives from ``port_base``, and room for more."""
FIRST, LAST = 20_000, 32_000
"""Below the range that the kernel gives to outgoing connections (32768 on Linux)."""

_held: list[FileLock] = []  # the kernel drops them with the process, also when it is killed


def registry() -> Path:
    """The folder of the locks, shared by every checkout of this user."""
    folder = Path(tempfile.gettempdir()) / f"weir-test-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def free_port_base(folder: Path | None = None) -> int:
    """The first port of a block that is this process's until it ends.

    Raises:
        RuntimeError: every block is reserved or in use.
    """
    folder = folder or registry()
    for base in _bases():
        lock = FileLock(folder / f"{base}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        if _free(base):
            _held.append(lock)
            return base
        lock.release()
    raise RuntimeError(f"no block of {BLOCK} free ports between {FIRST} and {LAST}")


def _bases() -> Iterator[int]:
    """Every block once, from a place that differs between processes: they seldom collide."""
    blocks = range(FIRST, LAST - BLOCK + 1, BLOCK)
    start = os.getpid() * 7 % len(blocks)
    yield from blocks[start:]
    yield from blocks[:start]


def _free(base: int) -> bool:
    """Whether nothing is bound there: a server may have outlived its tests."""
    for port in range(base, base + BLOCK):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
