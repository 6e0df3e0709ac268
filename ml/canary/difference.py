"""Two arms' outcomes as one stream of differences, and bounds of its mean.

Each outcome of the smaller arm is paired with the mean of its even part of the larger arm's
outcomes of the same time. As the arms are drawn by hash, a difference has, given all before it,
the expectation "challenger minus champion at that time": a level that drifts during the trial,
for both, does no harm. At a share of 5 % the mean of 19 champions adds little variance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ml.canary.betting import Capital, Floats, outcomes

GRID: Floats = np.unique(
    np.round(
        np.concatenate(
            [
                np.arange(-0.98, 1.0, 0.02),
                np.arange(-0.1, 0.1001, 0.005),
                np.arange(-0.02, 0.0201, 0.001),
            ]
        ),
        6,
    )
)
"""Differences tested: steps of 0.1 points near zero, of 2 points far away."""

PENDING = 10_000
"""Outcomes of an arm kept while the other has none; the oldest go first, whatever they are."""


class Difference:
    """Mean of challenger minus champion, for outcomes in [0, 1], with anytime-valid bounds."""

    def __init__(self, grid: ArrayLike = GRID) -> None:
        """Begin without data; ``grid`` has the differences tested, in (-1, 1)."""
        grid = np.unique(np.round(np.asarray(grid, dtype=np.float64), 6))
        # A difference d in [-1, 1] is bet on as (d + 1) / 2.
        self._above = Capital((grid + 1) / 2)
        self._below = Capital(np.sort((1 - grid) / 2))
        self._waiting: tuple[Floats, Floats] = (np.empty(0), np.empty(0))
        self._sum = 0.0
        self.n = 0
        """Differences so far."""
        self.seen = (0, 0)
        """Outcomes so far: champion, challenger."""

    def add(self, champion: ArrayLike, challenger: ArrayLike) -> None:
        """Take the outcomes of a batch, each arm in order of time.

        Arms of equal length are paired one to one, which is right for shadow mode: there the
        n-th outcomes must be of the same request.

        Args:
            champion: shape (n,), in [0, 1].
            challenger: shape (m,), in [0, 1].

        Raises:
            OutcomeError: where one is outside [0, 1].
        """
        new = outcomes(champion, "champion's outcome"), outcomes(challenger, "challenger's outcome")
        self.seen = (self.seen[0] + len(new[0]), self.seen[1] + len(new[1]))
        ours, theirs = (
            np.concatenate([w, n])[-PENDING:] for w, n in zip(self._waiting, new, strict=True)
        )
        pairs = min(len(ours), len(theirs))
        if not pairs:
            self._waiting = (ours, theirs)
            return
        self._waiting = (np.empty(0), np.empty(0))
        differences = _means(theirs, pairs) - _means(ours, pairs)
        self.n += pairs
        self._sum += float(differences.sum())
        # Rounding may leave a mean of ones a hair above 1.
        self._above.add(np.clip((1 + differences) / 2, 0, 1))
        self._below.add(np.clip((1 - differences) / 2, 0, 1))

    @property
    def mean(self) -> float:
        """Mean difference so far; NaN before the first."""
        return self._sum / self.n if self.n else float("nan")

    def above(self, difference: float) -> float:
        """Log evidence, in nats, that the mean is above this difference of the grid."""
        return self._above.evidence((1 + difference) / 2)

    def below(self, difference: float) -> float:
        """Log evidence, in nats, that the mean is below this difference of the grid."""
        return self._below.evidence((1 - difference) / 2)

    def lower(self, alpha: float) -> float:
        """A bound that the mean is above, at all times, with probability 1 - alpha."""
        return 2 * self._above.lower(alpha) - 1

    def upper(self, alpha: float) -> float:
        """A bound that the mean is below, at all times, with probability 1 - alpha."""
        return 1 - 2 * self._below.lower(alpha)


def _means(values: Floats, groups: int) -> Floats:
    """Means of as many even, consecutive groups."""
    edges = np.arange(groups) * len(values) // groups
    sizes = np.diff(np.append(edges, len(values)))
    return np.asarray(np.add.reduceat(values, edges) / sizes, dtype=np.float64)
