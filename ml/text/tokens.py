"""Words of a text with their positions; the one way of dividing a text in this room.

A word is a run of letters (with their marks) or of digits; each other visible character stands
alone, and so does each character of a script that is written without spaces.
"""

from __future__ import annotations

from typing import NamedTuple

import regex

_DENSE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(
    rf"[{_DENSE}]\p{{M}}*|(?:[\p{{L}}--[{_DENSE}]]\p{{M}}*)+|\p{{N}}+|[^\s]", regex.V1
)
_HAN = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")
_LETTER = regex.compile(r"\p{L}")
_LONE = regex.compile(r"[\uD800-\uDFFF\x00]")


class Token(NamedTuple):
    """One word: ``text[start:end]``."""

    text: str
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """The words of a text, in order; none for a text of spaces."""
    return [Token(found.group(), found.start(), found.end()) for found in _WORD.finditer(text)]


def printable(text: str) -> str:
    """The same text, as long as before, without what cannot be encoded (half a surrogate, NUL)."""
    cleaned: str = _LONE.sub("\ufffd", text)
    return cleaned


def has_letters(text: str) -> bool:
    """Whether there is a letter of any script."""
    return _LETTER.search(text) is not None


def is_dense(text: str) -> bool:
    """Whether most letters are Chinese or Japanese, which are written without spaces."""
    return 2 * len(_HAN.findall(text)) > len(_LETTER.findall(text))
