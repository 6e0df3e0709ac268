"""Blocks: requests of both arms from the same moment, the unit in which arms are compared.

The arm of a key is drawn by hash, so within a block the arms differ by their models and by chance
alone, however the load, the machine or the users change from block to block. For that to hold, the
end of a block must not depend on which arm a request went to. A block therefore ends at the end of
the first batch with which it holds :data:`LEAST` values of both arms together. One in which an arm
has none says nothing about a difference and is dropped. Carrying its values over to a later
moment would pair the one arm's past with the other's present.
"""

from __future__ import annotations

import numpy as np

from ml.canary.betting import Floats

LEAST = 20
"""Values of both arms together that a block has at least: with fewer, the slowest twentieth of a
block is less than one request."""


class Blocks:
    """Collects the batches of two arms into blocks."""

    def __init__(self, least: int = LEAST) -> None:
        """Begin an empty block that ends at this many values."""
        self._least = least
        self._waiting: list[tuple[Floats, Floats]] = []
        self._n = 0

    def add(self, champion: Floats, challenger: Floats) -> tuple[Floats, Floats] | None:
        """Take a batch of one moment, each arm in order of time.

        Returns:
            The values of both arms (champion, challenger), where the batch ends a block in which
            both have some; else None.
        """
        self._waiting.append((champion, challenger))
        self._n += len(champion) + len(challenger)
        if self._n < self._least:
            return None
        ours, theirs = (np.concatenate(arm) for arm in zip(*self._waiting, strict=True))
        self._waiting, self._n = [], 0
        return (ours, theirs) if len(ours) and len(theirs) else None
