"""The language of a text, decided from its BCP 47 tag in one place.

Belongs here: which language a tag means and how its region writes numbers. Does not belong here:
words (:mod:`.lexicon`).
"""

from __future__ import annotations

from functools import cache

from babel import Locale, UnknownLocaleError

from reports.guard.text import plain


def primary(language: str) -> str:
    """The language without script and region: ``de`` for ``de-CH``."""
    return language.replace("_", "-").split("-")[0].lower()


def is_german(language: str) -> bool:
    """Whether the text is read as German."""
    return primary(language) == "de"


@cache
def locale(language: str) -> Locale:
    """Babel's locale: the nearest that it knows, English for an unknown tag."""
    for tag in (language.replace("_", "-"), primary(language)):
        try:
            return Locale.parse(tag, sep="-")
        except (ValueError, UnknownLocaleError):
            continue
    return Locale("en")


def separators(language: str, group: str, decimal: str) -> tuple[str, str]:
    """What separates thousands and decimals; those given unless the region has its own."""
    found = locale(language)
    if primary(language) not in {"en", "de"} or found.territory is None:
        return group, decimal
    symbols = found.number_symbols.get("latn", {})
    point = plain(symbols.get("decimal", decimal))
    comma = plain(symbols.get("group", group))
    if comma == " ":
        # Spaces always separate; where a region uses them, the other mark does not.
        comma = "." if point == "," else ","
    return comma, point
