"""Words of a question: tokens, and when two words are the same one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]+)"|“(?P<curly>[^”]+)”|„(?P<low>[^“”]+)[“”]
    |\d{4}-[wW]\d{1,2}(?!\w)|\d{4}-\d{2}(?:-\d{2})?(?!\w)
    |\d{1,2}\.\s?\d{1,2}\.(?:\d{4})?|\d{1,2}/\d{1,2}/\d{4}
    |\d+(?:[.,]\d+)*(?:st|nd|rd|th)?\b|[^\W\d_]+\d+\b
    |(?<=\d)\s?[-–](?=\s?\d)
    |[^\W\d_]+(?:['’][^\W\d_]+)*
    |<=|>=|[^\s\w?!.,;:()'’"“”„\-–…]
    |_+
    """,
    re.VERBOSE,
)
_APOSTROPHES = re.compile(r"['’](?:s|re|ve|d|ll|m)?$")
_ENDINGS = ("s", "es", "e", "en", "n")
_WEAK_ENDINGS = ("er", "ern", "em")
_ADJECTIVE_ENDINGS = ("r", "n", "s", "m")
_SHORTEST = 3
"""Letters that a word needs for endings to be taken off."""


@dataclass(frozen=True)
class Token:
    """A word, a number or a sign.

    Attributes:
        text: as it is written.
        key: folded: lower case, without accents and umlauts.
        quoted: it is a name in quotes.
        shouted: it alone is in capitals.
    """

    text: str
    key: str
    quoted: bool = False
    shouted: bool = False


def tokens(text: str) -> list[Token]:
    """The tokens of a question; marks that end or join sentences are left out."""
    found = []
    calm = not text.isupper()
    for match in _TOKEN.finditer(text):
        name = match["quoted"] or match["curly"] or match["low"]
        if name:
            found.append(Token(name, fold(name), quoted=True))
            continue
        word = _APOSTROPHES.sub("", match[0].strip()) or match[0]
        found.append(Token(word, fold(word), shouted=calm and len(word) > 1 and word.isupper()))
    return found


def fold(text: str) -> str:
    """Lower case without accents; ``ä`` and ``ae`` become ``a``, so that both are found."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return plain.replace("–", "-").replace("ae", "a").replace("oe", "o").replace("ue", "u")


def same(word: str, other: str) -> int:
    """How far two folded words are forms of one: 2 certainly, 1 perhaps, 0 not at all.

    ``country`` and ``countries``, ``kauf`` and ``kaufe`` certainly; ``kauf`` and ``kaufer``
    perhaps: it counts where nothing else fits. Endings of English plurals and of German cases
    only: ``return`` and ``returning`` are two words.
    """
    if word == other:
        return 2
    short, long = sorted((word, other), key=len)
    if len(short) < _SHORTEST or not short.isalpha():
        return 0
    if short.endswith("y") and long == f"{short[:-1]}ies":
        return 2
    if not long.startswith(short):
        return 0
    ending = long[len(short) :]
    if ending in _ENDINGS:
        return 2
    weak = ending in _WEAK_ENDINGS or (short.endswith("e") and ending in _ADJECTIVE_ENDINGS)
    return 1 if weak else 0


def phrase(text: str) -> tuple[str, ...]:
    """A phrase's words, folded; ``...`` stands for other words between."""
    return tuple(
        "..." if part == "..." else token.key
        for part in text.split()
        for token in ([Token("", "")] if part == "..." else tokens(part))
    )


def starts(words: Sequence[str], at: Sequence[Token]) -> int:
    """How well a list begins with a phrase: 2 or 1 as :func:`same` has it, 0 not at all."""
    if len(words) > len(at):
        return 0
    fit = 2
    for word, token in zip(words, at, strict=False):
        fit = 0 if token.quoted else min(fit, same(word, token.key))
        if not fit:
            return 0
    return fit


def ngrams(count: int) -> Iterator[tuple[int, int]]:
    """Start and end of every run of a list, longest first."""
    for length in range(count, 0, -1):
        for start in range(count - length + 1):
            yield start, start + length
