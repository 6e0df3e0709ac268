"""Texts as the scanners read them: the same length, fewer kinds of characters, sentences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_MINUS = "\u2212\u2010\u2011\ufe63\uff0d"
_SPACES = (
    "\u00a0\u2007\u2009\u202f\u2002\u2003\u3000\u200a\u200b\u200e\u200f\u061c\u2066\u2067"
    "\u2068\u2069"
)
_OTHER = {
    "\u066b": ".", "\u066c": ",", "\u066a": "%", "\uff05": "%", "\uff0c": ",", "\uff0e": ".",
    "\uff04": "$", "\uffe1": "£", "\uffe5": "¥", "\uff08": "(", "\uff09": ")", "\uff0b": "+",
    "\u2019": "'", "\u02bc": "'", "\u060c": ",", "\u3001": ",", "\u2014": "\u2013",
}  # fmt: skip
_ABBREVIATED = (
    "jan feb mar apr jun jul aug sep sept oct nov dec mär okt dez vs approx no nr ca bzw "
    "mio mrd tsd bio inc ltd corp co st mr mrs dr e.g i.e u.s u.k z.b rd est resp incl "
    "excl ggü tsd"
)
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
_WORD = re.compile(r"[^\W\d_]+(?:['&][^\W\d_]+)*|\d+(?:[.,]\d+)*|[^\s\w]", re.UNICODE)


def plain(text: str) -> str:
    """The same text, character by character, with ASCII digits, separators and spaces."""
    return "".join(_plain(character) for character in text)


def _plain(character: str) -> str:
    if character < "\x80":
        return character
    if character in _MINUS:
        return "-"
    if character in _SPACES:
        return " "
    if character in _OTHER:
        return _OTHER[character]
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    return character


def words(text: str) -> list[tuple[int, int, str]]:
    """Words, numbers and single marks with their offsets, lower case."""
    return [(m.start(), m.end(), m.group().lower()) for m in _WORD.finditer(text)]


def sentences(text: str, whole: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Offsets of sentences; none ends inside a span of ``whole``."""
    inside = {index for start, end in whole for index in range(start, end)}
    ends: list[int] = []
    for mark in re.finditer(r"[.!?](?=[\s\"')\]”“]|$)|[。\uff01\uff1f؟]|\n+", text):
        place = mark.start()
        if place in inside and mark.group() == ".":
            # "… 5 Mio. Danach …": a span's own last dot ends the sentence only before a capital.
            follows = text[mark.end() :].lstrip()
            if place + 1 in inside or not (follows == "" or follows[:1].isupper()):
                continue
            if re.match(r"[^\W\d]+\s*[\d(]|€|\$|£|[A-Z]{3}\b", follows):
                continue
        elif mark.group() == "." and _abbreviated(text, place):
            continue
        ends.append(mark.end())
    spans: list[tuple[int, int]] = []
    start = 0
    for end in [*ends, len(text)]:
        if text[start:end].strip():
            lead = len(text[start:end]) - len(text[start:end].lstrip())
            spans.append((start + lead, start + len(text[start:end].rstrip())))
        start = end
    return spans


def _abbreviated(text: str, dot: int) -> bool:
    before = re.search(r"[^\s(]+$", text[:dot])
    if before is None:
        return text[dot + 1 :].lstrip()[:1].islower()
    word = before.group().lower()
    follows = text[dot + 1 :].lstrip()
    if word in _ABBREVIATIONS and follows:
        return True
    # A single letter is an initial, or after a number a unit ("6,50 t."); digits before a
    # lower-case word or a noun are an ordinal.
    unit = re.search(r"\d\s$", text[: before.start()])
    initial = re.fullmatch(r"[a-z]", word) is not None and unit is None
    return bool(follows) and (initial or follows[0].islower())
