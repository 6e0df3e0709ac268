"""From labelled rows to a model: choose in order of time, fit on all rows, convert, measure.

Metrics are those of out-of-fold scores: each row is scored by a model that was trained on earlier
labels alone. The model that goes out is the chosen candidate fitted on *all* rows, the newest
included, for what has changed lately is what a retraining is for. The same rows and seed give the
same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from ml.spec import Metric
from ml.training.candidates import KINDS, Array, fit, log_odds
from ml.training.choice import Calibration, Choice, choose
from ml.training.dataset import Dataset
from ml.training.errors import Skipped
from ml.training.evaluate import Scores, best_threshold, intervals, measure
from ml.training.export import to_onnx
from ml.training.validation import expanding

REFERENCE_ROWS = 20_000
REFERENCE_DAYS = 7
"""Newest days of the training rows that later days are compared with: what the model saw last."""


@dataclass(frozen=True)
class Trained:
    """A model and what is known of it.

    Attributes:
        onnx: the file.
        answers: score of each row of the data set by the model itself; what the file must answer.
        choice: of the candidate, with its out-of-fold scores.
        threshold: at which the model's metric is best on the out-of-fold scores.
        validation: metrics of the out-of-fold scores.
        others: the same of each candidate, uncalibrated, at its own best threshold.
        intervals: 95 % of each metric, by users.
        scored: ``row`` (in the data set), ``at``, the label, ``score`` of the out-of-fold rows.
        reference: features of the newest days, at most :data:`REFERENCE_ROWS` rows.
        seed: of everything drawn.
    """

    onnx: bytes
    answers: Array
    choice: Choice
    threshold: float
    validation: Scores
    others: Mapping[str, Scores]
    intervals: Mapping[str, tuple[float, float]]
    scored: pl.DataFrame
    reference: pl.DataFrame
    seed: int


def train(dataset: Dataset, seed: int = 0, *, replicates: int = 100) -> Trained | Skipped:
    """Train a model, or say why that cannot be; ``replicates`` draws make the intervals."""
    if dataset.wanting:
        return Skipped(dataset.wanting)
    spec, matrix, labels = dataset.spec, dataset.matrix, dataset.labels
    seconds = dataset.seconds
    gap = int(dataset.recipe.horizon.total_seconds())
    folds = expanding(seconds, gap, spec.validation.folds)
    choice = choose(matrix, labels, folds, seconds, seed)
    if choice is None:
        return Skipped("no division in order of time has both labels in training and validation")
    truth, scores = labels[choice.rows], choice.scores
    threshold = best_threshold(truth, scores, spec.metric)
    model = fit(choice.kind, matrix, labels, seed)
    numbered = dataset.rows.select("at", spec.label.column).with_row_index("row")
    scored = numbered[choice.rows].with_columns(pl.Series("score", scores))
    users = dataset.rows["user_id"].to_numpy()[choice.rows]
    return Trained(
        onnx=to_onnx(model, choice.calibration, len(spec.features), spec.name),
        answers=choice.calibration.scores(log_odds(model, matrix)),
        choice=choice,
        threshold=threshold,
        validation=measure(truth, scores, threshold),
        others={kind: _alone(truth, choice.odds[kind], spec.metric) for kind in KINDS},
        intervals=intervals(truth, scores, threshold, users, seed, replicates),
        scored=scored,
        reference=_reference(dataset, seed),
        seed=seed,
    )


def _alone(truth: Array, odds: Array, metric: Metric) -> Scores:
    scores = Calibration().scores(odds)
    return measure(truth, scores, best_threshold(truth, scores, metric))


def _reference(dataset: Dataset, seed: int) -> pl.DataFrame:
    rows, names = dataset.rows, dataset.spec.features
    newest = rows.item(-1, "at")
    late = rows.filter(pl.col("at") > newest - timedelta(days=REFERENCE_DAYS)).select(names)
    if len(late) <= REFERENCE_ROWS:
        return late
    picked = np.random.default_rng(seed).choice(len(late), REFERENCE_ROWS, replace=False)
    return late[np.sort(picked)]
