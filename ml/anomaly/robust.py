"""Rolling robust z-score: the floor that every other detector has to beat."""

from __future__ import annotations

import numpy as np

from ml.anomaly.errors import finite
from ml.anomaly.state import Arrays, Floats, array

_NORMAL = 1.4826
"""Makes the median absolute deviation estimate a normal distribution's standard deviation."""


class RobustZ:
    """Distance to the rolling median in robust standard deviations (Iglewicz and Hoaglin 1993).

    Args:
        window: values remembered.
        warm_up: values before the first score; earlier ones score 0.
    """

    def __init__(self, window: int = 300, warm_up: int = 30) -> None:
        self._last = np.zeros(window)
        self._seen = 0
        self._warm_up = max(2, min(warm_up, window))

    def update(self, time: float, value: float) -> float:  # noqa: ARG002
        """See :class:`.stream.Detector`."""
        finite(value, "value")
        known = self._last[: self._seen]
        score = _robust_z(known, value) if known.size >= self._warm_up else 0.0
        self._last[self._seen % self._last.size] = value
        self._seen += 1
        return score

    def state(self) -> Arrays:
        """See :class:`.stream.Detector`."""
        return {"last": self._last.copy(), "seen": array([self._seen])}

    def restore(self, arrays: Arrays) -> None:
        """See :class:`.stream.Detector`."""
        self._last[:] = arrays["last"]
        self._seen = int(arrays["seen"][0])


def _robust_z(known: Floats, value: float) -> float:
    middle = known.size // 2
    median = np.partition(known, middle)[middle]
    deviation = np.partition(np.abs(known - median), middle)[middle]
    if deviation <= 0.0:
        # More than half of the values are equal: the mean deviation still knows a scale.
        deviation = np.abs(known - median).mean()
    # The smallest scale that floats of this size can tell apart.
    scale = max(float(_NORMAL * deviation), 1e-9 * max(1.0, abs(float(median))))
    return float(abs(value - median) / scale)
