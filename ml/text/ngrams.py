"""Texts as hashed runs of letters and words: what a linear model of one language sees."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import regex as re

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

BUCKETS = 2**17
"""Of letters' runs, and as many of words'."""
_LETTERS, _WORDS = (2, 5), (1, 2)
_ADDRESS, _MENTION = re.compile(r"https?://\S+|\bhttp\b"), re.compile(r"@\w+")
_LONG = re.compile(r"(.)\1{3,}")
_LONGEST = 5_000


def ngrams(texts: Sequence[str]) -> csr_matrix:
    """One row a text, ``[texts, 2 * BUCKETS]``: 1 where a run occurs, each half of length 1."""
    from scipy.sparse import hstack
    from sklearn.preprocessing import normalize

    cleaned = [_cleaned(text[:_LONGEST]) for text in texts]
    halves = [normalize(one.transform(cleaned), copy=False) for one in _vectorizers()]
    return hstack(halves, format="csr", dtype="float32")


def _cleaned(text: str) -> str:
    lower = _MENTION.sub(" @u ", _ADDRESS.sub(" http ", text.lower()))
    shortened: str = _LONG.sub(r"\1\1\1", lower)
    return shortened


@cache
def _vectorizers() -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import HashingVectorizer

    words: dict[str, Any] = {"token_pattern": r"\w+|[^\w\s]"}
    common: dict[str, Any] = {
        "n_features": BUCKETS, "alternate_sign": False, "norm": None, "binary": True,
        "lowercase": False, "dtype": "float32",
    }  # fmt: skip
    return (
        HashingVectorizer(analyzer="char_wb", ngram_range=_LETTERS, **common),
        HashingVectorizer(analyzer="word", ngram_range=_WORDS, **words, **common),
    )
