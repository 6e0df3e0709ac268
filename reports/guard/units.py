"""Units: what a text writes beside a number, and whether a value's unit is the same."""

from __future__ import annotations

import re
from functools import cache

from babel.numbers import get_currency_symbol

from reports.guard.text import plain

_SYMBOLS: dict[str, tuple[str, ...]] = {
    "us$": ("USD",), "a$": ("AUD",), "c$": ("CAD",), "nz$": ("NZD",), "hk$": ("HKD",),
    "s$": ("SGD",), "r$": ("BRL",), "ca$": ("CAD",), "au$": ("AUD",), "nt$": ("TWD",),
    "mx$": ("MXN",), "cn¥": ("CNY",), "jp¥": ("JPY",),
    "$": ("USD", "CAD", "AUD", "NZD", "HKD", "SGD", "MXN", "TWD"),
    "£": ("GBP",), "€": ("EUR",), "¥": ("JPY", "CNY"), "₹": ("INR",), "₩": ("KRW",),
    "₽": ("RUB",), "₺": ("TRY",), "₪": ("ILS",), "円": ("JPY",), "元": ("CNY",),
}  # fmt: skip
_WORDS: dict[str, tuple[str, ...]] = {
    "us dollar": ("USD",), "u.s. dollar": ("USD",), "us-dollar": ("USD",), "dollar": _SYMBOLS["$"],
    "canadian dollar": ("CAD",), "australian dollar": ("AUD",), "euro": ("EUR",),
    "pound": ("GBP",), "pound sterling": ("GBP",), "pfund": ("GBP",), "sterling": ("GBP",),
    "yen": ("JPY",), "yuan": ("CNY",), "renminbi": ("CNY",), "swiss franc": ("CHF",),
    "franken": ("CHF",), "rupee": ("INR",), "krona": ("SEK",), "won": ("KRW",),
    "britische pfund": ("GBP",), "ドル": ("USD",), "ユーロ": ("EUR",), "ポンド": ("GBP",),
    "米ドル": ("USD",), "دولار": ("USD",), "يورو": ("EUR",), "dollars": _SYMBOLS["$"],
    "دولار أمريكي": ("USD",), "جنيه إسترليني": ("GBP",), "cent": ("cents",), "pence": ("pence",),
}  # fmt: skip
_CODES = (
    "USD EUR GBP JPY CNY CHF CAD AUD NZD HKD SGD INR KRW SEK NOK DKK PLN CZK HUF RON RUB "
    "TRY ILS BRL MXN ZAR AED SAR TWD THB IDR MYR PHP VND EGP NGN KES ARS CLP COP PEN UAH "
    "BGN ISK"
)
CODES = frozenset(_CODES.split())
_MEASURE_NAMES = (
    "kWh MWh GWh TWh Wh kW MW GW W kg mg g km m² m3 m³ km² ha MB GB TB PB ms °C °F K "
    "tCO2e tCO2 t CO2e h min s l hl bbl boe kt Mt ppm dB Hz kHz MHz GHz"
)
_MEASURES = _MEASURE_NAMES.split()
_LOCALES = ("en", "en_GB", "de", "ja", "ar")
for _locale in _LOCALES:
    for _code in sorted(CODES):
        _symbol = plain(get_currency_symbol(_code, _locale)).strip().lower()
        if _symbol != _code.lower():
            _SYMBOLS.setdefault(_symbol, (_code,))
_NAMES = {"$": "dollars", "%": "per cent", "pp": "percentage points", "": "no unit"}

Unit = tuple[str, ...]
"""Units that a mention can mean: codes, ``%``, ``pp``, ``bp``, ``x`` or a measure; () for none."""


@cache
def prefix() -> str:
    """A pattern of currencies before a number."""
    symbols = "|".join(re.escape(s) for s in sorted(_SYMBOLS, key=len, reverse=True))
    return rf"(?:(?i:{symbols})|(?:{'|'.join(sorted(CODES))})\b)"


@cache
def suffix() -> str:
    """A pattern of currencies and measures after a number."""
    spoken = "|".join(re.escape(w) + r"s?(?!\w)" for w in sorted(_WORDS, key=len, reverse=True))
    measures = "|".join(re.escape(m) + r"(?!\w)" for m in sorted(_MEASURES, key=len, reverse=True))
    return rf"(?:{prefix()}|(?i:{spoken})|{measures})"


def read(written: str) -> Unit:
    """What a currency or a measure as written can mean."""
    text = written.strip()
    low = text.lower()
    if low in _SYMBOLS:
        return _SYMBOLS[low]
    if text in CODES:
        return (text,)
    if low in _WORDS or low.removesuffix("s") in _WORDS:
        return _WORDS.get(low) or _WORDS[low.removesuffix("s")]
    return (text,)


def stated(unit: str) -> bool:
    """Whether a text must write this unit: currencies, percent and measures, not nouns."""
    return unit in CODES or unit in {"%", "pp"} or unit in _MEASURES


def known(unit: str) -> bool:
    """Whether it is a unit of any kind, and not a noun."""
    return stated(unit) or unit in {"bp", "x", "cents", "pence"}


def spoken(unit: Unit) -> str:
    """A mention's unit for people."""
    if not unit:
        return _NAMES[""]
    return _NAMES.get(unit[0], unit[0])
