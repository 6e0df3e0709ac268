"""How a version's answers met the labels, a period at a time, and the alarm over all of them.

A label counts in the period in which it became known. So a past period gets no more
labels, and the monitor sees each once. The monitor keeps no state: counts are enough to feed it
again, for the order within a period does not matter to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from ml.canary.outcomes import f1_level
from ml.drift.concept import Health, Monitor
from ml.spec import Metric

NAMES: dict[Metric, str] = {"f1": "F1", "accuracy": "accuracy"}
"""Of metrics, in messages."""

TOLERANCE = 0.25
"""Share of its metric at validation that a model may lose before that counts as a fall: it covers
the error of the validation value (a tenth, with a few hundred positives) and ordinary seasons."""


@dataclass(frozen=True)
class Counts:
    """Answers of one version by what they met: true and false, positives and negatives."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    @property
    def n(self) -> int:
        """Labelled answers."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def f1(self) -> float | None:
        """2 TP / (2 TP + FP + FN); None where nobody bought and nobody was said to."""
        weight = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / weight if weight else None

    @property
    def accuracy(self) -> float | None:
        """Share of right answers; None without a label."""
        return (self.tp + self.tn) / self.n if self.n else None

    def value(self, metric: Metric) -> float | None:
        """A metric by name."""
        return self.f1 if metric == "f1" else self.accuracy


def count(labelled: pl.DataFrame) -> Counts:
    """Counts of rows with columns ``label`` (the answer) and ``actual``, each 0 or 1."""
    cells = dict(
        labelled.group_by(pl.concat_str("label", "actual").alias("cell")).len().iter_rows()
    )
    return Counts(*(cells.get(cell, 0) for cell in ("11", "10", "01", "00")))


def floor_of(validated: float) -> float | None:
    """The value that must not be missed; None where that of validation is not within (0, 1)."""
    return validated * (1 - TOLERANCE) if 0 < validated < 1 else None


def health(
    periods: Iterable[Counts], floor: float, alpha: float = 0.01, metric: Metric = "f1"
) -> Health:
    """What the labels of all periods say about "the metric is at least the floor".

    Args:
        periods: of one version, oldest first; those without labels change nothing.
        floor: of the metric, within (0, 1); fixed for the version.
        alpha: highest probability of a false alarm over the version's life.
        metric: that is watched.
    """
    level, ignored = (f1_level(floor),) * 2 if metric == "f1" else (floor, 1.0)
    monitor = Monitor(level, alpha)
    for each in periods:
        # The credits of `ml.canary.outcomes`, by count instead of by answer: F1 ignores a true
        # negative, which then counts as much as the level; for accuracy it is right.
        monitor.add(np.repeat([1.0, ignored, 0.0], [each.tp, each.tn, each.fp + each.fn]))
    return monitor.health
