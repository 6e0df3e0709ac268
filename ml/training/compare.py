"""The newest model beside the champion, on labelled days that neither was trained on.

The new version stands there with its out-of-fold scores, the champion with the answers of its
sealed model on days after its own training data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ml.store.artefact import SCORED_FILE, open_artefact
from ml.training.candidates import Array
from ml.training.dataset import Dataset, to_matrix
from ml.training.errors import TrainingError
from ml.training.evaluate import Scores, measure

if TYPE_CHECKING:
    from ml.store.registry import Version


@dataclass(frozen=True)
class Side:
    """One model on the rows compared.

    Attributes:
        name: e.g. ``champion 3``.
        labels: 0 or 1.
        scores: its own.
        measured: metrics at its own threshold.
    """

    name: str
    labels: Array
    scores: Array
    measured: Scores


@dataclass(frozen=True)
class Comparison:
    """One or two sides over the same rows, and what a reader must know."""

    sides: tuple[Side, ...]
    note: str


def compare(dataset: Dataset, version: Version, champion: Version | None, key: bytes) -> Comparison:
    """Measure a version, and the champion where there are rows fair to both.

    Args:
        dataset: that ``version`` was trained on.
        version: the new one.
        champion: the one in service; None or ``version`` itself: nothing to compare with.
        key: of the artefacts.

    Raises:
        TrainingError: the data set is not that of the version.
        ArtefactError: a folder of unknown origin, or changed.
    """
    opened = open_artefact(version.artefact, key)
    if opened.metadata["fingerprint"] != dataset.fingerprint:
        raise TrainingError(
            f"version {version.number} was trained on {opened.metadata['fingerprint']}, this is "
            f"{dataset.fingerprint}",
            "build the data set from the recipe of the version",
        )
    label, least = dataset.spec.label.column, dataset.spec.validation.least_rows
    scored = pl.read_parquet(opened.file(SCORED_FILE))
    name = f"version {version.number}"
    threshold = opened.metadata["threshold"]
    alone = _side(name, scored[label], scored["score"].to_numpy(), threshold)
    if champion is None or champion.number == version.number:
        return Comparison((alone,), "No champion to compare with.")
    other = open_artefact(champion.artefact, key)
    until = str(other.metadata.get("trained_until", ""))
    if not until:
        return Comparison(
            (alone,), f"Champion {champion.number} does not record when its data end."
        )
    fair = scored.filter(pl.col("at") > datetime.fromisoformat(until))
    if len(fair) < least or not 0 < fair[label].sum() < len(fair):
        return Comparison(
            (alone,),
            f"Champion {champion.number} was trained until {until}: "
            f"{len(fair)} labelled rows came after, too few to compare.",
        )
    names = [field.name for field in other.signature.inputs]
    if unknown := sorted(set(names) - set(dataset.rows.columns)):
        return Comparison(
            (alone,), f"Champion {champion.number} needs features that no longer exist: {unknown}."
        )
    from ml.serving.runtime import load

    rows = dataset.rows[fair["row"].to_numpy()]
    model = load(champion.model, champion.number, champion.artefact, key)
    answers = np.array(model.scores(to_matrix(rows, names).tolist()))
    sides = (
        _side(name, fair[label], fair["score"].to_numpy(), threshold),
        _side(f"champion {champion.number}", fair[label], answers, model.threshold),
    )
    return Comparison(sides, f"{len(fair)} labelled rows after {until}, new to both.")


def table(comparison: Comparison) -> str:
    """Metrics side by side, as Markdown."""
    sides = comparison.sides
    lines = [
        f"| metric | {' | '.join(side.name for side in sides)} |",
        f"|---|{'---|' * len(sides)}",
    ]
    metrics = [side.measured.metrics() for side in sides]
    for name in metrics[0]:
        values = " | ".join(f"{one[name]:.4g}" if name in one else "–" for one in metrics)
        lines.append(f"| {name} | {values} |")
    return "\n".join([*lines, "", comparison.note])


def _side(name: str, truth: pl.Series, scores: Array, threshold: float) -> Side:
    labels = truth.to_numpy()
    return Side(name, labels, scores, measure(labels, scores, threshold))
