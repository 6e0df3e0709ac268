"""What a streaming detector is, and the memory that several share."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ml.anomaly.state import Arrays, Floats


class Detector(Protocol):
    """Scores points as they come; its memory does not grow."""

    def update(self, time: float, value: float) -> float:
        """Score one point, then learn from it.

        Args:
            time: seconds since 1970, in the clock whose days matter.
            value: finite.

        Returns:
            How strange the point is: 0 or more, higher is stranger; 0 while too little is known.

        Raises:
            AnomalyError: the value is NaN or infinite.
        """
        ...

    def state(self) -> Arrays:
        """Everything it remembers; a fresh one that restores it goes on as if never stopped."""
        ...

    def restore(self, arrays: Arrays) -> None:
        """Take over what :meth:`state` gave, of a detector with the same settings."""
        ...


class Ring:
    """The last vectors, as one block that numpy can read without copying.

    The order within the block does not matter to those who look for a nearest one.
    """

    def __init__(self, capacity: int, width: int) -> None:
        self._block = np.zeros((width, capacity))
        self._capacity = capacity
        self._seen = 0

    def __len__(self) -> int:
        return min(self._seen, self._capacity)

    def append(self, vector: Floats) -> None:
        """Keep a vector of shape (width,), and forget the oldest one if full."""
        self._block[:, self._seen % self._capacity] = vector
        self._seen += 1

    def ordered(self) -> Floats:
        """Shape (kept, width): a copy, oldest first."""
        turn = self._seen % self._capacity if self._seen > self._capacity else 0
        return np.roll(self.columns, -turn, axis=1).T

    def fill(self, vectors: Floats) -> None:
        """Keep vectors of shape (n, width), oldest first, in place of all that was kept."""
        newest = vectors[-self._capacity :]
        self._block[:, : len(newest)] = newest.T
        self._seen = len(newest)

    @property
    def columns(self) -> Floats:
        """Shape (width, kept): a view, not to be written to."""
        return self._block[:, : len(self)]
