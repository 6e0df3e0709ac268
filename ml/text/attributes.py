"""What a tagger sees of each word: its form, its shape, its neighbours, the names it is part of.

An attribute is a text; which ones there are decides what a trained tagger understands, so a change
here asks for a new training (:data:`FORMAT`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ml.text.gazetteer import Gazetteer
from ml.text.tokens import Token

FORMAT = 1
_SHARED = {"sr": "hr"}
"""Languages that learn as one: Serbian in Latin letters is mostly identified as Croatian."""
_FIRM = {
    "ab", "ag", "as", "co", "corp", "corporation", "doo", "gmbh", "inc", "llc", "ltd", "ltda",
    "oy", "plc", "sa", "spa", "srl",
}  # fmt: skip
_ENDS = {".", "!", "?", "。", "！", "？", "…"}
_NEAR = ("-1w=", "1w=", "-2w=", "2w=", "-1e3=", "-1ss=", "1ss=")
_LONGEST = 40
"""Letters of a word that are looked at."""
_RUNS = re.compile(r"(.)\1+")


def attributes(
    words: Sequence[Token], language: str, names: Gazetteer, hints: Sequence[Sequence[str]] = ()
) -> list[list[str]]:
    """For each word its attributes.

    Args:
        words: of one text.
        language: ISO 639-1; what a word says in its own language is learned beside what it says
            in any.
        names: to look words up in.
        hints: more attributes of each word, e.g. of :mod:`ml.text.hints`.
    """
    if not words:
        return []
    code = _SHARED.get(language, language)
    forms = [_Form(word.text) for word in words]
    marks = names.found(words)
    glued = [*(a.end == b.start for a, b in pairwise(words)), False]
    # A text in capitals says nothing by its capitals.
    loud = sum(form.shape.isupper() for form in forms) * 2 > sum(f.letters for f in forms)
    result = []
    for at, form in enumerate(forms):
        own = list(_own(form, marks[at]))
        if at == 0 or (forms[at - 1].lower in _ENDS and not glued[at - 1]):
            own.append("first")
        if loud:
            own.append("loud")
        if not form.letters:
            own.append(f"glue={at > 0 and glued[at - 1]}{glued[at]}")
        around = list(_around(forms, marks, at))
        near = [one for one in around if one.startswith(_NEAR)]
        more = hints[at] if hints else ()
        result.append([*own, *around, *more, *(f"{code}:{one}" for one in (*own, *near))])
    return result


def _own(form: _Form, marks: set[str]) -> Iterator[str]:
    yield from (f"w={form.lower}", f"s={form.shape}", f"ss={form.short}", f"l={form.length}")
    for count in range(1, 5):
        yield f"p{count}={form.lower[:count]}"
        yield f"e{count}={form.lower[-count:]}"
    for mark in sorted(marks):
        yield f"g={mark}"
    if form.lower in _FIRM:
        yield "firm"


def _around(forms: Sequence[_Form], marks: Sequence[set[str]], at: int) -> Iterator[str]:
    """Neighbours, up to three words away, and pairs with the next ones."""
    for by in (-3, -2, -1, 1, 2, 3):
        if not 0 <= at + by < len(forms):
            yield f"{by}none"
            continue
        other = forms[at + by]
        yield f"{by}ss={other.short}"
        if abs(by) < 3:
            yield f"{by}w={other.lower}"
            for mark in sorted(marks[at + by]):
                yield f"{by}g={mark}"
        if abs(by) == 1:
            left, right = sorted((at, at + by))
            yield f"{by}e3={other.lower[-3:]}"
            yield f"{by}ww={forms[left].lower}|{forms[right].lower}"
            yield f"{by}pair={forms[left].short}|{forms[right].short}"
    if 0 < at < len(forms) - 1:
        yield f"three={'|'.join(form.short for form in forms[at - 1 : at + 2])}"


class _Form:
    """A word's spelling, and what is left of it without its letters."""

    __slots__ = ("length", "letters", "lower", "shape", "short")

    def __init__(self, text: str) -> None:
        self.lower = text[:_LONGEST].lower()
        self.shape = "".join(
            "X" if c.isupper() else "x" if c.isalpha() else "9" if c.isnumeric() else c
            for c in text[:12]
        )
        self.short = _RUNS.sub(r"\1", self.shape)
        self.letters = text[0].isalpha()
        self.length = min(len(text), 8)
