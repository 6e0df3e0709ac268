"""A file lock that dies with its holder.

The kernel releases the lock when the holder ends, however it ends, so a file left behind
by a killed process locks nothing: its text is only there to name the holder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from platform_assets.core.errors import WeirError


class LockedError(WeirError):
    """Another process holds the lock; the message names it."""


@contextmanager
def file_lock(path: Path, *, what: str, timeout: float) -> Iterator[None]:
    """Hold an exclusive lock on ``path``.

    Args:
        path: the lock's file; its folder is made.
        what: what the lock is for, for the error.
        timeout: seconds to wait for another holder.

    Raises:
        LockedError: another process kept it for longer.
        OSError: the file cannot be made, or its file system knows no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without the kernel's lock there is none: the library's substitute outlives a killed holder.
    # Not of one thread: who begins with it need not be who ends.
    lock = FileLock(
        path, timeout=timeout, poll_interval=0.1, thread_local=False, fallback_to_soft=False
    )
    try:
        lock.acquire()
    except Timeout:
        holder = path.read_text(encoding="utf-8").strip() or "another process"
        raise LockedError(
            f"{what}: {path} is held by {holder}",
            "wait until it is done, or end that process; a lock whose holder died frees itself",
        ) from None
    try:
        path.write_text(f"pid {os.getpid()} ({' '.join(sys.argv[:3])})\n", encoding="utf-8")
        yield
    finally:
        with suppress(OSError):  # the folder may be gone by now
            path.write_text("", encoding="utf-8")
        lock.release()
