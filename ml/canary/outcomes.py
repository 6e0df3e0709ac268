"""What one answer was worth, in [0, 1], so that the mean over requests is a metric.

F1 = 2 TP / (2 TP + FP + FN) is no mean, but "F1 is above t" is a claim about one: it holds
exactly if the mean of 2 (1 - t) TP - t (FP + FN) is above 0, for the denominator is positive
(the same step as in Ye et al., "Optimizing F-measures", ICML 2012). That sum is scaled to [0, 1].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ml.canary.betting import Floats, OutcomeError


def correct(predicted: ArrayLike, actual: ArrayLike) -> Floats:
    """1 where the answer was right, else 0; shape (n,).

    Raises:
        OutcomeError: where the two have different shapes.
    """
    said, was = _pair(predicted, actual)
    return np.asarray(said == was, dtype=np.float64)


def f1_credit(predicted: ArrayLike, actual: ArrayLike, threshold: float) -> Floats:
    """Credit of each answer towards an F1 above the threshold.

    1 for a true positive, 0 for a false answer, t / (2 - t) for a true negative, which F1 ignores.
    The mean is above :func:`f1_level` exactly if F1 is above the threshold.

    Args:
        predicted: 0 or 1, shape (n,).
        actual: 0 or 1, shape (n,).
        threshold: t, in (0, 1); fixed before the data, e.g. the champion's F1 at validation.

    Raises:
        OutcomeError: where shapes differ or the threshold is no F1.
    """
    level = f1_level(threshold)
    said, was = _pair(predicted, actual)
    right = said == was
    return np.where(right, np.where(was == 1, 1.0, level), 0.0)


def f1_level(threshold: float) -> float:
    """The mean credit of a model whose F1 is exactly the threshold: t / (2 - t).

    Raises:
        OutcomeError: where the threshold is not within (0, 1).
    """
    if not 0 < threshold < 1:
        raise OutcomeError(
            f"{threshold} is not an F1 that can be tested", "give one between 0 and 1"
        )
    return threshold / (2 - threshold)


def _pair(predicted: ArrayLike, actual: ArrayLike) -> tuple[Floats, Floats]:
    said, was = np.asarray(predicted), np.asarray(actual)
    if said.shape != was.shape or said.ndim != 1:
        raise OutcomeError(
            f"{said.shape} answers and {was.shape} labels", "give one label per answer"
        )
    return said, was
