"""Is the model still as good as at validation, although its inputs look the same?

The claim "the mean outcome is at least the floor" is bet against (:mod:`ml.canary.betting`). One
bet from the start would lose its stake in the good months and then need long to notice; so a new
bet begins with each period, the j-th with 1 / (j (j + 1)) of the capital. The stakes sum to 1, so
the whole is still a supermartingale: over the life of the model, a false alarm has at most the
probability alpha. (Mixtures over change points: Shin, Ramdas and Rinaldo, "E-detectors", New
England Journal of Statistics in Data Science 2(2), 2024. They bound how often an alarm comes; the
weights here bound whether one ever comes.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ml.canary.betting import STAKES, Floats, OutcomeError, log_growth, log_mean, outcomes


@dataclass(frozen=True)
class Health:
    """What is known about the metric.

    Attributes:
        alarm: whether the metric has fallen below the floor; once true it stays.
        reason: in words.
        evidence: highest log capital so far, in nats.
        needed: the log capital at which the alarm is raised.
        mean: mean outcome of the last period; NaN before the first.
        floor: what the mean must not fall below.
        n: labelled outcomes so far.
        since: first period of the bet that won most, counted from 1; 0 before the first. A guess
            at when the fall began, not an estimate with an error.
    """

    alarm: bool
    reason: str
    evidence: float
    needed: float
    mean: float
    floor: float
    n: int
    since: int


class Monitor:
    """Watches one version of a model; a new version gets a new monitor."""

    def __init__(self, floor: float, alpha: float = 0.01) -> None:
        """Begin without labels.

        Args:
            floor: what the mean outcome must not fall below, in (0, 1): the validation value less
                a tolerance, which must cover the sampling error of that value. For an F1, the
                :func:`~ml.canary.outcomes.f1_level` of the F1 that must not be missed, with
                :func:`~ml.canary.outcomes.f1_credit` of the same F1 as outcomes.
            alpha: highest probability of a false alarm over the life of the monitor.

        Raises:
            OutcomeError: where one is not within (0, 1).
        """
        if not 0 < floor < 1 or not 0 < alpha < 1:
            raise OutcomeError("floor and alpha must be within 0 and 1")
        self._floor = floor
        self._needed = -float(np.log(alpha))
        # Log growth of each stake up to the end of each period, shape (periods + 1, stakes).
        self._sums: Floats = np.zeros((1, len(STAKES)))
        self._peak = 0.0
        self._since = 0
        self._mean = float("nan")
        self._n = 0

    def add(self, values: ArrayLike) -> Health:
        """Take the labelled outcomes of a period and say how the model does.

        Args:
            values: shape (n,), in [0, 1], higher is better; none is allowed, and no period.

        Raises:
            OutcomeError: where one is outside [0, 1].
        """
        checked = outcomes(values)
        if len(checked):
            self._n += len(checked)
            self._mean = float(checked.mean())
            grown = log_growth(1 - checked, np.array([1 - self._floor]))[0]
            self._sums = np.vstack([self._sums, self._sums[-1] + grown])
            self._weigh()
        return self.health

    def _weigh(self) -> None:
        starts = np.arange(1, len(self._sums))
        logs = log_mean(self._sums[-1] - self._sums[:-1]) - np.log(starts * (starts + 1.0))
        # What is left for bets that have not begun.
        everything = np.append(logs, -np.log(len(self._sums)))
        capital = float(np.logaddexp.reduce(everything))
        if capital > self._peak:
            self._peak = capital
            self._since = int(np.argmax(logs)) + 1

    @property
    def health(self) -> Health:
        """What is known now."""
        alarm = self._peak >= self._needed
        reason = (
            f"the metric is below {self._floor:.4g}, likely since period {self._since}"
            if alarm
            else f"not shown to be below {self._floor:.4g}"
        )
        return Health(
            alarm, reason, self._peak, self._needed, self._mean, self._floor, self._n, self._since
        )
