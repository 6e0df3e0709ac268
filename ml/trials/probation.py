"""A fresh champion on probation: is it as sound as the one before it?

There is no other arm any more, so the champion is held against limits: the error rate and the p95
latency of the champion before it, with what is tolerated, and a floor for its outcomes. "The p95 is
at most x" is the claim that 95 % of the latencies are at most x: like errors and outcomes a claim
about a mean, and so one :class:`ml.drift.concept.Monitor` watches each. A monitor bets anew with
each window, so a champion that breaks on its second day is found as soon as one that breaks at
once. All three together raise a false alarm with probability ``alpha`` at most (Bonferroni), as far
as the limits hold; they stem from data, and take the unlucky end of its sampling error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ml.canary.betting import Floats
from ml.canary.outcomes import f1_level
from ml.canary.quantile import Quantile
from ml.canary.sequential import QUICK
from ml.drift.concept import Health, Monitor
from ml.trials.replay import Metric, Outcomes, Requests, worth

_GUARDS = 3  # errors, latency, outcomes
P95 = 0.95
LEAST_REQUESTS = 200
"""Requests of the champion before, below which its latency says too little."""
LEAST_LABELS = 200
MARGIN = 0.01
"""Probability that chance alone puts a limit beyond the true rate of the champion before."""


@dataclass(frozen=True)
class Probation:
    """What a fresh champion is held to.

    Attributes:
        errors: highest error rate allowed.
        seconds: highest p95 latency allowed; infinity: nothing is known about the one before.
        floor: lowest outcome allowed: an accuracy, or an F1; 0: outcomes are not watched.
        metric: ``f1`` or ``accuracy``.
        alpha: highest probability of a false alarm.
        label_delay: as :attr:`ml.trials.replay.Terms.label_delay`, in seconds.
        window: length of a window of requests, in seconds.
        hours: how long requests are watched.
        label_window: length of a window of labels, in seconds; labels come late and few.
        label_days: how long labels are watched.
    """

    errors: float
    seconds: float
    floor: float
    metric: Metric = "f1"
    alpha: float = 0.05
    label_delay: float = 0.0
    window: float = 20.0
    hours: float = 24.0
    label_window: float = 1800.0
    label_days: float = 30.0

    def to_json(self) -> dict[str, Any]:
        """As stored; JSON has no infinity."""
        stored = asdict(self)
        stored["seconds"] = None if np.isinf(self.seconds) else self.seconds
        return stored

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Probation:
        """As it was stored."""
        seconds = stored["seconds"]
        return cls(**{**stored, "seconds": float("inf") if seconds is None else seconds})


@dataclass(frozen=True)
class Tolerance:
    """By how much a fresh champion may fall behind the one before it.

    Attributes:
        errors: added to the error rate.
        latency: factor on the p95.
        outcome: part of the outcome that may be lost, from 0 to 1.
    """

    errors: float = 0.01
    latency: float = 1.5
    outcome: float = 0.2


def limits(
    before: Requests,
    known: Outcomes,
    validated: float,
    metric: Metric,
    tolerance: Tolerance,
    label_delay: float = 0.0,
) -> Probation:
    """The limits that follow from the champion before.

    Args:
        before: its last requests (of one arm).
        known: its last labelled answers.
        validated: its metric at validation; 0 where that is not known.
        metric: which one it is.
        tolerance: what may be lost.
        label_delay: see :class:`Probation`.
    """
    n, failed = len(before.at), int(before.failed.sum())
    rate = _highest_rate(failed, n) if n else 0.0
    quantile = Quantile(P95, QUICK)
    if n >= LEAST_REQUESTS:
        quantile.add(before.seconds)
    floor = validated
    if len(known.at) >= LEAST_LABELS:
        # A level that has fallen for every model is no fault of the new one.
        floor = min(floor, _lived(known, metric))
    return Probation(
        errors=min(rate + tolerance.errors, 0.5),
        seconds=quantile.upper(MARGIN) * tolerance.latency,
        floor=max(0.0, floor * (1 - tolerance.outcome)),
        metric=metric,
        label_delay=label_delay,
    )


class Watch:
    """The watch over one fresh champion, as far as its rows have been given."""

    def __init__(self, probation: Probation) -> None:
        """Begin without rows."""
        self.probation = probation
        alpha = probation.alpha / _GUARDS
        self._errors = Monitor(1 - probation.errors, alpha)
        self._latency = None if np.isinf(probation.seconds) else Monitor(P95, alpha)
        self._outcomes = _outcome_monitor(probation, alpha)
        self.requests = 0
        self.outcomes = 0

    def add_requests(self, requests: Requests) -> None:
        """Take the requests of whole windows, later than all that was given before."""
        probation = self.probation
        for part in _windows(requests.at, probation.window, probation.hours * 3600):
            self.requests += part.stop - part.start
            self._errors.add(1.0 - requests.failed[part])
            if self._latency is not None:
                self._latency.add((requests.seconds[part] <= probation.seconds).astype(np.float64))

    def add_outcomes(self, outcomes: Outcomes) -> None:
        """Take the labelled answers of whole windows of labels, later than those before."""
        probation = self.probation
        if self._outcomes is None:
            return
        for part in _windows(outcomes.at, probation.label_window, probation.label_days * 86_400):
            self.outcomes += part.stop - part.start
            predicted, actual = outcomes.predicted[part], outcomes.actual[part]
            self._outcomes.add(worth(probation.metric, probation.floor, predicted, actual))

    @property
    def broken(self) -> bool:
        """Whether one of the monitors has raised its alarm."""
        return any(health.alarm for _, health in self.evidence)

    @property
    def evidence(self) -> list[tuple[str, Health]]:
        """``errors``, ``latency``, ``outcome``, as far as they are watched."""
        monitors = (
            ("errors", self._errors),
            ("latency", self._latency),
            ("outcome", self._outcomes),
        )
        return [(name, monitor.health) for name, monitor in monitors if monitor is not None]

    @property
    def reason(self) -> str:
        """What was shown, in words."""
        limit = self.probation
        said = {
            "errors": f"its error rate is above {limit.errors:.3g}",
            "latency": f"its p95 latency is above {1000 * limit.seconds:.3g} ms",
            "outcome": f"its {limit.metric} on labels is below {limit.floor:.3g}",
        }
        shown = [said[name] for name, health in self.evidence if health.alarm]
        return " and ".join(shown) or "nothing is shown against it"


def _outcome_monitor(probation: Probation, alpha: float) -> Monitor | None:
    if not probation.floor > 0:
        return None
    level = f1_level(probation.floor) if probation.metric == "f1" else probation.floor
    return Monitor(level, alpha)


def _windows(at: Floats, length: float, until: float) -> Iterator[slice]:
    """Rows of each window that has some, up to a time."""
    numbers = np.floor(at[: np.searchsorted(at, until)] / length)
    starts = np.flatnonzero(np.diff(numbers, prepend=-1.0)).tolist()
    for start, stop in pairwise([*starts, len(numbers)]):
        yield slice(start, stop)


def _highest_rate(failed: int, n: int) -> float:
    """Clopper-Pearson bound from above, at level 1 - MARGIN."""
    from scipy.special import betaincinv

    return float(betaincinv(failed + 1, n - failed, 1 - MARGIN)) if failed < n else 1.0


def _lived(known: Outcomes, metric: Metric) -> float:
    """The metric on labelled answers."""
    said, was = known.predicted == 1, known.actual == 1
    if metric == "accuracy":
        return float((said == was).mean())
    right = int((said & was).sum())
    total = int(said.sum()) + int(was.sum())
    return 2 * right / total if total else 0.0
