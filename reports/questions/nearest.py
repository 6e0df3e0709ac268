"""What comes nearest to a word that is not understood: shown, never taken."""

from __future__ import annotations

from collections.abc import Iterable

from reports.questions.words import fold
from reports.semantics.model import Layer

_LIKE = 75.0
"""Score from which a word is worth showing; 100 is the same."""


def nearest(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The phrases that are most like a word, best first."""
    from rapidfuzz import fuzz, process

    names = {fold(name): name for name in known}
    found = process.extract(
        fold(word), list(names), scorer=fuzz.ratio, limit=most, score_cutoff=_LIKE
    )
    return [names[key] for key, _, _ in found]


def nearest_metrics(text: str, layer: Layer, most: int = 5) -> list[str]:
    """Labels of the metrics whose words are most like a text, best first."""
    from rapidfuzz import fuzz, process

    words = {
        fold(phrase): metric.label
        for metric in layer.public
        for phrases in (*metric.phrases.values(), (metric.label,))
        for phrase in phrases
    }
    found = process.extract(fold(text), list(words), scorer=fuzz.WRatio, limit=4 * most)
    return list(dict.fromkeys(words[key] for key, _, _ in found))[:most]
