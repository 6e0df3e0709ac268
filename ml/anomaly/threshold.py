"""A threshold that follows from a false-alarm rate, by extreme value theory, on a stream.

Belongs here: peaks over threshold, with and without drift. Does not belong here: what becomes of
an alarm (:mod:`.incidents`).

Source: Siffer et al. 2017, "Anomaly Detection in Streams with Extreme Value Theory", KDD,
algorithms 1 (POT), 2 (SPOT) and 3 (DSPOT). Two things differ: peaks are a bounded number (the
newest), so memory is constant; the tail's likelihood is maximised over a grid of its one free
ratio (Grimshaw 1993), with shapes below -1/2 left out, where the estimate is not regular.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from ml.anomaly.errors import AnomalyError, finite
from ml.anomaly.nab import Floats

PEAKS = 500
"""Peaks that the tail is fitted to: the newest."""


@dataclass(frozen=True)
class Tail:
    """A generalised Pareto distribution.

    Attributes:
        shape: above 0 heavy, 0 exponential, below 0 with an end.
        scale: in the scores' unit, above 0.
    """

    shape: float
    scale: float


def fit_tail(excess: Floats) -> Tail:
    """Maximum likelihood of a generalised Pareto distribution.

    With ``theta = shape / scale`` the best shape is ``mean(log(1 + theta y))``, which leaves one
    free number (Grimshaw 1993).

    Args:
        excess: shape (n,), values above the peaks' threshold minus it; all above 0.

    Raises:
        AnomalyError: there is no excess, or one is not above 0.
    """
    if not excess.size or not (excess > 0.0).all():
        raise AnomalyError("a tail needs values above its threshold", "give excesses above 0")
    mean, largest = float(excess.mean()), float(excess.max())
    steps = np.geomspace(1e-3, 1.0, 40)
    theta = np.concatenate([-steps[::-1] * (1.0 - 1e-6) / largest, 20.0 * steps / mean])
    shape = np.log1p(theta[:, None] * excess[None, :]).mean(axis=1)
    # Mean log likelihood: -log(scale) - shape - 1 with scale = shape / theta.
    likelihood = np.where(shape >= -0.5, -np.log(shape / theta) - shape - 1.0, -np.inf)
    best = int(likelihood.argmax())
    if likelihood[best] <= -math.log(mean) - 1.0:
        return Tail(0.0, mean)
    return Tail(float(shape[best]), float(shape[best] / theta[best]))


def level(tail: Tail, start: float, share: float, rate: float) -> float:
    """The value that is exceeded at a rate.

    Args:
        tail: of the excesses over ``start``.
        start: threshold of the peaks.
        share: of all values that are above it.
        rate: wanted share of values above the level, at most ``share``.
    """
    ratio = rate / share
    if abs(tail.shape) < 1e-9:
        return start - tail.scale * math.log(ratio)
    return start + tail.scale / tail.shape * math.expm1(-tail.shape * math.log(ratio))


class Spot:
    """Streaming peaks over threshold.

    The first ``warm_up`` values set the peaks' threshold (a quantile) and the first tail; none of
    them is an alarm. Then a value above :attr:`threshold` is an alarm and teaches nothing; one
    above the peaks' threshold refits the tail. The rate holds for values that are independent and
    come from one distribution; smoothed scores come in clusters, and it is then the rate of points
    in alarm, not of incidents.

    Args:
        rate: wanted share of alarms among ordinary values, for example 1e-4.
        warm_up: values; at least 200. With fewer than some hundred the tail is guesswork.
        start: quantile of the warm-up above which a value is a peak.

    Raises:
        AnomalyError: rate, warm-up or quantile make no sense together.
    """

    def __init__(self, rate: float = 1e-4, warm_up: int = 1000, start: float = 0.98) -> None:
        if not 0.0 < start < 1.0 or not 0.0 < rate < 1.0 - start:
            raise AnomalyError(
                f"a rate of {rate} does not lie beyond the quantile {start}",
                "give a rate above 0 and below 1 - start",
            )
        if warm_up < 200:
            raise AnomalyError(f"a warm-up of {warm_up} values", "give 200 or more")
        self._rate = rate
        self._quantile = start
        self._first: list[float] = []
        self._warm_up = warm_up
        self._peaks: deque[float] = deque(maxlen=PEAKS)
        self._above = 0
        self._count = 0
        self._start = math.inf
        self.threshold = math.inf
        """Values above it are alarms; infinite during the warm-up."""

    @property
    def ready(self) -> bool:
        """Whether the warm-up is over."""
        return math.isfinite(self.threshold)

    def update(self, value: float) -> bool:
        """Whether the value is an alarm; learn from it if not.

        Raises:
            AnomalyError: the value is NaN or infinite.
        """
        finite(value, "score")
        if not self.ready:
            self._first.append(value)
            if len(self._first) >= self._warm_up:
                self._calibrate()
            return False
        if value > self.threshold:
            return True
        self._count += 1
        if value > self._start:
            self._above += 1
            self._peaks.append(value - self._start)
            self._refit()
        return False

    def _calibrate(self) -> None:
        values = np.array(self._first)
        self._first.clear()
        self._start = float(np.quantile(values, self._quantile))
        peaks = values[values > self._start] - self._start
        self._count = values.size
        if not peaks.size:
            # The top values are all equal: one peak as small as floats of this size allow.
            peaks = np.array([max(abs(self._start), 1.0) * 1e-9])
        self._above = int(peaks.size)
        self._peaks.extend(peaks.tolist())
        self._refit()

    def _refit(self) -> None:
        # A tail of fewer values than the rate asks for has no level beyond its own start.
        share = max(self._above / self._count, self._rate)
        self.threshold = level(fit_tail(np.array(self._peaks)), self._start, share, self._rate)


class DSpot:
    """:class:`Spot` over the distance to a moving mean, for scores that drift.

    Args:
        depth: values of the moving mean; they come before the warm-up of :class:`Spot`.
        rate: see :class:`Spot`.
        warm_up: see :class:`Spot`.
        start: see :class:`Spot`.
    """

    def __init__(
        self, depth: int = 200, rate: float = 1e-4, warm_up: int = 1000, start: float = 0.98
    ) -> None:
        if depth < 1:
            raise AnomalyError(f"a moving mean over {depth} values", "give 1 or more")
        self._spot = Spot(rate, warm_up, start)
        self._last: deque[float] = deque(maxlen=depth)

    @property
    def ready(self) -> bool:
        """Whether both warm-ups are over."""
        return self._spot.ready

    @property
    def threshold(self) -> float:
        """The next value above it is an alarm; infinite during the warm-up."""
        return self._mean() + self._spot.threshold if self.ready else math.inf

    def update(self, value: float) -> bool:
        """Whether the value is an alarm; neither mean nor tail learn from alarms.

        Raises:
            AnomalyError: the value is NaN or infinite.
        """
        finite(value, "score")
        if len(self._last) < (self._last.maxlen or 0):
            self._last.append(value)
            return False
        alarm = self._spot.update(value - self._mean())
        if not alarm:
            self._last.append(value)
        return alarm

    def _mean(self) -> float:
        return math.fsum(self._last) / len(self._last)
