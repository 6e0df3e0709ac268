"""What a small network says of each word from the encoder's vectors, as attributes for the tagger.

The network sees a word and its neighbours as the multilingual encoder knows them, so it has a hint
for words that no labelled text has. The tagger learns how far to trust it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.text.encoder import encode_words
from ml.text.layers import Layer, log_softmax
from ml.text.tokens import Token
from ml.text.trained import Array

TAGS = (
    "O", "B-person", "I-person", "B-organisation", "I-organisation", "B-place", "I-place",
)  # fmt: skip
_LEAST = 0.03
"""A tag that is less probable is not mentioned."""


@dataclass(frozen=True)
class Hints:
    """A trained network: fewer numbers a word, hidden units over three words, tags."""

    reduce: Layer
    hidden: Layer
    out: Layer

    def of(self, texts: Sequence[Sequence[Token]]) -> list[list[list[str]]]:
        """For each word of each text its attributes."""
        return [
            said(self.probabilities(window(self.reduce(vectors)))) if words else []
            for words, vectors in zip(texts, encode_words(texts), strict=True)
        ]

    def probabilities(self, rows: Array) -> Array:
        """``[words, tags]`` from rows of :func:`window`."""
        return np.exp(log_softmax(self.out(np.maximum(self.hidden(rows), 0))))


def window(words: Array) -> Array:
    """Each word between its neighbours; zeros where there is none."""
    nothing = np.zeros((1, words.shape[1]), words.dtype)
    padded = np.vstack([nothing, words, nothing])
    return np.hstack([padded[:-2], padded[1:-1], padded[2:]])


def said(probabilities: Array) -> list[list[str]]:
    """Attributes of each word: likely tags in tenths, and the likeliest of its neighbours."""
    best = [TAGS[at] for at in probabilities.argmax(axis=1)]
    result = []
    for at, row in enumerate(probabilities):
        hints = [f"h={best[at]}", f"hO={int(10 * row[0])}"]
        hints += [
            f"h{tag}={min(9, int(10 * sure))}"
            for tag, sure in zip(TAGS[1:], row[1:], strict=True)
            if sure > _LEAST
        ]
        if at:
            hints.append(f"-1h={best[at - 1]}")
        if at + 1 < len(best):
            hints.append(f"1h={best[at + 1]}")
        result.append(hints)
    return result
