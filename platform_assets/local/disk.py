"""Free disk space, asked before it is needed."""

from __future__ import annotations

import shutil
from pathlib import Path

from platform_assets.core.errors import WeirError

START_BYTES = 1 << 30
"""Least free space to start the servers: Kafka and PostgreSQL stop hard when it runs out."""


class DiskFullError(WeirError):
    """Too little free space for what was asked."""


def free_bytes(path: Path) -> int:
    """Free bytes on the file system that holds ``path``, whether it exists yet or not."""
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    return shutil.disk_usage(existing).free


def require_free(path: Path, needed: int, purpose: str) -> None:
    """Refuse to go on where there is too little room.

    Raises:
        DiskFullError: names the path, what is there and what is needed.
    """
    free = free_bytes(path)
    if free < needed:
        raise DiskFullError(
            f"{purpose} needs {needed / 1e9:.1f} GB below {path}, but only {free / 1e9:.1f} GB "
            "are free",
            "free some space, or point WEIR_HOME (data) or WEIR_CACHE (downloads) elsewhere",
        )
