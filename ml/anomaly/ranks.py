"""How rare a raw score is among the earlier ones, over several short means.

A rank has no unit and no distribution: a series whose distances have a heavy tail and one whose
distances are nearly constant get the same share of high ranks. So one threshold means the same for
series that have nothing in common, which the normal tail of :mod:`.likelihood` does not achieve.
It is the p-value of an inductive conformal anomaly detector (Laxhammar and Falkman 2010), as a
logarithm. Its calibration set is the past, which fades slowly, in bins of constant relative width
that merge at the low end, as in DDSketch (Masson et al. 2019): constant memory.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import islice

import numpy as np

from ml.anomaly.state import Arrays, Floats, array, part, within
from ml.anomaly.stream import Detector

MEANS = (1, 3, 8)
"""Points of the short means: a spike shows in the first, a changed course in the last."""

BINS = 512
"""Bins of a :class:`Tally`: 32 doublings below the highest value so far."""

STEPS = 16
"""Bins of a doubling: values less than 4 % apart may count as equal."""

HALVED_AT = 8192
"""Values in a :class:`Tally` at which all counts are halved: a month at five minutes a point, about
twice what a detector remembers. Old values fade then; below it nothing is forgotten."""


class Tally:
    """How many values there were of each size, for values of 0 or more."""

    def __init__(self) -> None:
        self._counts = np.zeros(BINS)
        self._total = 0.0
        # Number of the highest bin; bin n ends at 2 ** (n / STEPS).
        self._top: int | None = None

    @property
    def total(self) -> float:
        """Values counted."""
        return self._total

    def at_least(self, value: float) -> float:
        """How many are in the value's bin or a higher one."""
        place = self._place(value)
        return float(self._counts[place:].sum()) if place < BINS else 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        place = self._place(value)
        if self._top is None and value > 0.0:
            self._top = _bin(value)
        elif self._top is not None and place >= BINS:
            by = place - (BINS - 1)
            self._counts = _lowered(self._counts, by)
            self._top += by
            place = BINS - 1
        self._counts[place] += 1.0
        self._total += 1.0
        if self._total >= HALVED_AT:
            self._counts /= 2.0
            self._total /= 2.0

    def state(self) -> Arrays:
        """The counts, and the highest bin (NaN for none)."""
        top = math.nan if self._top is None else float(self._top)
        return {"counts": self._counts.copy(), "head": array([self._total, top])}

    def restore(self, arrays: Arrays) -> None:
        """Take them over."""
        self._counts = arrays["counts"].copy()
        self._total, top = arrays["head"].tolist()
        self._top = None if math.isnan(top) else int(top)

    def _place(self, value: float) -> int:
        """Position in the counts; beyond them if the value is higher than all."""
        if value <= 0.0:
            return 0
        if self._top is None:
            # All so far were 0.
            return BINS - 1
        return max(BINS - 1 + _bin(value) - self._top, 0)


class Ranks:
    """A detector whose scores are ranks among its own earlier scores.

    A score is the mean over the short means of minus the decimal logarithm of the share of earlier
    scores that are at least as high: 2 is one in a hundred.

    Args:
        detector: gives raw scores.
        means: points of each short mean.
        warm_up: points that only teach; they score 0.
    """

    def __init__(
        self, detector: Detector, means: tuple[int, ...] = MEANS, warm_up: int = 100
    ) -> None:
        self._detector = detector
        self._means = means
        self._warm_up = warm_up
        self._last: deque[float] = deque(maxlen=max(means))
        self._tallies = [Tally() for _ in means]

    def update(self, time: float, value: float) -> float:
        """See :class:`.stream.Detector`."""
        self._last.appendleft(self._detector.update(time, value))
        rarity = 0.0
        for length, tally in zip(self._means, self._tallies, strict=True):
            recent = list(islice(self._last, length))
            steady = math.fsum(recent) / len(recent)
            if tally.total >= self._warm_up:
                # Equal scores count as higher: what has been seen as often is not rare.
                rarity -= math.log10((tally.at_least(steady) + 1.0) / (tally.total + 1.0))
            tally.add(steady)
        return rarity / len(self._means)

    def state(self) -> Arrays:
        """See :class:`.stream.Detector`."""
        kept = {"last": array(self._last), **within("detector", self._detector.state())}
        for number, tally in enumerate(self._tallies):
            kept |= within(str(number), tally.state())
        return kept

    def restore(self, arrays: Arrays) -> None:
        """See :class:`.stream.Detector`."""
        self._last.clear()
        self._last.extend(arrays["last"].tolist())
        for number, tally in enumerate(self._tallies):
            tally.restore(part(str(number), arrays))
        self._detector.restore(part("detector", arrays))


def _bin(value: float) -> int:
    return math.ceil(STEPS * math.log2(value))


def _lowered(counts: Floats, by: int) -> Floats:
    """Counts moved down to make room for higher values; the lowest bins become one."""
    moved = np.zeros(BINS)
    moved[0] = counts[:by].sum()
    if by < BINS:
        moved[: BINS - by] += counts[by:]
    return moved
