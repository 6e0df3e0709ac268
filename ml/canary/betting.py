"""Evidence about a mean that may be looked at after every batch: a gambler's capital.

To test "the mean is at most m", a gambler stakes a part c of the capital on each value y: the
capital is multiplied by 1 - c + c y / m, whose expectation is at most 1 as long as the claim is
true, whatever came before. So the capital is a supermartingale, and by Ville's inequality (1939)
the probability that it *ever* reaches 1 / alpha is at most alpha: stopping on a good day is
allowed. The stake is not known beforehand; the capital is the mean over several
stakes (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting",
JRSS B 86(1), 2024, there "diversified Kelly").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from platform_assets.core.errors import WeirError

Floats = NDArray[np.float64]

STAKES: Floats = np.geomspace(0.005, 0.9, 12)
"""Parts of the capital staked. The best one is near effect / variance, between these for effects
of half a point to several tens of points. The mean costs at most log 12 of the evidence."""

_CHUNK = 1024  # values at once: bounds the memory of a big batch


class OutcomeError(WeirError):
    """Values that are not outcomes, or a null that cannot be tested."""


def outcomes(values: ArrayLike, what: str = "outcome") -> Floats:
    """Values as an array of shape (n,), each in [0, 1].

    Raises:
        OutcomeError: where one is outside [0, 1] or not a number, or the shape is another.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise OutcomeError(f"{what}: {array.ndim} dimensions", "give one value per request")
    # Written so that NaN is refused as well.
    wrong = ~((array >= 0) & (array <= 1))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise OutcomeError(
            f"{what} {first} is {array[first]}, not within 0 and 1",
            "scale it with fixed bounds that are known before the data",
        )
    return array


def log_growth(values: Floats, nulls: Floats) -> Floats:
    """Log growth of the capital against "the mean is at most m", by null and stake.

    Args:
        values: shape (n,), in [0, 1].
        nulls: the m, shape (k,), in (0, 1].

    Returns:
        Shape (k, stakes): the sum over values of log(1 + c (y / m - 1)), in nats.
    """
    gains = values[:, None, None] / nulls[None, :, None] - 1
    return np.asarray(np.log1p(STAKES * gains).sum(axis=0), dtype=np.float64)


def log_mean(logs: Floats) -> Floats:
    """Log of the mean over the last axis of values given as logs."""
    top = logs.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(logs - top).mean(axis=-1)) + top[..., 0], dtype=np.float64)


class Capital:
    """Capital against "the mean is at most m", for several m at once.

    The capital falls as m grows, so the nulls refused at 1 / alpha are those below a bound: the
    lower end of a confidence sequence at level 1 - alpha, valid at all times together.
    """

    def __init__(self, nulls: ArrayLike) -> None:
        """Begin with a capital of 1.

        Args:
            nulls: the m, ascending, shape (k,), in (0, 1].

        Raises:
            OutcomeError: where one is outside (0, 1] or they do not ascend.
        """
        self.nulls = np.asarray(nulls, dtype=np.float64)
        if (
            self.nulls.ndim != 1
            or not len(self.nulls)
            or not ((self.nulls > 0) & (self.nulls <= 1)).all()
            or (np.diff(self.nulls) <= 0).any()
        ):
            raise OutcomeError("nulls must ascend within 0 (excluded) and 1")
        self._logs = np.zeros((len(self.nulls), len(STAKES)))
        self.peak: Floats = np.zeros(len(self.nulls))
        """Highest log capital seen at the end of a batch, shape (k,), in nats."""

    def add(self, values: ArrayLike) -> None:
        """Bet on the values of a batch, shape (n,), in [0, 1].

        Raises:
            OutcomeError: as :func:`outcomes`.
        """
        checked = outcomes(values)
        for start in range(0, len(checked), _CHUNK):
            self._logs += log_growth(checked[start : start + _CHUNK], self.nulls)
        self.peak = np.maximum(self.peak, log_mean(self._logs))

    def evidence(self, null: float) -> float:
        """Highest log capital against one of the nulls, in nats; log 20 refuses it at 5 %."""
        return float(self.peak[int(np.argmin(np.abs(self.nulls - null)))])

    def lower(self, alpha: float) -> float:
        """Largest null refused at level alpha, 0 where none is: a lower bound of the mean."""
        refused = np.flatnonzero(self.peak >= -np.log(alpha))
        return float(self.nulls[refused[-1]]) if len(refused) else 0.0
