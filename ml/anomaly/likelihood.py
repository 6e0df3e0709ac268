"""How unlikely a raw score is for this series, and the short mean that steadies it."""

from __future__ import annotations

import math
from collections import deque

from ml.anomaly.state import Arrays, array, part, within
from ml.anomaly.stream import Detector

CEILING = 50.0
"""Highest surprise: beyond it the tail of a normal distribution says nothing."""


class Expanding:
    """Mean and deviation of all values so far (Welford 1962), in three numbers."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self._squares = 0.0

    def add(self, value: float) -> None:
        """Take one value."""
        self.count += 1
        step = value - self.mean
        self.mean += step / self.count
        self._squares += step * (value - self.mean)

    def state(self) -> Arrays:
        """The three numbers."""
        return {"moments": array([self.count, self.mean, self._squares])}

    def restore(self, arrays: Arrays) -> None:
        """Take them over."""
        count, self.mean, self._squares = arrays["moments"].tolist()
        self.count = int(count)

    @property
    def deviation(self) -> float:
        """Standard deviation of the sample; 0 for fewer than two values."""
        return math.sqrt(self._squares / (self.count - 1)) if self.count > 1 else 0.0


def surprise(value: float, mean: float, deviation: float) -> float:
    """Minus the decimal logarithm of a normal distribution's upper tail: 3 is one in a thousand.

    At most :data:`CEILING`; 0 or more. A deviation of 0 surprises by anything above the mean.
    """
    if deviation <= 0.0:
        return CEILING if value > mean else 0.0
    tail = 0.5 * math.erfc((value - mean) / deviation / math.sqrt(2.0))
    return min(CEILING, -math.log10(tail)) if tail > 0.0 else CEILING


def surprise_at(rate: float) -> float:
    """The surprise that ordinary scores exceed at this rate, if they are normally distributed.

    The least threshold that makes sense: scores have a heavier tail than that, never a lighter one
    for long, and a threshold found on a calm warm-up may lie far below.
    """
    return -math.log10(rate)


class Likelihood:
    """A detector whose scores are surprises against its own past.

    Raw scores are meaned over a few points first. After the anomaly likelihood of Lavin and Ahmad
    2015, with an expanding mean and deviation in place of a window: nothing is forgotten, and no
    length needs choosing.

    Args:
        detector: gives raw scores.
        mean_over: points of the short mean.
        warm_up: points that only teach; they score 0.
    """

    def __init__(self, detector: Detector, mean_over: int = 8, warm_up: int = 100) -> None:
        self._detector = detector
        self._past = Expanding()
        self._recent: deque[float] = deque(maxlen=mean_over)
        self._warm_up = warm_up

    def update(self, time: float, value: float) -> float:
        """See :class:`.stream.Detector`."""
        self._recent.append(self._detector.update(time, value))
        steady = math.fsum(self._recent) / len(self._recent)
        known = self._past.count >= self._warm_up
        surprised = surprise(steady, self._past.mean, self._past.deviation) if known else 0.0
        self._past.add(steady)
        return surprised

    def state(self) -> Arrays:
        """See :class:`.stream.Detector`."""
        return {
            "recent": array(self._recent),
            **within("past", self._past.state()),
            **within("detector", self._detector.state()),
        }

    def restore(self, arrays: Arrays) -> None:
        """See :class:`.stream.Detector`."""
        self._recent.clear()
        self._recent.extend(arrays["recent"].tolist())
        self._past.restore(part("past", arrays))
        self._detector.restore(part("detector", arrays))
