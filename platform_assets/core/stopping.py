"""An event that Ctrl-C and a termination set, for loops that end after what they are at."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping(*, interrupt: bool = False) -> Iterator[threading.Event]:
    """SIGINT and SIGTERM set the event; also when started with ``nohup … &``.

    The handlers of before are back afterwards. In the main thread only.

    Args:
        interrupt: the first of them raises :class:`KeyboardInterrupt`, too; a second one does
            nothing, so that it leaves nothing behind.
    """
    stop = threading.Event()

    def asked(_signal: int, _frame: FrameType | None) -> None:
        first = not stop.is_set()
        stop.set()
        if interrupt and first:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
