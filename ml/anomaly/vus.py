"""VUS-PR: the volume under precision and recall over thresholds and tolerances.

Source: Paparrizos et al. 2022, "Volume Under the Surface: A New Accuracy Evaluation Measure for
Time-Series Anomaly Detection", VLDB 15(11), sections 3.2 and 3.3. The area is a sum of steps (as
average precision is, and as in TSB-AD), not of trapezoids as in the authors' first code: between
two thresholds nothing may be assumed. The buffer is the same on both sides of an anomaly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ml.anomaly.errors import AnomalyError
from ml.anomaly.state import Floats

THRESHOLDS = 250
"""Thresholds along the scores' ranks, as in the authors' code."""


def vus_pr(scores: Floats, labels: npt.NDArray[np.bool_], longest: int) -> float:
    """The mean of range-PR areas over the buffers 0, 1, … ``longest``.

    Args:
        scores: shape (rows,), higher is stranger; only their order counts.
        labels: shape (rows,), true within an anomaly.
        longest: rows of the longest buffer around an anomaly; usually the series' period.

    Returns:
        0 to 1; a detector without any sense comes near the anomalies' share.

    Raises:
        AnomalyError: shapes differ, a score is not finite, or there is no anomaly.
    """
    if scores.shape != labels.shape or scores.ndim != 1:
        raise AnomalyError(
            f"scores have shape {scores.shape}, labels {labels.shape}", "give one of each per row"
        )
    if not labels.any():
        raise AnomalyError("the series has no anomaly", "leave it out: recall is not defined")
    if not np.isfinite(scores).all():
        raise AnomalyError("a score is NaN or infinite", "give a number for each row")
    if longest < 0:
        raise AnomalyError(f"a buffer of {longest} rows", "give 0 or more")
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    # How many rows are at or above each threshold: ties come in together.
    places = np.linspace(0, scores.size - 1, THRESHOLDS).astype(np.intp)
    taken = np.searchsorted(-ranked, -ranked[places], side="right")
    areas = [
        _range_pr(scores, order, taken, ranked[places], labels, buffer)
        for buffer in range(longest + 1)
    ]
    return float(np.mean(areas))


def _range_pr(
    scores: Floats,
    order: npt.NDArray[np.intp],
    taken: npt.NDArray[np.intp],
    thresholds: Floats,
    labels: npt.NDArray[np.bool_],
    buffer: int,
) -> float:
    soft = soft_labels(labels, buffer)
    hit = np.cumsum(soft[order])[taken - 1]
    positives = (float(labels.sum()) + float(soft.sum())) / 2.0
    peaks = np.array([scores[first : last + 1].max() for first, last in _ranges(soft > 0.0)])
    found = (peaks[None, :] >= thresholds[:, None]).mean(axis=1)
    recall = np.minimum(hit / positives, 1.0) * found
    precision = hit / taken
    steps = np.diff(np.concatenate([[0.0], recall]))
    return float((steps * precision).sum())


def soft_labels(labels: npt.NDArray[np.bool_], buffer: int) -> Floats:
    """Labels that fall off around each anomaly: ``sqrt(1 - distance / buffer)`` up to half of it.

    Args:
        labels: shape (rows,).
        buffer: rows; 0 leaves the labels as they are.

    Returns:
        Shape (rows,), 0 to 1.
    """
    soft = labels.astype(np.float64)
    half = buffer // 2
    for first, last in _ranges(labels):
        after = np.arange(last + 1, min(last + half, labels.size - 1) + 1)
        before = np.arange(max(first - half, 0), first)
        soft[after] += np.sqrt(1.0 - (after - last) / max(buffer, 1))
        soft[before] += np.sqrt(1.0 - (first - before) / max(buffer, 1))
    return np.minimum(soft, 1.0)


def _ranges(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last row of each run of true."""
    edges = np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))
    firsts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return list(zip(firsts.tolist(), (ends - 1).tolist(), strict=True))
