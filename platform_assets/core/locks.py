"""A file lock that dies with its holder.

The kernel releases the lock when the holder ends, however it ends, so a file left behind
by a killed process locks nothing: its text is only there to name the holder.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platform_assets.core.errors import WeirError


class LockedError(WeirError):
    """Another process holds the lock; the message names it."""


@contextmanager
def file_lock(path: Path, *, what: str, timeout: float) -> Iterator[None]:
    """Hold an exclusive lock on ``path``.

    Raises:
        LockedError: another process kept it for longer than ``timeout`` seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as handle:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    handle.seek(0)
                    holder = handle.read().strip() or "another process"
                    raise LockedError(
                        f"{what}: {path} is held by {holder}",
                        "wait until it is done, or end that process; a lock whose holder died "
                        "frees itself",
                    ) from None
                time.sleep(0.1)
        handle.seek(0)
        handle.truncate()
        handle.write(f"pid {os.getpid()} ({' '.join(sys.argv[:3])})\n")
        handle.flush()
        yield
        handle.seek(0)
        handle.truncate()
