"""Steps on their way from the topics' threads to the run that logs them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

from platform_assets.streaming.microbatch import Step


class Steps:
    """A bounded queue that refuses nothing while it drains: the last step's event is not lost."""

    def __init__(self, limit: int) -> None:
        """Make it empty.

        Args:
            limit: from so many waiting steps on, topics wait.
        """
        self._limit = limit
        self._queue: queue.Queue[Step] = queue.Queue()
        self._room = threading.Semaphore(limit)

    def put(self, step: Step, draining: threading.Event) -> None:
        """Add a step; waits while the queue is full, unless it drains."""
        while not draining.is_set() and not self._room.acquire(timeout=0.5):
            pass
        self._queue.put(step)

    def get(self, seconds: float) -> Step | None:
        """The oldest step; None if none came in time."""
        try:
            step = self._queue.get(timeout=seconds)
        except queue.Empty:
            return None
        self._room.release()
        return step

    def rest(self) -> Iterator[Step]:
        """All that is left, once nobody adds any more."""
        while (step := self.get(0)) is not None:
            yield step
