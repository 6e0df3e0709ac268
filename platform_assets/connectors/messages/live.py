"""Turns and pages of a live source: bounded in number and in time, one at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from platform_assets.connectors.messages.model import Paged

T = TypeVar("T")

IDLE_SECONDS = 1.0
"""A client waits so long for a first message before it looks whether it should stop."""


def batches(
    take: Callable[[int, float], Sequence[T]], paged: Paged, stop: threading.Event
) -> Iterator[list[T]]:
    """What a source gives, until it is told to stop.

    One batch at a time: the next is taken when the one before was committed.

    Args:
        take: at most so many messages, after so many seconds at the latest.
        paged: how large a batch is.
        stop: of the reader.
    """
    while not stop.is_set():
        if got := _batch(take, paged, stop):
            yield got


def paced(seconds: float, stop: threading.Event) -> Iterator[None]:
    """A turn so many seconds after the one before began, or at once where that took longer.

    Args:
        seconds: between the beginnings of two turns.
        stop: of the reader; no turn begins after it.
    """
    while not stop.is_set():
        begun = time.monotonic()
        yield
        stop.wait(max(0.0, seconds - (time.monotonic() - begun)))


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
