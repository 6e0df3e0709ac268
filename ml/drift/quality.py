"""How a version's answers met the labels, a period at a time, and the alarm over all of them.

A label counts in the period in which it became known. So a period that is over gets no more
labels, and the monitor sees each once. The monitor keeps no state: counts are enough to feed it
anew, for the order within a period does not matter to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from ml.canary.outcomes import f1_level
from ml.drift.concept import Health, Monitor

TOLERANCE = 0.25
"""Share of its validation F1 that a model may lose before that counts as a fall: it covers the
error of the validation value (a tenth, with a few hundred buyers) and ordinary seasons."""


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


def count(labelled: pl.DataFrame) -> Counts:
    """Counts of rows with columns ``label`` (the answer) and ``actual``, each 0 or 1."""
    cells = dict(
        labelled.group_by(pl.concat_str("label", "actual").alias("cell")).len().iter_rows()
    )
    return Counts(*(cells.get(cell, 0) for cell in ("11", "10", "01", "00")))


def floor_of(validation_f1: float) -> float | None:
    """The F1 that must not be missed; None where the validation value is none to hold to."""
    return validation_f1 * (1 - TOLERANCE) if 0 < validation_f1 < 1 else None


def health(periods: Iterable[Counts], floor: float, alpha: float = 0.01) -> Health:
    """What the labels of all periods say about "F1 is at least the floor".

    Args:
        periods: of one version, oldest first; those without labels change nothing.
        floor: F1, within (0, 1); fixed for the version.
        alpha: highest probability of a false alarm over the version's life.
    """
    level = f1_level(floor)
    monitor = Monitor(level, alpha)
    for each in periods:
        # The credits of `ml.canary.outcomes.f1_credit`, by count instead of by answer.
        monitor.add(np.repeat([1.0, level, 0.0], [each.tp, each.tn, each.fp + each.fn]))
    return monitor.health
