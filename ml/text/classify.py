"""What a text is about: a label of a sector with a calibrated probability, or unknown.

A regression over the encoder's vectors, fitted on the sector's examples when it is loaded: it
takes a second, and the same examples give the same classifier. The encoder knows many languages, so
examples of one teach the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.text.encoder import encode
from ml.text.layers import Layer, log_softmax
from ml.text.sector import Sector
from ml.text.trained import Array

UNKNOWN = "unknown"
"""Of a text whose likeliest label is below the sector's threshold, or that is like no example."""
_STRENGTH, _SEED, _FOLDS = 10.0, 0, 5
_TEMPERATURES = np.geomspace(0.1, 10, 41)
_FARTHEST, _ALLOWANCE = 0.01, 0.9
_DECIMALS = 4


@dataclass(frozen=True)
class Category:
    """What a text is about.

    Attributes:
        label: of the sector, or ``unknown``.
        confidence: calibrated probability of the likeliest label, also where it is not told.
    """

    label: str
    confidence: float


@dataclass(frozen=True)
class Classifier:
    """A sector's examples, learned.

    Attributes:
        sector: it.
        layer: over vectors, ``[512, labels]``; its logits are calibrated.
        examples: vectors of the examples, ``[examples, 512]``.
        nearest: cosine similarity to the nearest example below which a text is like none.
        accuracy: on folds, of the likeliest label.
    """

    sector: Sector
    layer: Layer
    examples: Array
    nearest: float
    accuracy: float

    @classmethod
    def of(cls, sector: Sector) -> Classifier:
        """Fit and calibrate."""
        from sklearn.model_selection import StratifiedKFold

        texts = [text for some in sector.examples.values() for text in some]
        sizes = [len(some) for some in sector.examples.values()]
        labels, rows = np.repeat(np.arange(len(sizes)), sizes), encode(texts)
        said = np.empty((len(rows), len(sizes)))
        folds = StratifiedKFold(min(_FOLDS, *sizes), shuffle=True, random_state=_SEED)
        for learned, left in folds.split(rows, labels):
            said[left] = _fit(rows[learned], labels[learned])(rows[left])
        # How sure it is, is learned from texts that it has not seen.
        losses = [-log_softmax(said / t)[range(len(rows)), labels].mean() for t in _TEMPERATURES]
        temperature = float(_TEMPERATURES[int(np.argmin(losses))])
        fitted = _fit(rows, labels)
        alike = rows @ rows.T
        np.fill_diagonal(alike, -1)
        return cls(
            sector,
            Layer(fitted.weights / temperature, fitted.bias / temperature),
            rows,
            float(np.quantile(alike.max(axis=1), _FARTHEST)) * _ALLOWANCE,
            float((said.argmax(axis=1) == labels).mean()),
        )

    def classify(self, texts: Sequence[str]) -> list[Category]:
        """For each text its category."""
        return self.of_vectors(encode(texts))

    def of_vectors(self, vectors: Array) -> list[Category]:
        """For each vector of :func:`ml.text.encoder.encode` its category."""
        if not len(vectors):
            return []
        names = list(self.sector.examples)
        sure = np.round(np.exp(log_softmax(self.layer(vectors))).astype(float), _DECIMALS)
        near = np.round((vectors @ self.examples.T).max(axis=1), _DECIMALS)
        return [
            Category(
                names[int(row.argmax())]
                if row.max() >= self.sector.threshold and like >= self.nearest
                else UNKNOWN,
                float(row.max()),
            )
            for row, like in zip(sure, near, strict=True)
        ]


def _fit(rows: Array, labels: Any) -> Layer:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=_STRENGTH, max_iter=1_000).fit(rows, labels)
    weights, bias = model.coef_, model.intercept_
    if len(bias) == 1:  # two labels: one row stands for both
        weights, bias = (
            np.vstack([-weights / 2, weights / 2]),
            np.array([-bias[0] / 2, bias[0] / 2]),
        )
    return Layer(weights.T.astype(np.float32), bias.astype(np.float32))
