"""Promote, go on, reject or roll back: a decision that may be asked for after every batch.

Every statement rests on a test that is valid at all times together (Ville's inequality; see
:mod:`.betting`), so looking often costs nothing. A challenger that is not better is promoted
with probability at most ``alpha``; one that harms nothing is rolled back with probability at most
``alpha_harm``, which three guards share (Bonferroni). Arms are compared within blocks of the same
moment only (:mod:`.blocks`), so both hold however the level of both arms changes together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from ml.canary.difference import GRID, Difference
from ml.canary.latency import RATIOS, LatencyRatio
from platform_assets.core.errors import WeirError

_GUARDS = 3  # outcome, errors, latency
QUICK = 0.005
"""Seconds that nobody waits for: a request over the network takes about as long."""


class RulesError(WeirError):
    """Rules under which nothing could be decided."""


class Verdict(StrEnum):
    """What to do with the challenger."""

    PROMOTE = "promote"
    CONTINUE = "continue"
    REJECT = "reject"
    """Not shown to be better within the labels allowed: end the trial."""
    ROLL_BACK = "roll back"
    """Shown to do harm: end the trial now."""


@dataclass(frozen=True)
class Rules:
    """What is asked of a challenger.

    Attributes:
        alpha: highest probability to promote one that is not better.
        alpha_harm: highest probability to roll back one that does no harm.
        gain: difference of mean outcomes that must be exceeded for promotion.
        loss: difference by which outcomes must be shown worse for a roll-back.
        errors: difference of error rates that is tolerated.
        latency: ratio of the slowest twentieth that is tolerated, challenger to champion of the
            same moment.
        labels: challenger's labelled outcomes after which the trial ends.
        quick: shorter latencies count as this, in seconds: thirty microseconds in place of fifteen
            are no reason against a model.
        grid: differences for which bounds are computed; the decision does not depend on it.
        ratios: the same for latency.

    Raises:
        RulesError: where one is outside its range.
    """

    alpha: float = 0.05
    alpha_harm: float = 0.05
    gain: float = 0.0
    loss: float = 0.0
    errors: float = 0.01
    latency: float = 1.2
    labels: int = 20_000
    quick: float = QUICK
    grid: tuple[float, ...] = tuple(GRID.tolist())
    ratios: tuple[float, ...] = RATIOS

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and 0 < self.alpha_harm < 1):
            raise RulesError("alpha and alpha_harm must be within 0 and 1", "0.05 is usual")
        if not all(0 <= value < 1 for value in (self.gain, self.loss, self.errors)):
            raise RulesError("gain, loss and errors must be at least 0 and below 1")
        if not self.latency >= 1 or self.labels < 1 or not self.quick >= 0:
            raise RulesError("latency and labels must be at least 1, quick at least 0")


@dataclass(frozen=True)
class Bounds:
    """Evidence about one quantity.

    Attributes:
        name: ``outcome``, ``errors`` (differences, challenger minus champion) or ``latency``
            (ratio of the slowest twentieth, challenger to champion).
        estimate: the difference seen; NaN without data, and for latency, of which only bounds
            are kept.
        lower: bound from below: for the outcome at level 1 - alpha (promotion looks at it), for
            errors and latency at 1 - alpha_harm / 3 (roll-back does).
        upper: bound from above: the other way round.
        good: log evidence that allows promotion, in nats.
        bad: log evidence for a roll-back, in nats.
        n: values of champion and challenger.
    """

    name: str
    estimate: float
    lower: float
    upper: float
    good: float
    bad: float
    n: tuple[int, int]


@dataclass(frozen=True)
class Decision:
    """What to do, why, and on what evidence.

    Attributes:
        verdict: what to do.
        reason: in words, for the record and for people.
        evidence: outcome, errors, latency.
    """

    verdict: Verdict
    reason: str
    evidence: tuple[Bounds, ...]


class Trial:
    """One challenger against the champion.

    A batch holds what both arms did in the same short time; what is compared is within batches (or
    a few small ones together, :mod:`.blocks`), never across them. Outcomes must be independent
    given the past: give one outcome a key, not one a request, where a key comes back. Labels must
    come equally late in both arms.
    """

    def __init__(self, rules: Rules | None = None) -> None:
        """Begin without data, by the default rules unless others are given."""
        self.rules = rules or Rules()
        grid = (*self.rules.grid, self.rules.gain, -self.rules.loss)
        self._outcome = Difference(grid)
        self._errors = Difference((*self.rules.grid, self.rules.errors))
        ratios = (*self.rules.ratios, self.rules.latency)
        self._latency = LatencyRatio(ratios, least=self.rules.quick)
        self._final: tuple[Verdict, str] | None = None

    def add_outcomes(self, champion: ArrayLike, challenger: ArrayLike) -> None:
        """Take a batch of labelled outcomes, higher is better.

        Args:
            champion: shape (n,), in [0, 1], in order of time.
            challenger: shape (m,), the same; in shadow mode request by request with the champion.

        Raises:
            OutcomeError: where one is outside [0, 1].
        """
        self._outcome.add(champion, challenger)

    def add_errors(self, champion: ArrayLike, challenger: ArrayLike) -> None:
        """Take a batch of one moment: 1 where a request failed, else 0; shapes (n,) and (m,).

        Raises:
            OutcomeError: where one is outside [0, 1].
        """
        self._errors.add(champion, challenger)

    def add_latencies(self, champion: ArrayLike, challenger: ArrayLike) -> None:
        """Take a batch of one moment: latencies in seconds; shapes (n,) and (m,).

        Raises:
            OutcomeError: where one is negative or not a number.
        """
        self._latency.add(champion, challenger)

    def decide(self) -> Decision:
        """The decision now; once it is not ``continue``, it stays."""
        if self._final is None:
            verdict, reason = self._judge()
            if verdict is not Verdict.CONTINUE:
                self._final = verdict, reason
        else:
            verdict, reason = self._final
        return Decision(verdict, reason, self._evidence())

    def _judge(self) -> tuple[Verdict, str]:
        rules = self.rules
        harm = rules.alpha_harm / _GUARDS
        enough_harm, enough = -np.log(harm), -np.log(rules.alpha)
        if self._outcome.below(-rules.loss) >= enough_harm:
            return Verdict.ROLL_BACK, f"outcomes are worse, by more than {rules.loss:g}"
        if self._errors.above(rules.errors) >= enough_harm:
            return Verdict.ROLL_BACK, f"the error rate is higher by more than {rules.errors:g}"
        if self._latency.above(rules.latency) >= enough_harm:
            return Verdict.ROLL_BACK, f"the p95 latency is above {rules.latency:g} times"
        missing = [
            what
            for what, shown in (
                (f"outcomes better by more than {rules.gain:g}", self._better(enough)),
                (
                    f"errors within {rules.errors:g}",
                    self._errors.below(rules.errors) >= enough,
                ),
                (
                    f"p95 latency within {rules.latency:g} times",
                    self._latency.below(rules.latency) >= enough,
                ),
            )
            if not shown
        ]
        if not missing:
            return Verdict.PROMOTE, f"outcomes are better, by more than {rules.gain:g}"
        told = "not shown yet: " + ", ".join(missing)
        if self._outcome.seen[1] >= rules.labels:
            return Verdict.REJECT, f"{rules.labels} labels, and {told}"
        return Verdict.CONTINUE, told

    def _better(self, enough: float) -> bool:
        return self._outcome.above(self.rules.gain) >= enough

    def _evidence(self) -> tuple[Bounds, ...]:
        rules = self.rules
        harm = rules.alpha_harm / _GUARDS
        outcome, errors, latency = self._outcome, self._errors, self._latency
        return (
            Bounds(
                "outcome", outcome.mean, outcome.lower(rules.alpha), outcome.upper(harm),
                outcome.above(rules.gain), outcome.below(-rules.loss), outcome.seen,
            ),
            Bounds(
                "errors", errors.mean, errors.lower(harm), errors.upper(rules.alpha),
                errors.below(rules.errors), errors.above(rules.errors), errors.seen,
            ),
            Bounds(
                "latency", float("nan"), latency.lower(harm), latency.upper(rules.alpha),
                latency.below(rules.latency), latency.above(rules.latency), latency.seen,
            ),
        )  # fmt: skip
