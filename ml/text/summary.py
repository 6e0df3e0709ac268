"""A summary of a text in its own words: the sentences nearest to what all of it says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml.text.encoder import encode
from ml.text.sentences import sentences

SENTENCES = 2
"""Of a summary, at most."""
_READ = 40
"""Sentences of a text that are looked at, from its beginning."""
_SAME = 0.85
"""Cosine from which a sentence says what a chosen one says."""


def summaries(texts: Sequence[str]) -> list[str]:
    """For each text its most central sentences, in their order and as they were written.

    Centrality is the mean cosine of a sentence's vector with those of all others (Radev et al.,
    2004, with vectors for words). A text of two sentences is its own summary, and an empty one has
    an empty one.
    """
    divided = [[one.text for one in sentences(text)[:_READ]] for text in texts]
    long = [at for at, parts in enumerate(divided) if len(parts) > SENTENCES]
    flat = encode([part for at in long for part in divided[at]])
    found = [" ".join(parts) for parts in divided]
    begin = 0
    for at in long:
        parts = divided[at]
        vectors = flat[begin : begin + len(parts)]
        begin += len(parts)
        found[at] = " ".join(parts[place] for place in _central(vectors @ vectors.T))
    return found


def _central(alike: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> list[int]:
    # Rounded: the last bits depend on how many texts were encoded at once.
    centrality = np.round((alike.sum(axis=1) - 1) / max(1, len(alike) - 1), 4)
    chosen: list[int] = []
    for place in np.argsort(-centrality, kind="stable"):
        if len(chosen) < SENTENCES and not (np.round(alike[place, chosen], 4) >= _SAME).any():
            chosen.append(int(place))
    return sorted(chosen)
