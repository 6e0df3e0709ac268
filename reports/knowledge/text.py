"""Characters: one form for each letter, and blanks that part words.

Belongs here: what is done to every text, whichever format it came from, and to every question.
Does not belong here: layout (:mod:`.parsing.flow`), bytes (:mod:`.parsing.charsets`).
"""

from __future__ import annotations

import re
import unicodedata

_SPACES = re.compile(r"[^\S\n]+")
_LIGATURES = range(0xFB00, 0xFB18)
_JOINERS = "\u200c\u200d"
"""They part or join letters within a word; Persian and Indic spelling needs them."""
_LINE_ENDS = "\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def normal(text: str) -> str:
    """A text in one form: composed letters, no ligatures, plain blanks, no control characters.

    Ligatures, full-width and positional Arabic forms become plain letters, as Unicode's NFKC has
    it. Superscripts, fractions and circled numbers stay: NFKC would make 12 of 1².
    """
    if text.isascii() and text.isprintable():
        return text
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(map(_plain, plain))


def _plain(character: str) -> str:
    if character in _LINE_ENDS:
        return "\n"
    if character == "\t" or character in _JOINERS:
        return character
    # Every other blank: no-break, thin, figure, ideographic.
    if unicodedata.category(character) == "Zs":
        return " "
    if ord(character) in _LIGATURES or unicodedata.decomposition(character).startswith(
        ("<isolated>", "<initial>", "<medial>", "<final>", "<wide>", "<narrow>")
    ):
        return unicodedata.normalize("NFKC", character)
    return character if character.isprintable() or _unmapped(character) else ""


def _unmapped(character: str) -> bool:
    return unicodedata.category(character) == "Co"


def unreadable(text: str) -> int:
    """How many characters stand for one that the file does not name."""
    return 0 if text.isascii() else sum(c == "\ufffd" or _unmapped(c) for c in text)


def clean(text: str) -> str:
    """A text in normal form, without runs of blanks and empty lines."""
    kept = "".join(c for c in normal(text) if not _unmapped(c))
    lines = (_SPACES.sub(" ", line).strip() for line in kept.split("\n"))
    return "\n".join(line for line in lines if line)
