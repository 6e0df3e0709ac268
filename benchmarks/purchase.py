"""How good the purchase model's way of choosing is on real sessions, beside a plain pipeline.

The sessions of the UCI data set 468 (Sakar et al., Neural Computing and Applications 31, 2019):
12,330 visits of a shop, of which 70 % are given, with 17 attributes and whether the visit ended in
a purchase. They are no events of a user, so the features of ``ml/features`` do not apply: what is
measured is the rest of the way, :func:`ml.training.choice.choose` with its candidates and its
calibration, on the sessions' own attributes.

The baseline is scikit-learn's plain pipeline: scaled numbers, one-hot categories, logistic
regression. Both see the same attributes and rows. ``time`` trains on February to October and
scores November and December; the file knows the month only, which is left out of the attributes
there. ``cv`` repeats a stratified division in five.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.figures import Figure, Options
from ml.training.candidates import Array, Matrix, fit, log_odds
from ml.training.choice import choose
from ml.training.evaluate import Scores, best_threshold, intervals, measure
from ml.training.validation import Fold, expanding
from platform_assets.core.settings import REPOSITORY

DATA = REPOSITORY.parent / "shared" / "data" / "online_shoppers" / "online_shoppers_intention.csv"
MONTHS = ("Feb", "Mar", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LAST_TRAINED = MONTHS.index("Oct")
CATEGORIES = ("Month", "OperatingSystems", "Browser", "Region", "TrafficType", "VisitorType")
LABEL = "Revenue"
FOLDS = 5
SEED = 0
GOAL = "PR-AUC at least that of the plain pipeline"


@dataclass(frozen=True)
class Run:
    """Scores of both on the same rows."""

    labels: Array
    ours: Array
    plain: Array
    kind: str
    calibrated: bool


def run(options: Options) -> list[Figure]:
    """``purchase``: one figure in order of time, one by repeated cross-validation."""
    rows = pl.read_csv(DATA, infer_schema_length=None)
    rows = rows.sample(options.sized(len(rows), 2_000), seed=SEED) if options.scale < 1 else rows
    return [_time(options, rows), _cross(options, rows)]


def _time(options: Options, rows: pl.DataFrame) -> Figure:
    months = np.array([MONTHS.index(month) for month in rows["Month"]])
    train = np.flatnonzero(months <= LAST_TRAINED)
    test = np.flatnonzero(months > LAST_TRAINED)
    inner = expanding(months[train], gap=1, count=4)
    attributes = rows.drop("Month")
    one = _scored(attributes, Fold(train, test), inner, months[train])
    options.say(f"time: {one.kind}, calibrated: {one.calibrated}")
    return _figure("time", [one], options, "Feb to Oct, then Nov and Dec")


def _cross(options: Options, rows: pl.DataFrame) -> Figure:
    labels = rows[LABEL].to_numpy()
    outer = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=options.repeats, random_state=SEED)
    runs = []
    for train, test in outer.split(labels, labels):
        inner = StratifiedKFold(4, shuffle=True, random_state=SEED)
        parts = [Fold(a, b) for a, b in inner.split(labels[train], labels[train])]
        # Rows are their own groups: these divisions know no days.
        runs.append(_scored(rows, Fold(train, test), parts, np.arange(len(train))))
        options.say(f"cv {len(runs)}: {runs[-1].kind}, calibrated: {runs[-1].calibrated}")
    return _figure("cv", runs, options, f"{FOLDS} folds, {options.repeats} times")


def _scored(rows: pl.DataFrame, fold: Fold, inner: Sequence[Fold], groups: Array) -> Run:
    labels = rows[LABEL].to_numpy()
    train, test = rows[fold.train], rows[fold.valid]
    names = [name for name in rows.columns if name != LABEL]
    encode = _encoder([name for name in CATEGORIES if name in names])
    plain = make_pipeline(
        _encoder([name for name in CATEGORIES if name in names]),
        LogisticRegression(max_iter=5_000),
    ).fit(train.select(names).to_pandas(), labels[fold.train])
    matrix: Matrix = encode.fit_transform(train.select(names).to_pandas()).astype(np.float32)
    later: Matrix = encode.transform(test.select(names).to_pandas()).astype(np.float32)
    choice = choose(matrix, labels[fold.train], inner, groups, SEED)
    assert choice is not None
    model = fit(choice.kind, matrix, labels[fold.train], SEED)
    return Run(
        labels[fold.valid],
        choice.calibration.scores(log_odds(model, later)),
        plain.predict_proba(test.select(names).to_pandas())[:, 1],
        choice.kind,
        choice.calibrated,
    )


def _encoder(categories: list[str]):  # noqa: ANN202 - scikit-learn has no types
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer((one_hot, categories), remainder=StandardScaler())


def _figure(name: str, runs: list[Run], options: Options, division: str) -> Figure:
    ours = [_measured(one.labels, one.ours) for one in runs]
    plain = [_measured(one.labels, one.plain) for one in runs]
    value, baseline = _mean(ours, "pr_auc"), _mean(plain, "pr_auc")
    extra = {
        "kind": name,
        "division": division,
        "rows_scored": sum(len(one.labels) for one in runs),
        "chosen": sorted({one.kind for one in runs}),
        "calibrated": sum(one.calibrated for one in runs),
        "runs": len(runs),
    }
    for metric in ("auc", "brier", "ece", "log_loss"):
        extra[metric] = round(_mean(ours, metric), 4)
        extra[f"baseline_{metric}"] = round(_mean(plain, metric), 4)
    if len(runs) == 1:
        (one,) = runs
        rows = np.arange(len(one.labels))
        for side, scores in (("", one.ours), ("baseline_", one.plain)):
            low, high = intervals(one.labels, scores, 0.5, rows, SEED)["pr_auc"]
            extra[f"{side}interval_95"] = [round(low, 4), round(high, 4)]
    else:
        gains = [
            a.metrics()["pr_auc"] - b.metrics()["pr_auc"] for a, b in zip(ours, plain, strict=True)
        ]
        extra["divisions_won"] = sum(gain > 0 for gain in gains)
    met = None if options.scale < 1 else value >= baseline
    return Figure(
        "purchase", value, "PR-AUC", baseline, value / baseline, goal=GOAL, met=met, extra=extra
    )


def _measured(labels: Array, scores: Array) -> Scores:
    # The threshold is not compared: the plain pipeline has none.
    return measure(labels, scores, best_threshold(labels, scores))


def _mean(scores: list[Scores], metric: str) -> float:
    return float(np.mean([one.metrics()[metric] for one in scores]))
