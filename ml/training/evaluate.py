"""What scores are worth once labels are known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from ml.spec import Metric

Array = np.ndarray[tuple[int], np.dtype[Any]]

BINS = 10
_TINY = 1e-7


@dataclass(frozen=True)
class Scores:
    """Metrics over rows.

    Attributes:
        rows, positives: counts.
        auc: area under the ROC curve; None with one class.
        pr_auc: average precision; None without a positive.
        brier: mean squared error of the score.
        log_loss: mean negative log-likelihood, in nats.
        ece: expected calibration error, see :func:`calibration_error`.
        f1: at the threshold; 0 where nothing is found.
        accuracy: share of right answers at the threshold.
        threshold: scores at or above it say 1.
    """

    rows: int
    positives: int
    auc: float | None
    pr_auc: float | None
    brier: float
    log_loss: float
    ece: float
    f1: float
    accuracy: float
    threshold: float

    def metrics(self) -> dict[str, float]:
        """Those that are defined, by name."""
        return {name: float(value) for name, value in asdict(self).items() if value is not None}


def measure(labels: Array, scores: Array, threshold: float) -> Scores:
    """All metrics of at least one row; labels 0 or 1, scores within 0 and 1."""
    both = 0 < labels.sum() < len(labels)
    return Scores(
        rows=len(labels),
        positives=int(labels.sum()),
        auc=float(roc_auc_score(labels, scores)) if both else None,
        pr_auc=float(average_precision_score(labels, scores)) if labels.any() else None,
        brier=float(np.mean((scores - labels) ** 2)),
        log_loss=float(losses(labels, scores).mean()),
        ece=calibration_error(labels, scores),
        f1=f1(labels, scores >= threshold),
        accuracy=float(np.mean((scores >= threshold) == (labels == 1))),
        threshold=float(threshold),
    )


def losses(labels: Array, scores: Array) -> Array:
    """Negative log-likelihood of each row, in nats; a score of 0 or 1 counts as 1e-7 off it."""
    safe = np.clip(scores, _TINY, 1 - _TINY)
    loss: Array = -np.where(labels == 1, np.log(safe), np.log1p(-safe))
    return loss


def f1(labels: Array, positive: Array) -> float:
    """F1 of a decision: twice the hits over what was said and what was there."""
    said_or_there = int(positive.sum()) + int(labels.sum())
    return 2 * int((positive & (labels == 1)).sum()) / said_or_there if said_or_there else 0.0


def best_threshold(labels: Array, scores: Array, metric: Metric = "f1") -> float:
    """The threshold at which the metric is highest, halfway to the next lower score.

    So rounding, as in a model that computes in single precision, turns no decision.

    Raises:
        ValueError: no row is positive.
    """
    if not labels.any():
        raise ValueError("no positive row: no threshold has an F1")
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    if metric == "f1":
        total = precision + recall
        values = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
        values = values[:-1]  # the last point of the curve has no threshold
    else:
        said = np.searchsorted(np.sort(scores), thresholds, side="left")
        hits = recall[:-1] * labels.sum()
        # Right: hits, and those not said that are negative.
        values = np.round(2 * hits - (len(scores) - said))
    best = np.flatnonzero(values == values.max())[-1]
    lower = thresholds[best - 1] if best else thresholds[best]
    return float((thresholds[best] + lower) / 2)


def reliability(labels: Array, scores: Array, bins: int = BINS) -> list[tuple[float, float, int]]:
    """Mean score, share of positives and rows of each bin; bins hold equally many rows."""
    order = np.argsort(scores, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [(float(scores[p].mean()), float(labels[p].mean()), len(p)) for p in parts]


def calibration_error(labels: Array, scores: Array, bins: int = BINS) -> float:
    """Expected calibration error with bins of equally many rows.

    Mean distance of a bin's mean score from its share of positives, weighted by rows (Naeini et
    al., AAAI 2015; equal masses after Nixon et al., CVPR workshops 2019). Biased upward with few
    rows a bin.
    """
    points = reliability(labels, scores, bins)
    return sum(abs(score - share) * rows for score, share, rows in points) / len(labels)


def intervals(
    labels: Array,
    scores: Array,
    threshold: float,
    clusters: Array,
    seed: int,
    replicates: int = 100,
) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals of the metrics by a bootstrap of whole clusters.

    Args:
        labels: 0 or 1.
        scores: within 0 and 1.
        threshold: of F1.
        clusters: what belongs together, here the user: rows of one user are no new evidence.
        seed: of the draws.
        replicates: draws.

    Returns:
        Metric -> (low, high); AUC and PR-AUC only over draws in which they are defined.
    """
    rng = np.random.default_rng(seed)
    _, codes = np.unique(clusters, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max() + 2))
    drawn: dict[str, list[float]] = {}
    for _ in range(replicates):
        picked = rng.integers(0, codes.max() + 1, codes.max() + 1)
        sizes = starts[picked + 1] - starts[picked]
        offset = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        rows = order[np.repeat(starts[picked], sizes) + offset]
        for name, value in measure(labels[rows], scores[rows], threshold).metrics().items():
            drawn.setdefault(name, []).append(value)
    return {
        name: (float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975)))
        for name, values in drawn.items()
        if name not in {"rows", "positives", "threshold"}
    }
