"""A fresh champion on probation: is it as sound as the one before it?

What is known depends on who else answers:

- Where another version answers requests at the same time (a challenger on trial, in the shadow
  too), the champion is compared with it within blocks of the same moment, by the tests of a trial.
  What slows down or fails for both is then no fault of the champion.
- Where nobody else does, there are only limits: the error rate and the p95 latency of the champion
  before it, in the worst hour of its last days, with what is tolerated, and a floor for its
  outcomes. "The p95 is at most x" is the claim that 95 % of the latencies are at most x: like
  errors and outcomes a claim about a mean, so one :class:`ml.drift.concept.Monitor` watches each.
  A monitor starts a new bet with each window, so a champion that breaks on its second day is found
  as soon as one that breaks at once. A limit cannot tell the version from the machine: the
  champion before is returned to as a precaution, and the version is not blamed
  (:attr:`Watch.blamed`).

All of them together raise a false alarm with probability ``alpha`` at most (Bonferroni). The limits
do so as long as the level of the days before lasts; they stem from data, and take the unlucky end
of its sampling error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ml.canary.betting import Floats
from ml.canary.difference import Difference
from ml.canary.latency import LatencyRatio
from ml.canary.outcomes import f1_level
from ml.canary.sequential import QUICK
from ml.drift.concept import Health, Monitor
from ml.trials.replay import Flags, Metric, Outcomes, Requests, worth

_GUARDS = 6  # errors, latency, outcomes: against a limit, and against others
P95 = 0.95
HOUR = 3600.0
COVER = 60.0
"""Seconds for which no limit is applied after another version has answered: the comparison decides
then, although not every window has an answer of both. Longer, and a version that always fails
would be found late where another one answers seldom."""
LABEL_COVER = 2.0
"""The same for labels, in windows of labels."""
LEAST_REQUESTS = 200
"""Requests of the champion before, below which its latency (of an hour, or of all) says too
little."""
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
        more_errors: difference of error rates that is tolerated to another version.
        slower: ratio of latencies that is tolerated to another version.
        loss: difference of mean outcomes that is tolerated to another version.
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
    more_errors: float = 0.01
    slower: float = 1.5
    loss: float = 0.1

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
        before: its requests of the last days (of one arm). The level of the worst hour counts: a
            daily cycle is no fault of the version that comes at its foot.
        known: its last labelled answers.
        validated: its metric at validation; 0 where that is not known.
        metric: which one it is.
        tolerance: what may be lost.
        label_delay: see :class:`Probation`.
    """
    parts = [slice(None), *_hours(before.at)] if len(before.at) else []
    rates = [_highest_rate(before.failed[part]) for part in parts]
    latencies = [_highest_p95(before.seconds[part]) for part in parts[1:] or parts]
    floor = validated
    if len(known.at) >= LEAST_LABELS:
        # A level that has fallen for every model is no fault of the new one.
        floor = min(floor, _lived(known, metric))
    kept = max(0.0, floor * (1 - tolerance.outcome))
    return Probation(
        errors=min(max(rates, default=0.0) + tolerance.errors, 0.5),
        seconds=max(latencies, default=np.inf) * tolerance.latency,
        floor=kept,
        metric=metric,
        label_delay=label_delay,
        more_errors=tolerance.errors,
        slower=tolerance.latency,
        loss=_level(metric, floor) - _level(metric, kept) if kept else 0.0,
    )


class Watch:
    """The watch over one fresh champion, as far as its rows have been given."""

    def __init__(self, probation: Probation) -> None:
        """Begin without rows."""
        self.probation = probation
        alpha = probation.alpha / _GUARDS
        self._needed = -float(np.log(alpha))
        self._errors = Monitor(1 - probation.errors, alpha)
        self._latency = None if np.isinf(probation.seconds) else Monitor(P95, alpha)
        self._outcomes = _outcome_monitor(probation, alpha)
        # Against other versions, which stand where the champion of a trial does.
        self._more_errors = Difference((probation.more_errors,))
        self._slower = LatencyRatio((probation.slower,), least=QUICK)
        self._worse = Difference((-probation.loss,))
        self._others_at = self._others_labelled_at = -np.inf
        self.requests = 0
        self.outcomes = 0

    def add_requests(self, requests: Requests) -> None:
        """Take the requests of whole windows, later than all that was given before.

        Args:
            requests: of the fresh champion, and of other versions (flagged ``challenger``).
        """
        probation = self.probation
        for part in _windows(requests.at, probation.window, probation.hours * HOUR):
            others = requests.challenger[part]
            failed, seconds = requests.failed[part], requests.seconds[part]
            self.requests += int((~others).sum())
            self._more_errors.add(failed[others], failed[~others])
            self._slower.add(seconds[others], seconds[~others])
            if others.any():
                self._others_at = float(requests.at[part][-1])
            if others.all() or requests.at[part][0] - self._others_at < COVER:
                continue
            self._errors.add(1.0 - failed)
            if self._latency is not None:
                self._latency.add((seconds <= probation.seconds).astype(np.float64))

    def add_outcomes(self, outcomes: Outcomes) -> None:
        """Take the labelled answers of whole windows of labels, later than those before."""
        probation = self.probation
        if self._outcomes is None:
            return
        for part in _windows(outcomes.at, probation.label_window, probation.label_days * 86_400):
            others = outcomes.challenger[part]
            predicted, actual = outcomes.predicted[part], outcomes.actual[part]
            value = worth(probation.metric, probation.floor, predicted, actual)
            self.outcomes += int((~others).sum())
            self._worse.add(value[others], value[~others])
            if others.any():
                self._others_labelled_at = float(outcomes.at[part][-1])
            since = outcomes.at[part][0] - self._others_labelled_at
            if not others.all() and since >= LABEL_COVER * probation.label_window:
                self._outcomes.add(value)

    @property
    def broken(self) -> bool:
        """Whether a limit is broken, or another version shown to be better at the same moment."""
        return any(health.alarm for _, health in self.evidence)

    @property
    def blamed(self) -> bool:
        """Whether the version is shown to be the cause: others did better at the same moment."""
        return any(health.alarm for _, health in self._compared())

    @property
    def evidence(self) -> list[tuple[str, Health]]:
        """Limits (``errors``, ``latency``, ``outcome``) and comparisons, where there are any."""
        monitors = (
            ("errors", self._errors),
            ("latency", self._latency),
            ("outcome", self._outcomes),
        )
        limits = [(name, monitor.health) for name, monitor in monitors if monitor is not None]
        return limits + self._compared()

    @property
    def reason(self) -> str:
        """What was shown, in words."""
        limit = self.probation
        said = {
            "errors": f"its error rate is above {limit.errors:.3g}",
            "latency": f"its p95 latency is above {1000 * limit.seconds:.3g} ms",
            "outcome": f"its {limit.metric} on labels is below {limit.floor:.3g}",
        }
        shown = [said.get(name, health.reason) for name, health in self.evidence if health.alarm]
        if shown and not self.blamed:
            shown[-1] += (
                "; no other version answered at the time, so the cause may be outside the version"
            )
        return " and ".join(shown) or "nothing is shown against it"

    def _compared(self) -> list[tuple[str, Health]]:
        """The comparisons with other versions of the same moment, where there were any."""
        limit = self.probation
        more, slower, worse = self._more_errors, self._slower, self._worse
        found = (
            (
                "errors, others", more.above(limit.more_errors), more.mean, limit.more_errors,
                more.seen, "its error rate is above that of others of the same moment",
            ),
            (
                "latency, others", slower.above(limit.slower), float("nan"), limit.slower,
                slower.seen, "its latency is above that of others of the same moment",
            ),
            (
                "outcome, others", worse.below(-limit.loss), worse.mean, -limit.loss,
                worse.seen, f"its {limit.metric} is below that of others of the same moment",
            ),
        )  # fmt: skip
        return [
            (
                name,
                Health(
                    evidence >= self._needed, reason, evidence, self._needed, mean, tolerated,
                    seen[1], 0,
                ),
            )
            for name, evidence, mean, tolerated, seen, reason in found
            if seen[0]
        ]  # fmt: skip


def _outcome_monitor(probation: Probation, alpha: float) -> Monitor | None:
    if not probation.floor > 0:
        return None
    return Monitor(_level(probation.metric, probation.floor), alpha)


def _level(metric: Metric, value: float) -> float:
    """Mean worth of the answers of a model whose metric has this value."""
    return f1_level(value) if metric == "f1" else value


def _hours(at: Floats) -> list[slice]:
    """Rows of each hour that has enough of them."""
    return [part for part in _windows(at, HOUR, np.inf) if part.stop - part.start >= LEAST_REQUESTS]


def _windows(at: Floats, length: float, until: float) -> Iterator[slice]:
    """Rows of each window that has some, up to a time."""
    numbers = np.floor(at[: np.searchsorted(at, until)] / length)
    starts = np.flatnonzero(np.diff(numbers, prepend=-np.inf)).tolist()
    for start, stop in pairwise([*starts, len(numbers)]):
        yield slice(start, stop)


def _highest_rate(failed: Flags) -> float:
    """Clopper-Pearson bound from above, at level 1 - MARGIN."""
    from scipy.special import betaincinv

    n, k = len(failed), int(failed.sum())
    return float(betaincinv(k + 1, n - k, 1 - MARGIN)) if k < n else 1.0


def _highest_p95(seconds: Floats) -> float:
    """Bound of the p95 from above, at level 1 - MARGIN: an order statistic; no assumption.

    The k-th smallest of n is below the p95 with the probability that at least k of n draws are,
    which is binomial. Infinity where too few are known.
    """
    from scipy.stats import binom

    if len(seconds) < LEAST_REQUESTS:
        return float("inf")
    k = int(binom.ppf(1 - MARGIN, len(seconds), P95)) + 1
    return max(float(np.sort(seconds)[min(k, len(seconds)) - 1]), QUICK)


def _lived(known: Outcomes, metric: Metric) -> float:
    """The metric on labelled answers."""
    said, was = known.predicted == 1, known.actual == 1
    if metric == "accuracy":
        return float((said == was).mean())
    right = int((said & was).sum())
    total = int(said.sum()) + int(was.sum())
    return 2 * right / total if total else 0.0
