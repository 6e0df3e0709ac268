"""Dates in a text, with their value where it is plain; names of months are CLDR's (babel)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache

import regex as re

from ml.text.results import Entity

LOCALES = {
    "ar": "ar", "cs": "cs", "da": "da", "de": "de", "el": "el", "en": "en", "es": "es", "fi": "fi",
    "fr": "fr", "hi": "hi", "hr": "hr", "hu": "hu", "id": "id", "it": "it", "ms": "ms", "nl": "nl",
    "no": "nb", "pl": "pl", "pt": "pt", "ro": "ro", "ru": "ru", "sk": "sk", "sr": "sr_Latn",
    "sv": "sv", "tl": "fil", "tr": "tr", "uk": "uk",
}  # fmt: skip
_MONTH_FIRST = {"en", "tl"}
"""Languages whose dates of three numbers may begin with the month."""
_SURE, _GUESS = 1.0, 0.7

_WORD = r"(?P<month>[\p{L}\p{M}]{3,})\.?"
_DAY = r"(?P<day>\d{1,2})"
_YEAR = r"(?P<year>\d{4})(?!\d)"
_PATTERNS = (
    re.compile(rf"(?<!\d){_YEAR}[-/.](?P<number>\d{{1,2}})[-/.]{_DAY}(?!\d)"),
    re.compile(r"(?<!\d)(?P<year>\d{4})\s?[年년]\s?(?P<number>\d{1,2})\s?[月월](?:\s?(?P<day>\d{1,2})\s?[日号號일])?"),
    re.compile(r"(?<!\d)(?P<number>\d{1,2})\s?[月월]\s?(?P<day>\d{1,2})\s?[日号號일]"),
    re.compile(rf"(?<![\d.,]){_DAY}(?:st|nd|rd|th|er|º|ª)?\.?\s?(?:de\s|of\s|-\s?)?{_WORD}"
               rf"(?:,?\s(?:de\s|del\s)?{_YEAR})?"),
    re.compile(rf"(?<!\p{{L}}){_WORD}\s{_DAY}(?:st|nd|rd|th)?(?!\d|[.,]\d)(?:,?\s{_YEAR})?"),
    re.compile(rf"(?<!\p{{L}}){_WORD},?\s(?:de\s|del\s)?{_YEAR}"),
)  # fmt: skip
_THREE = re.compile(r"(?<![\d.,/-])(\d{1,2})([./-])\s?(\d{1,2})\2\s?(\d{4}|\d{2})(?![\d/-])")


def dates(text: str, language: str) -> Iterator[Entity]:
    """Dates in a text, not always in order, without overlap.

    The value is ISO 8601: ``2026-03-05``, ``2026-03``, ``--03-05`` without a year, and empty where
    day and month cannot be told apart.

    Args:
        text: to look in.
        language: ISO 639-1; its names of months go first, and it decides whether a day or a month
            comes first.
    """
    taken: list[tuple[int, int]] = []
    for pattern in _PATTERNS:
        for found in pattern.finditer(text):
            value = _value(found.groupdict(), language)
            if value and _free(found.span(), taken):
                yield _entity(text, found.span(), _SURE, value)
    for found in _THREE.finditer(text):
        one, two, year = int(found[1]), int(found[3]), int(found[4])
        value, sure = _three(one, two, year if len(found[4]) == 4 else 2000 + year, language)
        if sure and _free(found.span(), taken):
            yield _entity(text, found.span(), sure, value)


def _entity(text: str, span: tuple[int, int], sure: float, value: str) -> Entity:
    return Entity("date", *span, text[slice(*span)], sure, value)


def _free(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    """Whether nothing there was found before; remembers it."""
    if any(span[0] < end and start < span[1] for start, end in taken):
        return False
    taken.append(span)
    return True


def _value(parts: Mapping[str, str | None], language: str) -> str:
    """ISO 8601, or empty where these parts are no date."""
    name = parts.get("month")
    month = _month(name, language) if name else int(parts["number"] or 0)
    day, year = parts.get("day"), parts.get("year")
    if not _exists(int(year or 2000), month, int(day or 1)):
        return ""
    head = f"{int(year):04d}-{month:02d}" if year else f"--{month:02d}"
    return f"{head}-{int(day):02d}" if day else head


def _three(one: int, two: int, year: int, language: str) -> tuple[str, float]:
    day_first, month_first = _exists(year, two, one), _exists(year, one, two)
    if day_first and month_first and one != two and language in _MONTH_FIRST:
        return "", _GUESS
    if day_first:
        return f"{year:04d}-{two:02d}-{one:02d}", _SURE
    return (f"{year:04d}-{one:02d}-{two:02d}", _SURE) if month_first else ("", 0.0)


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _month(name: str, language: str) -> int:
    """Its number, 0 for another word."""
    word = name.lower()
    return _months(language).get(word) or _common().get(word, 0)


@cache
def _months(language: str) -> Mapping[str, int]:
    from babel import Locale

    if language not in LOCALES:
        return {}
    locale = Locale.parse(LOCALES[language])
    return {
        str(name).rstrip(".").lower(): number
        for form in ("format", "stand-alone")
        for width in ("wide", "abbreviated")
        for number, name in locale.months[form][width].items()
        if not str(name)[0].isdigit()
    }


@cache
def _common() -> Mapping[str, int]:
    """Whole names that mean the same month wherever they are used."""
    found: dict[str, set[int]] = {}
    for language in LOCALES:
        for name, number in _months(language).items():
            found.setdefault(name, set()).add(number)
    return {
        name: numbers.pop()
        for name, numbers in found.items()
        if len(numbers) == 1 and len(name) > 3
    }
