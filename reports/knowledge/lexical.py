"""Finding by words: BM25."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import bm25s
import numpy as np
import Stemmer

from reports.knowledge.model import Entry

_STEMMERS = {
    "da": "danish", "de": "german", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip
_STOPWORDS = {"de", "en", "es", "fr", "it", "nl", "no", "pt", "ru", "sv"}
_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = rf"[{_IDEOGRAPHS}]|(?:(?![{_IDEOGRAPHS}])\w){{2,}}"
"""Words of two characters on; scripts without blanks go by the character."""


_BROKEN = re.compile(r"(\w{2,})[-\u2010\xad]\n(\w{2,})")


def _with_broken_words(text: str) -> str:
    """A text, and behind it whole the words that a line's end breaks, as in a PDF."""
    whole = [first + second for first, second in _BROKEN.findall(text)]
    return " ".join([text, *whole]) if whole else text


class WordIndex:
    """BM25 over passages, in memory.

    Scores are Lucene's variant of BM25 with k1 = 1.5 and b = 0.75 (Kamphuis, de Vries, Boytsov
    and Lin, Which BM25 Do You Mean?, ECIR 2020).
    """

    def __init__(self, entries: Sequence[Entry], language: str = "en") -> None:
        """Count the words.

        Args:
            entries: what is to be found.
            language: BCP 47; decides stemming and stop words.
        """
        base = language.split("-", maxsplit=1)[0]
        self._stopwords = base if base in _STOPWORDS else None
        self._stemmer = Stemmer.Stemmer(_STEMMERS[base]) if base in _STEMMERS else None
        self._entries = list(entries)
        words = self._words([entry.indexed for entry in self._entries])
        self._index: bm25s.BM25 | None = None
        # An index without a single word cannot be built, and finds nothing anyway.
        if any(words):
            self._index = bm25s.BM25(method="lucene")
            self._index.index(words, show_progress=False)

    def search(
        self, query: str, k: int, allowed: Callable[[Entry], bool] = lambda _: True
    ) -> list[tuple[Entry, float]]:
        """The best allowed passages that share a word with the query, best first; ties by id."""
        if self._index is None:
            return []
        known = [word for word in self._words([query])[0] if word in self._index.vocab_dict]
        if not known:
            return []
        scores = self._index.get_scores(known)
        hits = [at for at in np.flatnonzero(scores > 0) if allowed(self._entries[at])]
        best = sorted(hits, key=lambda at: (-scores[at], self._entries[at].id))[:k]
        return [(self._entries[at], float(scores[at])) for at in best]

    def _words(self, texts: list[str]) -> list[list[str]]:
        words: list[list[str]] = bm25s.tokenize(
            [_with_broken_words(text) for text in texts],
            token_pattern=_WORD,
            stopwords=self._stopwords,
            stemmer=self._stemmer,
            return_ids=False,
            show_progress=False,
        )
        return words
