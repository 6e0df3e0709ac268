"""How much there is to read in a text, and why it is not more."""

from __future__ import annotations

from collections.abc import Iterator

import regex

from ml.text.reader import LONGEST
from ml.text.results import Language
from ml.text.tokens import has_letters, tokens

_ADDRESS = regex.compile(r"https?://\S+|www\.\S+|[@#]\w+|\S+@\S+\.\S+")
_FEW, _SOME = 4, 8
_LETTER, _CAPITAL = regex.compile(r"\p{L}"), regex.compile(r"\p{Lu}")


def quality(text: str, language: Language) -> tuple[float, tuple[str, ...]]:
    """From 0 (nothing to read) to 1, and the reasons for less.

    The reasons and what is left with each: ``empty`` 0, ``short`` (below four words) 0.4,
    ``repetition`` (fewer than two words in five are new) 0.5, ``addresses`` (they are a third of
    it) 0.6, ``symbols`` (letters are below half of what can be seen) 0.7, ``capitals`` 0.8,
    ``language`` (below 0.6 sure) 0.8, ``cut`` (longer than what is read) 0.9. Several multiply.
    """
    reasons = dict(_reasons(text[:LONGEST], language))
    if len(text) > LONGEST:
        reasons["cut"] = 0.9
    score = 1.0
    for factor in reasons.values():
        score *= factor
    return round(score, 2), tuple(reasons)


def _reasons(text: str, language: Language) -> Iterator[tuple[str, float]]:
    if not has_letters(text):
        yield "empty", 0.0
        return
    words = [word.text.lower() for word in tokens(text) if has_letters(word.text)]
    if len(words) < _FEW:
        yield "short", 0.4
    if len(words) >= _SOME and len(set(words)) < 0.4 * len(words):
        yield "repetition", 0.5
    seen = len(regex.sub(r"\s", "", text))
    if sum(len(one.group()) for one in _ADDRESS.finditer(text)) > seen / 3:
        yield "addresses", 0.6
    letters = len(_LETTER.findall(text))
    if letters < seen / 2:
        yield "symbols", 0.7
    if letters >= 10 and len(_CAPITAL.findall(text)) > 0.6 * letters:
        yield "capitals", 0.8
    if language.confidence < 0.6:
        yield "language", 0.8
