"""Sentences of a text with their positions; by punctuation alone, so that any language will do."""

from __future__ import annotations

from typing import NamedTuple

import regex

_FULL_WIDTH = "\uff01\uff1f\u3002"
_END = regex.compile(
    rf"""(?<=[.!?\u2026\u061f\u0964][\p{{Pe}}\p{{Pf}}"']?)\s+|(?<=[{_FULL_WIDTH}])|\s*\n\s*"""
)


class Sentence(NamedTuple):
    """One sentence: ``text[start:end]``."""

    text: str
    start: int
    end: int


def sentences(text: str) -> list[Sentence]:
    """The sentences of a text in order, without the space around them.

    An abbreviation before a space ends one too (``Dr. Berg``): to know better takes a list for
    each language.
    """
    found, start = [], 0
    for end, after in [*(one.span() for one in _END.finditer(text)), (len(text), len(text))]:
        piece = text[start:end]
        if words := piece.strip():
            begin = start + len(piece) - len(piece.lstrip())
            found.append(Sentence(words, begin, begin + len(words)))
        start = after
    return found
