"""What touches a number: marks, letters and words that change it and are not understood.

Belongs here: deciding that a number cannot be read because of its neighbours. Does not belong
here: reading numbers (:mod:`.quantities`). Classes are closed here, words are open: what is not
known to be harmless makes the number ambiguous.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_ROMAN = re.compile(
    r"\b(?=[IVXLCDM]{2,}\b)M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})\b"
)
_MAGNITUDES = (
    r"dozens?|score|gross|grands?|myriads?|lakhs?|lacs?|crores?|arabs?|kharabs?|hundreds?|"
    r"thousands?|millions?|billions?|trillions?|quadrillions?|quintillions?|milliards?|"
    r"mille|cr|kilo|mega|giga|tera|per mille?|permille|promille|dutzend|tausende?|halves|"
    r"half|quarters?(?!\s+of)|thirds?|fifths?|tenths?|hundredths?|thousandths?|and a half|"
    r"and a quarter|"
    r"einhalb|squared|cubed|hundertstel|tausendstel|zehntel|milliarden?|millionen|mio|mrd|tsd|"
    r"[kmbt]n?|teur|meur|keur|fold"
)
_ROMAN_AFTER = re.compile(r"\s+[IVXLCDM]+(?!\w)")
_WORD_AFTER = re.compile(rf"[ -]?(?:{_MAGNITUDES})(?!\w)", re.IGNORECASE)
_MARK_AFTER = re.compile(r"\s?[\^*×÷‰‱~%°]|\s?[+](?!\s)|[/\\_#@=&|]\S|[^\W\d_]|\d")
_MARK_BEFORE = re.compile(r"(?:[\^*×÷±/\\_@&|]|\+/-|10\^)\s?$")


def odd_numerals(text: str, taken: set[int]) -> Iterator[tuple[int, int]]:
    """Number-like characters and Roman numerals that nothing has read.

    Superscripts, circled digits, fractions, ideographic and other numerals that are no plain
    digits. Arguments as :func:`.quantities.find`.
    """
    for index, character in enumerate(text):
        if index in taken or character < "\x80":
            continue
        numeral = unicodedata.category(character) in {"No", "Nl"} or (
            character not in "千万億兆百" and unicodedata.numeric(character, None) is not None
        )
        if numeral or character in "‰‱":
            yield index, index + 1
    for match in _ROMAN.finditer(text):
        if not any(index in taken for index in range(match.start(), match.end())):
            only = set(match.group()) <= set("IVX")
            if only or re.search(r"\d\s?$", text[: match.start()]):
                yield match.start(), match.end()


def unread(text: str, start: int, end: int, taken: set[int]) -> tuple[int, int] | None:
    """The span of a number with the neighbour that makes it unreadable; None if there is none."""
    for pattern in (_WORD_AFTER, _ROMAN_AFTER, _MARK_AFTER):
        after = pattern.match(text, end)
        if (
            after is not None
            and after.end() > end
            and not (set(range(after.start(), after.end())) & taken)
        ):
            cjk = re.match(r"[\u0600-\u06ff\u3040-\u9fff]", text[end : end + 1])
            if cjk is None:
                return start, after.end()
    before = _MARK_BEFORE.search(text, 0, start)
    if before is not None and not set(range(before.start(), start)) & taken:
        return before.start(), end
    return None
