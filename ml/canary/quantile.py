"""A quantile of latencies with bounds that hold at all times together.

"The p95 is at most x" says that at most 5 % of the latencies are above x: a claim about the mean
of zeros and ones (:mod:`.betting`). It is tested for each x of a grid. No correction for the
grid is due: the counts above x fall as x grows, so if any true claim is refused then the one at
the smallest true x is. (Howard and Ramdas, "Sequential estimation of quantiles with applications
to A/B testing and best-arm identification", Bernoulli 28(3), 2022, treat the same problem with
another boundary.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ml.canary.betting import Floats, OutcomeError, log_growth_counts, log_mean

GRID: Floats = np.geomspace(1e-4, 100.0, 500)
"""Latencies tested, in seconds: steps of 2.8 %, the resolution of the bounds."""


class Quantile:
    """Anytime-valid bounds of a quantile; keeps counts, not latencies."""

    def __init__(self, level: float = 0.95, least: float = 0.0) -> None:
        """Begin without data.

        Args:
            level: in (0, 1), 0.95 for the p95.
            least: shorter latencies count as this, in seconds. The grid begins at 0.1 ms: without
                it nothing can be said from below about a model that is quicker.
        """
        if not 0 < level < 1:
            raise OutcomeError(f"{level} is not the level of a quantile", "give 0.95 for the p95")
        self.level = level
        self._least = least
        self.n = 0
        self._above = np.zeros(len(GRID))
        self._high = np.zeros(len(GRID))
        self._low = np.zeros(len(GRID))

    def add(self, seconds: ArrayLike) -> None:
        """Count the latencies of a batch.

        Args:
            seconds: shape (n,), at least 0; infinity is a request that never came back.

        Raises:
            OutcomeError: where one is negative or not a number.
        """
        latencies = np.asarray(seconds, dtype=np.float64)
        if latencies.ndim != 1 or not (latencies >= 0).all():
            raise OutcomeError("a latency is negative or not a number", "give seconds")
        latencies = np.maximum(latencies, self._least)
        self.n += len(latencies)
        self._above += len(latencies) - np.searchsorted(np.sort(latencies), GRID, side="right")
        # Most of the grid is beyond all latencies, with equal counts: computed once.
        counts, where = np.unique(self._above, return_inverse=True)
        longer = log_mean(log_growth_counts(counts, self.n, 1 - self.level))
        shorter = log_mean(log_growth_counts(self.n - counts, self.n, self.level))
        self._high = np.maximum(self._high, longer[where])
        self._low = np.maximum(self._low, shorter[where])

    def lower(self, alpha: float) -> float:
        """Largest x of the grid that the quantile is shown to be above, in seconds, else 0."""
        refused = np.flatnonzero(self._high >= -np.log(alpha))
        return float(GRID[refused[-1]]) if len(refused) else 0.0

    def upper(self, alpha: float) -> float:
        """Smallest x of the grid that the quantile is shown not to exceed, else infinity."""
        refused = np.flatnonzero(self._low >= -np.log(alpha))
        return float(GRID[refused[0]]) if len(refused) else float("inf")
