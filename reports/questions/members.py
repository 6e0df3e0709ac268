"""Members of dimensions: the countries, sites and languages that there are rows of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from reports.questions.words import Token, fold
from reports.semantics.model import Dimension, SemanticModel

MOST = 5000
"""Members that are looked at; a dimension of more is asked for by number or in quotes."""

Members = Callable[[SemanticModel, Dimension], Sequence[str]]
"""All members of a dimension, for example from Trino."""


def member_of_number(dimension: Dimension, number: str) -> str:
    """The member that a number names: ``12`` is ``meter-012``."""
    return dimension.member.format(int(number))


def match(dimension: Dimension, members: Iterable[str], words: Sequence[Token]) -> list[str]:
    """The members that words name, in any case, and by CLDR's names of countries and languages."""
    text = " ".join(token.key for token in words)
    exact = {fold(name): name for name in members}
    found = [name for key, name in exact.items() if _plain(key) == text]
    if found or not dimension.kind:
        return found
    codes = _codes(dimension.kind).get(text, frozenset())
    return [name for key, name in exact.items() if codes & _codes_of(dimension.kind, key)]


def _plain(key: str) -> str:
    from reports.questions.words import tokens

    return " ".join(token.key for token in tokens(key))


def _codes_of(kind: str, key: str) -> frozenset[str]:
    """The codes of a member as the data write it: by its name, or the code itself."""
    named = _codes(kind).get(_plain(key), frozenset())
    return named | ({key} if len(key) == 2 else frozenset())


@lru_cache(maxsize=4)
def _codes(kind: str) -> dict[str, frozenset[str]]:
    """Folded names, in English and German -> codes of CLDR in lower case."""
    from babel import Locale

    found: dict[str, set[str]] = {}
    for language in ("en", "de"):
        locale: Any = Locale(language)
        names = locale.territories if kind == "country" else locale.languages
        for code, name in names.items():
            if len(code) in (2, 3) and code.isalpha():
                found.setdefault(_plain(fold(name)), set()).add(code.lower())
                if kind == "language" and language == "de" and name.endswith("sch"):
                    for ending in ("e", "en", "er", "es", "em"):
                        found.setdefault(fold(name + ending), set()).add(code.lower())
    if kind == "country":
        for text, code in _COMMON.items():
            found.setdefault(text, set()).add(code)
    return {text: frozenset(codes) for text, codes in found.items()}


_COMMON = {
    "uk": "gb", "england": "gb", "great britain": "gb", "britain": "gb", "grossbritannien": "gb",
    "usa": "us", "us": "us", "america": "us", "united states of america": "us", "eire": "ie",
    "republic of ireland": "ie", "rsa": "za", "holland": "nl", "the netherlands": "nl",
    "czech republic": "cz", "tschechische republik": "cz",
    "tschechien": "cz", "uae": "ae", "korea": "kr", "niederlanden": "nl", "schweiz": "ch",
    "channel islands": "je", "vereinigte konigreich": "gb", "vereinigten konigreich": "gb",
    "vereinigten staaten": "us",
}  # fmt: skip
"""Names of countries that CLDR does not give, or the data write otherwise."""
