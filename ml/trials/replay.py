"""A trial's stored rows, replayed in order of time into its test.

The test compares what both arms did in the same batch, so its answer depends on where one batch
ends and the next begins. Here batches are short windows of time, counted from the beginning of the
trial. So what changes for both arms cancels, and the decision is a
function of the rows alone: whoever looks, however often, and after any restart, finds the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml.canary.betting import Floats
from ml.canary.outcomes import correct, f1_credit
from ml.canary.sequential import Decision, Rules, Trial, Verdict

Metric = Literal["f1", "accuracy"]
Flags = NDArray[np.bool_]

_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5)
GRID = (*(-step for step in reversed(_STEPS)), 0.0, *_STEPS)
"""Differences for which bounds are told: a coarse grid keeps the replay of a busy day quick."""

TRACE = 200
"""Points of evidence over time that are kept, at most."""


@dataclass(frozen=True)
class Terms:
    """What a trial is judged by; fixed when it begins.

    Attributes:
        rules: of the test.
        metric: ``f1`` or ``accuracy``.
        level: F1 at which answers are credited: the champion's at validation; unused by accuracy.
        label_delay: how old an answer must be before its label counts, in seconds. Labels that come
            at different times for yes and no are so held back to the same age in both arms.
        window: length of a batch, in seconds.
    """

    rules: Rules = field(default_factory=lambda: Rules(grid=GRID))
    metric: Metric = "f1"
    level: float = 0.5
    label_delay: float = 0.0
    window: float = 10.0

    def to_json(self) -> dict[str, Any]:
        """As stored; the grids are left out, for no decision depends on them."""
        stored = asdict(self)
        del stored["rules"]["grid"], stored["rules"]["ratios"]
        return stored

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Terms:
        """The terms as stored."""
        return cls(**{**stored, "rules": Rules(**stored["rules"], grid=GRID)})


@dataclass(frozen=True)
class Requests:
    """Requests of both arms by the time they were answered; arrays of shape (n,).

    Attributes:
        at: seconds since the trial began, ascending.
        challenger: whether it was the challenger's.
        failed: whether it failed.
        seconds: how long it took.
    """

    at: Floats
    challenger: Flags
    failed: Flags
    seconds: Floats

    @classmethod
    def none(cls) -> Requests:
        """No request."""
        nobody = np.zeros(0, dtype=np.bool_)
        return cls(np.zeros(0), nobody, nobody, np.zeros(0))

    def end(self, window: float) -> float:
        """End of the window of the last request, in seconds since the trial began."""
        return float(np.floor(self.at[-1] / window) + 1) * window


@dataclass(frozen=True)
class Outcomes:
    """Labelled answers, one a key, by the time from which the label counts; shape (n,).

    Attributes:
        at: seconds since the trial began, ascending.
        challenger: whether the answer was the challenger's.
        predicted: 0 or 1.
        actual: 0 or 1.
    """

    at: Floats
    challenger: Flags
    predicted: NDArray[np.int64]
    actual: NDArray[np.int64]

    @classmethod
    def none(cls) -> Outcomes:
        """No label."""
        nothing = np.zeros(0, dtype=np.int64)
        return cls(np.zeros(0), np.zeros(0, dtype=np.bool_), nothing, nothing)

    def of_one_arm(self, *, challenger: bool) -> Outcomes:
        """Those of one arm."""
        rows = self.challenger == challenger
        return Outcomes(
            self.at[rows], self.challenger[rows], self.predicted[rows], self.actual[rows]
        )

    def part(self, start: int, stop: int) -> Outcomes:
        """A part of them, by position."""
        rows = slice(start, stop)
        return Outcomes(
            self.at[rows], self.challenger[rows], self.predicted[rows], self.actual[rows]
        )


@dataclass(frozen=True)
class Point:
    """Evidence at one time.

    Attributes:
        at: seconds since the trial began.
        labels: of the challenger.
        better: log evidence that outcomes are better, in nats.
        worse: log evidence that they are worse.
        failing: log evidence that errors are above what is tolerated.
    """

    at: float
    labels: int
    better: float
    worse: float
    failing: float


class Replay:
    """The test of one trial, as far as its rows have been given."""

    def __init__(self, terms: Terms) -> None:
        """Begin without rows."""
        self.terms = terms
        self._trial = Trial(terms.rules)
        self.decision: Decision = self._trial.decide()
        self.requests = 0
        """Rows taken so far; those after the decision are not."""
        self.outcomes = 0
        self.trace: list[Point] = []
        self._every = 1
        self._windows = 0

    def add(self, requests: Requests, outcomes: Outcomes) -> Decision:
        """Take the rows of whole windows, later than all that was given before.

        Args:
            requests: of these windows.
            outcomes: whose labels count from within these windows.

        Returns:
            The decision. Once it is not ``continue`` it stays, and later rows are passed over.
        """
        for at, asked, known in self._batches(requests, outcomes):
            if self.decision.verdict is not Verdict.CONTINUE:
                break
            self._take(requests, asked, outcomes, known)
            self.decision = self._trial.decide()
            self._note(at)
        return self.decision

    def _batches(
        self, requests: Requests, outcomes: Outcomes
    ) -> Iterator[tuple[float, slice, slice]]:
        """End of each window that has rows, with its requests and its outcomes."""
        asked = np.floor(requests.at / self.terms.window).astype(np.int64)
        known = np.floor(outcomes.at / self.terms.window).astype(np.int64)
        windows = np.union1d(asked, known)
        edges = (
            zip(
                np.searchsorted(numbers, windows, side="left").tolist(),
                np.searchsorted(numbers, windows, side="right").tolist(),
                strict=True,
            )
            for numbers in (asked, known)
        )
        for window, first, second in zip(windows.tolist(), *edges, strict=True):
            yield (window + 1) * self.terms.window, slice(*first), slice(*second)

    def _take(self, requests: Requests, asked: slice, outcomes: Outcomes, known: slice) -> None:
        theirs = requests.challenger[asked]
        failed, seconds = requests.failed[asked], requests.seconds[asked]
        if len(theirs):
            self._trial.add_errors(failed[~theirs], failed[theirs])
            self._trial.add_latencies(seconds[~theirs], seconds[theirs])
            self.requests += len(theirs)
        theirs = outcomes.challenger[known]
        if len(theirs):
            credit = worth(
                self.terms.metric,
                self.terms.level,
                outcomes.predicted[known],
                outcomes.actual[known],
            )
            self._trial.add_outcomes(credit[~theirs], credit[theirs])
            self.outcomes += len(theirs)

    def _note(self, at: float) -> None:
        self._windows += 1
        outcome, errors, _ = self.decision.evidence
        if self._windows % self._every == 0 or self.decision.verdict is not Verdict.CONTINUE:
            self.trace.append(Point(at, outcome.n[1], outcome.good, outcome.bad, errors.bad))
        if len(self.trace) > TRACE:
            self.trace = self.trace[1::2]
            self._every *= 2


def worth(
    metric: Metric, level: float, predicted: NDArray[np.int64], actual: NDArray[np.int64]
) -> Floats:
    """What each answer was worth, in [0, 1]; ``level`` is the F1 that is credited towards."""
    if metric == "accuracy":
        return correct(predicted, actual)
    return f1_credit(predicted, actual, level)
