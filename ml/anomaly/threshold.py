"""A threshold that follows from a false-alarm rate, by extreme value theory, on a stream.

Source: Siffer et al. 2017, "Anomaly Detection in Streams with Extreme Value Theory", KDD,
algorithms 1 (POT) and 2 (SPOT). Three things differ. Peaks are a bounded number (the
newest), so memory is constant. The tail's likelihood is maximised over a grid of its one free
ratio (Grimshaw 1993), with shapes below -1/2 left out, where the estimate is not regular. And the
first alarm of a run enters the tail as a value known only to lie beyond the threshold: the paper
leaves alarms out, which cuts the tail off and gave four times the wanted rate.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from ml.anomaly.errors import AnomalyError, finite
from ml.anomaly.state import Arrays, Floats, array

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


def fit_tail(excess: Floats, beyond: Floats | None = None) -> Tail:
    """Maximum likelihood of a generalised Pareto distribution, some values known to be larger.

    With ``theta = shape / scale`` and k known values, the best shape is the sum of
    ``log(1 + theta y)`` over all values, divided by k; that leaves one free number (Grimshaw 1993,
    with the usual survival term for censored values).

    Args:
        excess: shape (n,), values above the peaks' threshold minus it; all above 0.
        beyond: shape (c,), what other values are known to exceed, likewise; none if None.

    Raises:
        AnomalyError: there is no excess, or one is not above 0.
    """
    censored = np.empty(0) if beyond is None else beyond
    everything = np.concatenate([excess, censored])
    if not excess.size or not (everything > 0.0).all():
        raise AnomalyError("a tail needs values above its threshold", "give excesses above 0")
    known = excess.size
    mean, largest = float(everything.sum()) / known, float(everything.max())
    steps = np.geomspace(1e-3, 1.0, 60)
    theta = np.concatenate([-steps[::-1] * (1.0 - 1e-6) / largest, 100.0 * steps / mean])
    logs = np.log1p(theta[:, None] * everything[None, :])
    shape = logs.sum(axis=1) / known
    # Log likelihood a known value, with scale = shape / theta.
    likelihood = -np.log(shape / theta) - logs[:, :known].sum(axis=1) / known - 1.0
    likelihood[shape < -0.5] = -np.inf
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
    them is an alarm. Then a value above the peaks' threshold refits the tail. One above
    :attr:`threshold` is an alarm; how far above teaches nothing, and a run of alarms counts once,
    so a long incident does not make itself ordinary. The rate holds for values that are independent
    and come from one distribution; smoothed scores come in clusters, and it is then the rate of
    points in alarm, not of incidents.

    Args:
        rate: wanted share of alarms among ordinary values, for example 1e-3.
        warm_up: values; at least 200. With fewer than some hundred the tail is guesswork.
        start: quantile of the warm-up above which a value is a peak.

    Raises:
        AnomalyError: rate, warm-up or quantile make no sense together.
    """

    def __init__(self, rate: float = 1e-3, warm_up: int = 1000, start: float = 0.98) -> None:
        if not 0.0 < start < 1.0 or not 0.0 < rate < 1.0 - start:
            raise AnomalyError(
                f"a rate of {rate} is not beyond the quantile {start}",
                "give a rate above 0 and below 1 - start",
            )
        if warm_up < 200:
            raise AnomalyError(f"a warm-up of {warm_up} values", "give 200 or more")
        self._rate = rate
        self._quantile = start
        self._first: list[float] = []
        self._warm_up = warm_up
        # Excess of each peak, and whether it is only known to be larger than that.
        self._peaks: deque[tuple[float, bool]] = deque(maxlen=PEAKS)
        self._in_alarm = False
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
        alarm = value > self.threshold
        if alarm and not self._in_alarm:
            self._count += 1
            self._above += 1
            self._peaks.append((self.threshold - self._start, True))
        elif not alarm:
            self._count += 1
            if value > self._start:
                self._above += 1
                self._peaks.append((value - self._start, False))
                self._refit()
        self._in_alarm = alarm
        return alarm

    def state(self) -> Arrays:
        """Everything that it remembers: the warm-up's values, or the newest peaks."""
        return {
            "first": array(self._first),
            "peaks": array(peak for peak, _ in self._peaks),
            "censored": array(float(censored) for _, censored in self._peaks),
            "counts": array([self._in_alarm, self._above, self._count]),
            "limits": array([self._start, self.threshold]),
        }

    def restore(self, arrays: Arrays) -> None:
        """Take over what :meth:`state` gave, of one with the same settings."""
        self._first = arrays["first"].tolist()
        known = arrays["censored"].astype(bool).tolist()
        self._peaks.clear()
        self._peaks.extend(zip(arrays["peaks"].tolist(), known, strict=True))
        alarm, above, count = arrays["counts"].tolist()
        self._in_alarm, self._above, self._count = bool(alarm), int(above), int(count)
        self._start, self.threshold = arrays["limits"].tolist()

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
        self._peaks.extend((peak, False) for peak in peaks.tolist())
        self._refit()

    def _refit(self) -> None:
        excess = np.array([peak for peak, censored in self._peaks if not censored])
        beyond = np.array([peak for peak, censored in self._peaks if censored])
        # A tail of fewer values than the rate asks for has no level beyond its own start.
        share = max(self._above / self._count, self._rate)
        self.threshold = level(fit_tail(excess, beyond), self._start, share, self._rate)
