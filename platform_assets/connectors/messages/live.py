"""Pages of a live source: bounded in number and in time, one at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from platform_assets.connectors.messages.model import Paged
from platform_assets.connectors.seam.reader import Context

T = TypeVar("T")

IDLE_SECONDS = 1.0
"""A client waits so long for a first message before it looks whether it should stop."""

_TURN_SECONDS = 10.0


def batches(
    take: Callable[[int, float], Sequence[T]], paged: Paged, context: Context
) -> Iterator[list[T]]:
    """What a source gives, until it is told to stop.

    One batch at a time: the next is taken when the one before was committed. A source of several
    streams reads them in turns: a turn ends when nothing came for a second, or after ten.

    Args:
        take: at most so many messages, after so many seconds at the latest.
        paged: how large a batch is.
        context: of the reader.
    """
    turns = len(context.streams) > 1
    end = time.monotonic() + _TURN_SECONDS
    while not context.stop.is_set():
        got = _batch(take, paged, context.stop)
        if got:
            yield got
        if turns and (not got or time.monotonic() > end):
            return


def _batch(
    take: Callable[[int, float], Sequence[T]], paged: Paged, stop: threading.Event
) -> list[T]:
    got = list(take(paged.page_messages, IDLE_SECONDS))
    if not got:
        return got
    end = time.monotonic() + paged.page_milliseconds / 1000
    while len(got) < paged.page_messages and not stop.is_set():
        if (left := end - time.monotonic()) <= 0:
            break
        got += take(paged.page_messages - len(got), left)
    return got
