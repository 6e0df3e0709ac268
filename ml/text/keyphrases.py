"""Key phrases of a text: TextRank over its words (Mihalcea and Tarau, EMNLP 2004).

Words that stand near each other are linked; a word is as central as those it is linked with, which
networkx computes. A phrase is a run of words that are no stop words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from math import sqrt

from ml.text.tokens import Token, has_letters, is_dense, tokens

PHRASES = 5
"""Of a text, at most."""
DENSE = "key phrases: texts written without spaces are not divided into words"
_WORDS = 3
"""Of a phrase, at most."""
_NEAR = 3
"""Words apart within which two are linked."""
_READ = 400
"""Words of a text that are looked at."""
_SHORTEST = 3
_STOPS = {
    "da": "DANISH", "de": "GERMAN", "en": "EN_PLUS", "es": "SPANISH", "fr": "FRENCH",
    "it": "ITALIAN", "nl": "DUTCH", "no": "NORWEGIAN", "pt": "PORTUGUESE", "ru": "RUSSIAN",
    "sv": "SWEDISH", "tr": "TURKISH",
}  # fmt: skip


def key_phrases(text: str, language: str) -> tuple[str, ...]:
    """The most central phrases, best first, as they were written; none says what another says.

    Args:
        text: none are found in one written without spaces (Chinese, Japanese, Thai).
        language: ISO 639-1. Where its stop words are not known, only short words are left out.
    """
    if is_dense(text):
        return ()
    words = tokens(text)[:_READ]
    runs = list(_runs(words, _stop_words(language)))
    rank = _ranked([[word.text.lower() for word in run] for run in runs])
    best: dict[str, tuple[float, int, str]] = {}
    for run in runs:
        # A long run is cut where it is least: each window of three is a candidate.
        for begin in range(max(1, len(run) - _WORDS + 1)):
            part = run[begin : begin + _WORDS]
            worth = sum(rank[word.text.lower()] for word in part) / sqrt(len(part))
            phrase = text[part[0].start : part[-1].end]
            known = best.setdefault(phrase.lower(), (round(worth, 6), part[0].start, phrase))
            best[phrase.lower()] = max(known, (round(worth, 6), known[1], known[2]))
    chosen: list[str] = []
    for _, _, phrase in sorted(best.values(), key=lambda one: (-one[0], one[1])):
        inner = set(phrase.lower().split())
        if all(not inner & set(other.lower().split()) for other in chosen):
            chosen.append(phrase)
        if len(chosen) == PHRASES:
            break
    return tuple(chosen)


def _runs(words: Sequence[Token], stops: frozenset[str]) -> Iterator[list[Token]]:
    run: list[Token] = []
    for word in words:
        lower = word.text.lower()
        if has_letters(word.text) and len(lower) >= _SHORTEST and lower not in stops:
            run.append(word)
            continue
        if run:
            yield run
        run = []
    if run:
        yield run


def _ranked(runs: Sequence[Sequence[str]]) -> dict[str, float]:
    from networkx import Graph, pagerank

    flat = [word for run in runs for word in run]
    graph = Graph()
    graph.add_nodes_from(flat)
    for at, word in enumerate(flat):
        for other in flat[at + 1 : at + _NEAR]:
            if word != other:
                weight = graph.get_edge_data(word, other, {"weight": 0})["weight"]
                graph.add_edge(word, other, weight=weight + 1)
    found: dict[str, float] = pagerank(graph) if flat else {}
    return found


@cache
def _stop_words(language: str) -> frozenset[str]:
    if language not in _STOPS:
        return frozenset()
    from bm25s import stopwords

    return frozenset(getattr(stopwords, f"STOPWORDS_{_STOPS[language]}"))
