"""How a value, a fact and a period are written in a language.

Digits are Western (0-9) in every language, so that a number reads the same to the number guard,
in a table and in a formula.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_interval, format_skeleton, get_timezone_name
from babel.numbers import format_currency, format_decimal, format_percent, list_currencies

from reports.facts.model import Fact
from reports.language import locale_of
from reports.periods import Grain, Period

GAP = "—"
"""Stands where there is no value."""

_NO_BREAK = "\u00a0"
_POINTS = {"de": "Prozentpunkte", "ja": "ポイント", "ar": "نقطة مئوية"}
"""What ``pp`` is called; ``pp`` elsewhere."""
_FIRST_CJK = "\u2e80"
"""Scripts from here on put no space between a number and what is counted."""


def format_value(
    value: Decimal | None, unit: str, decimals: int, language: str, *, signed: bool = False
) -> str:
    """A value with its unit, e.g. ``£1,234``, ``4,2 %``, ``1.234 orders``.

    Args:
        value: in ``unit``; None gives :data:`GAP`.
        unit: ISO currency code, ``%``, ``pp``, another unit, a plural noun, or empty.
        decimals: digits after the point; halves are rounded away from zero.
        language: BCP 47.
        signed: write a plus before what is above zero (for changes).

    Raises:
        reports.language.LanguageError: the language is unknown.
    """
    locale = locale_of(language)
    if value is None:
        return GAP
    shown = rounded(value, decimals)
    plus = signed and shown > 0
    # A plus goes where the language puts its minus. Babel leaves the pattern's own "-", which
    # would stand on the wrong side in Arabic: CLDR's sign carries a mark of direction there.
    text = _written(-shown if plus else shown, unit, decimals, locale)
    if not plus and shown >= 0:
        return text
    sign = locale.number_symbols["latn"]["plusSign" if plus else "minusSign"]
    return text.replace("-", sign, 1)


def rounded(value: Decimal, decimals: int) -> Decimal:
    """A value as it is shown: halves away from zero (CLDR's patterns would round them to even)."""
    # + 0 makes a 0 of -0.
    return value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP) + 0


def format_fact(fact: Fact, language: str, *, signed: bool = False) -> str:
    """A fact's value with its unit and its own number of decimals; :data:`GAP` where it has none.

    Raises:
        reports.language.LanguageError: the language is unknown.
    """
    return format_value(fact.value, fact.unit, fact.decimals, language, signed=signed)


def format_period(key: str, language: str) -> str:
    """A period's key in words: ``December 2010``, ``Dec 6 - 12, 2010``, ``Dec 6, 2010``.

    Raises:
        reports.language.LanguageError: the language is unknown.
        reports.periods.PeriodError: the key is of no grain.
    """
    grain = Grain.WEEK if "-W" in key else Grain.MONTH if key.count("-") == 1 else Grain.DAY
    period = Period.parse(key, grain)
    locale = locale_of(language)
    # By skeletons: they put year, month and day in the language's order. (Babel 2.18 writes the
    # stand-alone month, LLLL, of every language read after Japanese in Japanese.)
    if grain is Grain.WEEK:
        last = period.end - timedelta(days=1)
        return format_interval(period.start, last, "yMMMd", locale=locale)
    return format_skeleton(
        "yMMMM" if grain is Grain.MONTH else "yMMMd", period.start, locale=locale
    )


def format_moment(moment: str, zone: str, language: str) -> str:
    """A moment by a zone's clock: ``20 Dec 2010, 02:00 GMT``.

    Args:
        moment: ISO 8601 with an offset; without one it is of UTC.
        zone: an IANA time zone; empty for UTC.
        language: BCP 47.

    Raises:
        ValueError: the moment is malformed.
        reports.language.LanguageError: the language is unknown.
    """
    at = datetime.fromisoformat(moment)
    at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(ZoneInfo(zone or "UTC"))
    locale = locale_of(language)
    clock = get_timezone_name(at, "short", locale=locale)
    return f"{format_date(at, 'medium', locale=locale)}, {at:%H:%M} {clock}"


def _written(value: Decimal, unit: str, decimals: int, locale: Locale) -> str:
    if unit in _currencies():
        pattern = _with_decimals(locale.currency_formats["standard"].pattern, decimals)
        if locale.text_direction == "rtl":
            # A symbol such as UK£ is torn apart there (£UK); its ISO code is not.
            pattern = pattern.replace("¤", "¤¤")
        return format_currency(value, unit, pattern, locale=locale, currency_digits=False)
    if unit == "%":
        pattern = _with_decimals(locale.percent_formats[None].pattern, decimals)
        return format_percent(value.scaleb(-2), pattern, locale=locale)
    number = format_decimal(value, _with_decimals("#,##0", decimals), locale=locale)
    name = _POINTS.get(locale.language, unit) if unit == "pp" else unit
    space = "" if not name or name[0] >= _FIRST_CJK else _NO_BREAK
    return f"{number}{space}{name}"


def _with_decimals(pattern: str, decimals: int) -> str:
    """A CLDR pattern with exactly so many digits after the point."""
    return pattern.replace("0.00", "0").replace("0", "0." + "0" * decimals if decimals else "0")


@lru_cache(maxsize=1)
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())
