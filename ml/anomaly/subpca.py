"""Sub-PCA: how far the last values lie from the plane in which windows of this series live."""

from __future__ import annotations

from collections import deque

import numpy as np

from ml.anomaly.errors import finite
from ml.anomaly.state import Arrays, Floats, array


class SubPCA:
    """Distance of the last values to the principal subspace of earlier windows.

    Mean and covariance grow by one window at a time (Welford); the components that explain
    ``explained`` of the variance are refitted every ``refit`` points. The score is the Euclidean
    norm of what they leave over (Aggarwal 2017, "Outlier Analysis", section 3.3).

    Args:
        width: values of a window.
        explained: share of the variance that belongs to the plane, above 0 and below 1.
        refit: points between two decompositions.
    """

    def __init__(self, width: int = 24, explained: float = 0.9, refit: int = 50) -> None:
        self._last: deque[float] = deque(maxlen=width)
        self._mean = np.zeros(width)
        self._scatter = np.zeros((width, width))
        self._count = 0
        self._explained = explained
        self._refit = refit
        self._plane: Floats | None = None

    def update(self, time: float, value: float) -> float:  # noqa: ARG002
        """See :class:`.stream.Detector`."""
        self._last.append(finite(value, "value"))
        if len(self._last) < self._mean.size:
            return 0.0
        window = np.array(self._last)
        score = 0.0
        if self._plane is not None:
            centred = window - self._mean
            left = centred - self._plane @ (self._plane.T @ centred)
            score = float(np.sqrt(left @ left))
        self._learn(window)
        return score

    def state(self) -> Arrays:
        """See :class:`.stream.Detector`."""
        kept = {
            "last": array(self._last),
            "mean": self._mean.copy(),
            "scatter": self._scatter.copy(),
            "count": array([self._count]),
        }
        return kept if self._plane is None else {**kept, "plane": self._plane.copy()}

    def restore(self, arrays: Arrays) -> None:
        """See :class:`.stream.Detector`."""
        self._last.clear()
        self._last.extend(arrays["last"].tolist())
        self._mean = arrays["mean"].copy()
        self._scatter = arrays["scatter"].copy()
        self._count = int(arrays["count"][0])
        self._plane = np.ascontiguousarray(arrays["plane"]) if "plane" in arrays else None

    def _learn(self, window: Floats) -> None:
        self._count += 1
        before = window - self._mean
        self._mean += before / self._count
        self._scatter += np.outer(before, window - self._mean)
        if self._count >= 2 * self._mean.size and self._count % self._refit == 0:
            self._plane = self._components()

    def _components(self) -> Floats:
        # The sum of outer products is symmetric but for rounding.
        variances, vectors = np.linalg.eigh((self._scatter + self._scatter.T) / 2.0)
        variances, vectors = np.maximum(variances[::-1], 0.0), vectors[:, ::-1]
        total = float(variances.sum())
        if total <= 0.0:
            return np.zeros((self._mean.size, 0))
        share = np.cumsum(variances) / total
        return np.ascontiguousarray(vectors[:, : int(np.searchsorted(share, self._explained)) + 1])
