"""How rare a raw score is among the last ones, over several short means.

A rank has no unit and no distribution: a series whose distances have a heavy tail and one whose
distances are nearly constant get the same share of high ranks. So one threshold means the same for
series that have nothing in common, which the normal tail of :mod:`.likelihood` does not achieve.
It is the p-value of an inductive conformal anomaly detector (Laxhammar and Falkman 2010) with a
sliding calibration window, as a logarithm.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from itertools import islice

import numpy as np

from ml.anomaly.state import Arrays, part, within
from ml.anomaly.stream import Detector

MEANS = (1, 3, 8)
"""Points of the short means: a spike shows in the first, a changed course in the last."""

MEMORY = 3600
"""Scores that a rank is among; somewhat fewer than the values that a detector keeps."""


class Ranks:
    """A detector whose scores are ranks among its own last scores.

    A score is the mean over the short means of minus the decimal logarithm of the share of last
    scores that are at least as high: 2 is one in a hundred.

    Args:
        detector: gives raw scores.
        means: points of each short mean.
        warm_up: points that only teach; they score 0.
        memory: scores that a rank is among.
    """

    def __init__(
        self,
        detector: Detector,
        means: tuple[int, ...] = MEANS,
        warm_up: int = 100,
        memory: int = MEMORY,
    ) -> None:
        self._detector = detector
        self._means = means
        self._warm_up = warm_up
        self._memory = memory
        # Enough raw scores to compute every mean again that a rank is among.
        self._raw: deque[float] = deque(maxlen=memory + max(means))
        self._past: list[deque[float]] = [deque() for _ in means]
        self._sorted: list[list[float]] = [[] for _ in means]

    def update(self, time: float, value: float) -> float:
        """See :class:`.stream.Detector`."""
        # In single precision, so that what is kept is half as large and yet exact.
        self._raw.append(float(np.float32(self._detector.update(time, value))))
        return self._learn()

    def state(self) -> Arrays:
        """See :class:`.stream.Detector`."""
        raw = np.array(self._raw, dtype=np.float32)
        # Two in the place of one; an odd number of them is led by a NaN.
        even = np.concatenate([np.full(raw.size % 2, np.nan, dtype=np.float32), raw])
        return {"raw": even.view(np.float64), **within("detector", self._detector.state())}

    def restore(self, arrays: Arrays) -> None:
        """See :class:`.stream.Detector`."""
        self._raw.clear()
        self._past = [deque() for _ in self._means]
        self._sorted = [[] for _ in self._means]
        raw = np.ascontiguousarray(arrays["raw"]).view(np.float32)
        for one in raw[np.isfinite(raw)].tolist():
            self._raw.append(one)
            self._learn()
        self._detector.restore(part("detector", arrays))

    def _learn(self) -> float:
        """The rank of the newest raw score; it is among the past from here on."""
        total = 0.0
        last = list(islice(reversed(self._raw), max(self._means)))
        for length, past, ordered in zip(self._means, self._past, self._sorted, strict=True):
            recent = last[:length]
            steady = math.fsum(recent) / len(recent)
            if len(ordered) >= self._warm_up:
                # Equal scores count as higher: what has been seen as often is not rare.
                higher = len(ordered) - bisect_left(ordered, steady)
                total -= math.log10((higher + 1) / (len(ordered) + 1))
            if len(past) == self._memory:
                del ordered[bisect_left(ordered, past.popleft())]
            past.append(steady)
            insort(ordered, steady)
        return total / len(self._means)
