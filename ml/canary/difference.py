"""Two arms' outcomes as one stream of differences, and bounds of its mean.

Within a block of the same moment (:mod:`.blocks`), each outcome of the smaller arm is paired with
the mean of its even part of the larger arm's outcomes. The arms are drawn by hash and grouped in
random order, so whichever of a group's outcomes is the challenger's is a matter of chance, as long
as the arms are equally good: the expectation of its difference is 0, given all before it, whatever
the level of the moment. Order of time would not do. Where the level changes within a block, the arm
that happens to have more of its requests before the change would have a run of differences of one
sign, which bets on single differences take for evidence. At a share of 5 % the mean of 19 champions
adds little variance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ml.canary.betting import Capital, Floats, outcomes
from ml.canary.blocks import Blocks

_DIGITS = 6  # of a difference of the grid

GRID: Floats = np.unique(
    np.round(
        np.concatenate(
            [
                np.arange(-0.98, 1.0, 0.02),
                np.arange(-0.1, 0.1001, 0.005),
                np.arange(-0.02, 0.0201, 0.001),
            ]
        ),
        _DIGITS,
    )
)
"""Differences tested: steps of 0.1 points near zero, of 2 points far away."""


class Difference:
    """Mean of challenger minus champion, for outcomes in [0, 1], with anytime-valid bounds."""

    def __init__(self, grid: ArrayLike = GRID) -> None:
        """Begin without data; ``grid`` has the differences tested, in (-1, 1)."""
        grid = np.unique(np.round(np.asarray(grid, dtype=np.float64), _DIGITS))
        # A difference d in [-1, 1] is bet on as (d + 1) / 2.
        self._above = Capital((grid + 1) / 2)
        self._below = Capital(np.sort((1 - grid) / 2))
        self._blocks = Blocks()
        self._sum = 0.0
        self.n = 0
        """Differences so far."""
        self.seen = (0, 0)
        """Outcomes so far: champion, challenger."""

    def add(self, champion: ArrayLike, challenger: ArrayLike) -> None:
        """Take the outcomes of a batch of one moment, each arm in order of time.

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
        block = self._blocks.add(*new)
        if block is None:
            return
        ours, theirs = block
        pairs = min(len(ours), len(theirs))
        if len(ours) != len(theirs):
            ours, theirs = self._mixed(ours), self._mixed(theirs)
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
        return round(2 * self._above.lower(alpha) - 1, _DIGITS)

    def upper(self, alpha: float) -> float:
        """A bound that the mean is below, at all times, with probability 1 - alpha."""
        return round(1 - 2 * self._below.lower(alpha), _DIGITS)

    def _mixed(self, values: Floats) -> Floats:
        """In an order that depends on nothing but how many there are, so that a replay has it."""
        return np.random.default_rng([self.n, len(values)]).permutation(values)


def _means(values: Floats, groups: int) -> Floats:
    """Means of as many even, consecutive groups."""
    edges = np.arange(groups) * len(values) // groups
    sizes = np.diff(np.append(edges, len(values)))
    return np.asarray(np.add.reduceat(values, edges) / sizes, dtype=np.float64)
