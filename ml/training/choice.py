"""Which candidate, and whether its scores are calibrated: by time-ordered validation.

Losses are log losses: a proper score, so that a candidate gains nothing by being sure. They are
averaged within groups (days), and the standard error is that of the groups' means, for rows of one
day are no independent evidence.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from ml.training.candidates import KINDS, Array, Matrix, fit, log_odds
from ml.training.evaluate import losses
from ml.training.validation import Fold


@dataclass(frozen=True)
class Calibration:
    """A straight line over the log-odds (Platt 1999): slope 1 and intercept 0 change nothing."""

    slope: float = 1.0
    intercept: float = 0.0

    def scores(self, odds: Array) -> Array:
        """Scores within 0 and 1 from log-odds."""
        result: Array = 1 / (1 + np.exp(-(self.slope * odds + self.intercept)))
        return result


@dataclass(frozen=True)
class Difference:
    """Mean difference of losses over groups, and its standard error."""

    mean: float
    error: float

    @property
    def shown(self) -> bool:
        """Whether it exceeds its standard error."""
        return self.mean > self.error


@dataclass(frozen=True)
class Choice:
    """What validation says.

    Attributes:
        kind: the candidate chosen.
        reason: in words.
        calibration: to apply to its log-odds.
        calibrated: whether that changes anything.
        rows: numbers of the scored rows, fold by fold.
        odds: log-odds of those rows by each candidate.
    """

    kind: str
    reason: str
    calibration: Calibration
    calibrated: bool
    rows: Array
    odds: Mapping[str, Array]

    @property
    def scores(self) -> Array:
        """Out-of-fold scores of the candidate chosen, one for each of ``rows``."""
        return self.calibration.scores(self.odds[self.kind])


def choose(
    matrix: Matrix, labels: Array, folds: Sequence[Fold], groups: Array, seed: int
) -> Choice | None:
    """Compare the candidates; the simpler one where the difference is within its error.

    Args:
        matrix: features, NaN where missing.
        labels: 0 or 1.
        folds: in order of time; one that trains on one class is left out.
        groups: of each row (its day).
        seed: of the candidates.

    Returns:
        The choice; None where no fold can be used, or the scored rows have one class.
    """
    usable = [fold for fold in folds if 0 < labels[fold.train].sum() < len(fold.train)]
    if not usable:
        return None
    rows = np.concatenate([fold.valid for fold in usable])
    truth = labels[rows]
    if not 0 < truth.sum() < len(truth):
        return None
    odds = {kind: _out_of_fold(kind, matrix, labels, usable, seed) for kind in KINDS}
    plain = Calibration()
    simple, complex_ = KINDS
    gain = _difference(
        losses(truth, plain.scores(odds[simple])) - losses(truth, plain.scores(odds[complex_])),
        groups[rows],
    )
    kind = complex_ if gain.shown else simple
    verdict = "is better by more than" if gain.shown else "is not better by more than"
    reason = (
        f"{complex_} {verdict} its standard error: log loss lower by {gain.mean:.5f} "
        f"(standard error {gain.error:.5f}, {len(np.unique(groups[rows]))} groups)"
    )
    sizes = [len(fold.valid) for fold in usable]
    calibration = _calibration(odds[kind], truth, groups[rows], sizes)
    return Choice(kind, reason, calibration or plain, calibration is not None, rows, odds)


def _out_of_fold(
    kind: str, matrix: Matrix, labels: Array, folds: Sequence[Fold], seed: int
) -> Array:
    parts = []
    for fold in folds:
        model = fit(kind, matrix[fold.train], labels[fold.train], seed)
        parts.append(log_odds(model, matrix[fold.valid]))
    return np.concatenate(parts)


def _calibration(
    odds: Array, truth: Array, groups: Array, sizes: Sequence[int]
) -> Calibration | None:
    """The map, where it helps on folds later than those that it was fitted on."""
    ends = np.cumsum(sizes)
    gains, seen = [], []
    for start, end in itertools.pairwise(ends):
        line = _line(odds[:start], truth[:start])
        if line is None:
            continue
        part = slice(start, end)
        plain, mapped = Calibration().scores(odds[part]), line.scores(odds[part])
        gains.append(losses(truth[part], plain) - losses(truth[part], mapped))
        seen.append(groups[part])
    if not gains or not _difference(np.concatenate(gains), np.concatenate(seen)).shown:
        return None
    return _line(odds, truth)


def _line(odds: Array, truth: Array) -> Calibration | None:
    if not 0 < truth.sum() < len(truth):
        return None
    fitted: Any = LogisticRegression(C=np.inf).fit(odds[:, None], truth)
    slope = float(fitted.coef_[0, 0])
    # A falling line would turn the order around: noise, not calibration.
    return Calibration(slope, float(fitted.intercept_[0])) if slope > 0 else None


def _difference(values: Array, groups: Array) -> Difference:
    _, codes = np.unique(groups, return_inverse=True)
    means = np.bincount(codes, weights=values) / np.bincount(codes)
    if len(means) < 2:
        return Difference(float(means.mean()), float("inf"))
    return Difference(float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means))))
