"""How much slower the challenger is than the champion at the same moment.

To test "the challenger takes at most r times as long", its latencies are divided by r and pooled
with the champion's of the same block (:mod:`.blocks`). The slowest twentieth of the pool is marked.
If the claim holds with equality, the arms within a block are exchangeable, so the number K of the
challenger's values among the marks is hypergeometric, whatever the level of the moment is. For odds
w > 1, w^K / E[w^K] has expectation 1 then, and at most 1 where the challenger is quicker than
claimed, because K only falls. The product over blocks is a supermartingale to which Ville's
inequality applies. Odds w < 1 test the opposite claim, "at least r times as long". This is the
exact conditional test of a two-by-two table in each stratum, as in the log-rank test that may be
looked at any time (ter Schure, Perez-Ortiz, Ly and Grünwald, "The anytime-valid logrank test",
arXiv:2011.06931, 2020), with blocks in place of event times.

"At most r times as long" is meant for the slow end of the latencies, which is all that the marks
see; where the arms' distributions have different shapes, the ratio is about that of the p95 of the
moment.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from ml.canary.betting import Floats, OutcomeError, log_mean
from ml.canary.blocks import Blocks

RATIOS = (0.25, 0.4, 0.5, 0.67, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 2.5, 4.0)
"""Ratios for which bounds are told; no decision depends on them."""
MARKED = 0.05
"""Part of a block that counts as slow: the p95 is what is compared."""
ODDS: Floats = np.array([1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0])
"""Odds bet on: the evidence is the mean over them and costs at most log 7."""

_BETS: Floats = np.log(np.concatenate([ODDS, 1 / ODDS]))


class LatencyRatio:
    """Evidence about ratios of the challenger's latency to the champion's."""

    def __init__(self, ratios: ArrayLike = RATIOS, least: float = 0.0) -> None:
        """Begin without data.

        Args:
            ratios: those tested, above 0.
            least: shorter latencies count as this, in seconds.
        """
        self.ratios: Floats = np.unique(np.asarray(ratios, dtype=np.float64))
        self._least = least
        self._blocks = Blocks()
        self._logs = np.zeros((len(self.ratios), len(_BETS)))
        self._above = np.zeros(len(self.ratios))
        self._below = np.zeros(len(self.ratios))
        self.seen = (0, 0)
        """Latencies so far: champion, challenger."""

    def add(self, champion: ArrayLike, challenger: ArrayLike) -> None:
        """Take the latencies of a batch of one moment.

        Args:
            champion: shape (n,), in seconds, at least 0; infinity is a request that never came
                back.
            challenger: shape (m,), the same.

        Raises:
            OutcomeError: where one is negative or not a number.
        """
        new = self._checked(champion), self._checked(challenger)
        self.seen = (self.seen[0] + len(new[0]), self.seen[1] + len(new[1]))
        block = self._blocks.add(*new)
        if block is None:
            return
        self._logs += _log_growth(*block, self.ratios)
        half = len(ODDS)
        self._above = np.maximum(self._above, log_mean(self._logs[:, :half]))
        self._below = np.maximum(self._below, log_mean(self._logs[:, half:]))

    def above(self, ratio: float) -> float:
        """Highest log evidence, in nats, that the ratio is above this one of those tested."""
        return float(self._above[self._position(ratio)])

    def below(self, ratio: float) -> float:
        """Highest log evidence, in nats, that the ratio is below this one of those tested."""
        return float(self._below[self._position(ratio)])

    def lower(self, alpha: float) -> float:
        """A bound that the ratio is above, at all times, with probability 1 - alpha; 0: none."""
        shown = int(np.argmin(np.append(self._above >= -np.log(alpha), False)))
        return float(self.ratios[shown - 1]) if shown else 0.0

    def upper(self, alpha: float) -> float:
        """A bound that the ratio is below, at all times, with probability 1 - alpha."""
        shown = int(np.argmin(np.append(self._below[::-1] >= -np.log(alpha), False)))
        return float(self.ratios[-shown]) if shown else math.inf

    def _position(self, ratio: float) -> int:
        return int(np.argmin(np.abs(self.ratios - ratio)))

    def _checked(self, seconds: ArrayLike) -> Floats:
        latencies = np.asarray(seconds, dtype=np.float64)
        # Written so that NaN is refused as well.
        if latencies.ndim != 1 or not (latencies >= 0).all():
            raise OutcomeError("a latency is negative or not a number", "give seconds")
        return np.maximum(latencies, self._least)


def _log_growth(champion: Floats, challenger: Floats, ratios: Floats) -> Floats:
    """Log growth of each bet in one block, shape (ratios, bets)."""
    n, m = len(champion), len(challenger)
    scaled = challenger / ratios[:, None]
    pool = np.concatenate([np.broadcast_to(champion, (len(ratios), n)), scaled], axis=1)
    first = n + m - math.ceil(MARKED * (n + m))
    # Ties with the least of the marked are marked too: a function of the pool alone.
    limit = np.partition(pool, first, axis=1)[:, first, None]
    marked = (pool >= limit).sum(axis=1)
    theirs = (scaled >= limit).sum(axis=1)
    different, which = np.unique(marked, return_inverse=True)
    means = np.array([_log_mean_power(n, m, int(count)) for count in different])
    return np.asarray(theirs[:, None] * _BETS - means[which], dtype=np.float64)


def _log_mean_power(n: int, m: int, marked: int) -> Floats:
    """Log of E[w^K] for each bet; K is how many of m values are among the marked of n + m."""
    k: NDArray[np.float64] = np.arange(max(0, marked - n), min(marked, m) + 1, dtype=np.float64)
    ways = _log_choose(float(marked), k) + _log_choose(float(n + m - marked), m - k)
    logs = (ways - _log_choose(float(n + m), np.array([float(m)])))[:, None] + k[:, None] * _BETS
    return np.asarray(np.logaddexp.reduce(logs, axis=0), dtype=np.float64)


def _log_choose(of: float, some: Floats) -> Floats:
    return np.asarray(
        gammaln(of + 1) - gammaln(some + 1) - gammaln(of - some + 1), dtype=np.float64
    )
