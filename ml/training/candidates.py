"""The models that are tried, the simplest first.

Fitting runs on one thread: sums of floats depend on how they are divided, and the same data and
seed must give the same bits on a machine with more cores.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

Array = np.ndarray[tuple[int], np.dtype[Any]]
Matrix = np.ndarray[tuple[int, int], np.dtype[np.float32]]

LOGISTIC, BOOSTING = "logistic", "boosting"
KINDS = (LOGISTIC, BOOSTING)
"""In order of complexity."""


def make(kind: str, seed: int) -> Any:
    """An unfitted candidate.

    Raises:
        KeyError: there is no such kind.
    """
    return {LOGISTIC: _logistic, BOOSTING: _boosting}[kind](seed)


def fit(kind: str, matrix: Matrix, labels: Array, seed: int) -> Any:
    """A candidate fitted on one thread.

    A column without any value says nothing: it is given a constant, which no tree splits, so that
    its values at the time of scoring count for nothing either.
    """
    matrix = np.where(np.isnan(matrix).all(axis=0), np.float32(0), matrix)
    with threadpool_limits(limits=1):
        return make(kind, seed).fit(matrix, labels)


def log_odds(model: Any, matrix: Matrix) -> Array:
    """The log-odds of label 1, a row."""
    with threadpool_limits(limits=1):
        odds: Array = np.asarray(model.decision_function(matrix), dtype=np.float64)
    return odds


def _logistic(seed: int) -> Pipeline:
    return Pipeline(
        [
            ("impute", SimpleImputer(strategy="median")),
            ("scale", StandardScaler()),
            ("model", LogisticRegression(C=1.0, max_iter=2000, random_state=seed)),
        ]
    )


def _boosting(seed: int) -> HistGradientBoostingClassifier:
    # Early stopping would draw its own validation rows, blind to time.
    return HistGradientBoostingClassifier(
        learning_rate=0.06,
        max_iter=120,
        max_leaf_nodes=15,
        min_samples_leaf=30,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
