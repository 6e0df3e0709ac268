"""Sums of money in a text, with currency and value: a number beside what names a currency.

Symbols, codes, currencies' names and words for thousands and millions are CLDR's (babel), and the
short names that people use (ADR 0610).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import NamedTuple

import regex as re

from ml.text.results import Entity

CURRENCIES = (
    "EUR", "USD", "GBP", "JPY", "CNY", "CHF", "SEK", "DKK", "NOK", "PLN", "CZK", "HUF", "RON",
    "BGN", "RSD", "TRY", "RUB", "UAH", "INR", "IDR", "MYR", "PHP", "THB", "SGD", "HKD", "TWD",
    "KRW", "AUD", "NZD", "CAD", "MXN", "BRL", "ARS", "ZAR", "SAR", "AED", "EGP", "ILS",
)  # fmt: skip
LOCALES = (
    "ar", "cs", "da", "de", "en", "es", "fi", "fil", "fr", "hi", "hr", "hu", "id", "it", "ja",
    "ko", "ms", "nb", "nl", "pl", "pt", "ro", "ru", "sk", "sr_Latn", "sr", "sv", "tr", "uk", "zh",
)  # fmt: skip
_SHORT = {
    "EUR": "euro euros eura evra eurov евро евра ユーロ 欧元 歐元 यूरो يورو 유로",
    "USD": "dollar dollars dólar dólares dollari dollaro dolar dolari dolara dolarów dolarov "
           "доллар доллара долларов долара dólara ドル 美元 डॉलर دولار 달러",
    "JPY": "yen иен иены 円 日元 日圓 엔",
    "CNY": "yuan yuanes юаней юаня 元 人民币 人民幣 块",
    "RUB": "ruble rubles rubel рубль рубля рублей руб рублів",
    "INR": "rupee rupees rupien रुपये रुपए रुपया",
    "GBP": "quid фунтов £",
    "TRY": "lira liras",
    "PLN": "zł złotych złote zloty",
    "CZK": "kč korun",
    "IDR": "rupiah",
    "MYR": "ringgit",
    "PHP": "piso",
    "RSD": "dinara dinar dinari",
}  # fmt: skip
_SYMBOLS = {
    "€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB", "₩": "KRW", "₺": "TRY",
    "₱": "PHP", "₪": "ILS", "฿": "THB", "₴": "UAH", "R$": "BRL", "US$": "USD", "A$": "AUD",
    "C$": "CAD", "HK$": "HKD", "NT$": "TWD", "S$": "SGD", "MX$": "MXN", "CN¥": "CNY", "Rp": "IDR",
    "RM": "MYR", "Rs": "INR",
}  # fmt: skip
_OWN = {"pt": {"real": "BRL", "reais": "BRL"}, "ko": {"원": "KRW"}, "tr": {"tl": "TRY"}}
"""Names that are other words in other languages."""
_SCALES = {"k": 3, "mio": 6, "mn": 6, "mln": 6, "mrd": 9, "mld": 9, "bn": 9}
_SHARED = {"$", "¥"}
"""Symbols of several currencies; which one is meant is a guess."""
_CROWN = {"kr", "kronor", "kroner", "krone"}
_CROWNS = {"da": "DKK", "no": "NOK", "sv": "SEK"}
_SURE, _LIKELY, _GUESS = 1.0, 0.8, 0.6

_NUMBER = re.compile(r"(?<![\w.,])\d{1,3}(?:[.,'’\u00a0\u202f ]\d{3})+(?:[.,]\d{1,2})?(?!\d)"
                     r"|(?<![\d.,])\d+(?:[.,]\d+)?(?!\d)")  # fmt: skip
_BEFORE = re.compile(
    r"(?:(?<!\w)(?P<word>[A-Z]{3}|[A-Za-z]{1,3}\$|CN¥|Rp|RM|Rs)\.?|(?P<sign>[€$£¥₹₽₩₺₱₪฿₴]))\s?[-–]?$"
)
_LETTERS = r"[\p{L}\p{M}]+"
_SCALE = re.compile(rf"\s?({_LETTERS})")
_AFTER = re.compile(
    rf"\.?\s?(?:(?P<sign>[€$£¥₹₽₩₺₱₪฿₴])"
    rf"|(?:d['’]|de\s|di\s|of\s)?(?P<words>{_LETTERS}(?:[ -]{_LETTERS}){{0,3}}))"
)
_LOOK_BACK, _LOOK_AHEAD = 8, 60


class _Currency(NamedTuple):
    code: str
    sure: float


def money(text: str, language: str) -> Iterator[Entity]:
    """Sums in a text, in order; the value is e.g. ``12.50 EUR``.

    Args:
        text: to look in.
        language: ISO 639-1; it decides between crowns.
    """
    done = 0
    for number in _NUMBER.finditer(text):
        if number.start() < done:
            continue
        amount, sure = _amount(number.group())
        scale, end = _scale(text, number.end(), language)
        start, currency = number.start(), None
        before = _BEFORE.search(text, max(done, start - _LOOK_BACK), start)
        if before and (currency := _named(before["word"] or before["sign"], language)):
            start = before.start()
        elif after := _AFTER.match(text, end, end + _LOOK_AHEAD):
            currency, end = _following(after, language)
        if currency is None:
            continue
        done = end
        value = f"{(amount * scale).normalize():f} {currency.code}"
        yield Entity("money", start, end, text[start:end], min(sure, currency.sure), value)


def _amount(digits: str) -> tuple[Decimal, float]:
    """The number, and how sure its separators are."""
    plain = re.sub(r"['’\u00a0\u202f ]", "", digits)
    marks = re.findall(r"[.,]", plain)
    if not marks:
        return Decimal(plain), _SURE
    last = plain.rindex(marks[-1])
    whole, rest = re.sub(r"[.,]", "", plain[:last]), plain[last + 1 :]
    if len(set(marks)) == 1 and (len(marks) > 1 or len(rest) == 3):
        # One mark before three digits: thousands nearly everywhere, a fraction now and then.
        return Decimal(whole + rest), _SURE if len(marks) > 1 else _LIKELY
    return Decimal(f"{whole}.{rest}"), _SURE


def _scale(text: str, at: int, language: str) -> tuple[Decimal, int]:
    """What a number is multiplied by, and where the word for it ends."""
    scales = _scales(language)
    found = _SCALE.match(text, at, at + _LOOK_AHEAD)
    if found and (power := scales.get(found[1].lower())):
        # "5m" could be metres; a currency must follow or stand before, so it does not matter.
        return power, found.end()
    if at < len(text) and (power := scales.get(text[at])):
        return power, at + 1
    return Decimal(1), at


def _named(name: str, language: str) -> _Currency | None:
    if name in _SYMBOLS:
        guess = name in _SHARED and not (name == "¥" and language in {"ja", "zh"})
        code = "CNY" if name == "¥" and language == "zh" else _SYMBOLS[name]
        return _Currency(code, _LIKELY if guess else _SURE)
    return _Currency(name, _SURE) if name in CURRENCIES else None


def _following(after: re.Match[str], language: str) -> tuple[_Currency | None, int]:
    """The currency that follows a number, and where its name ends."""
    if after["sign"]:
        return _named(after["sign"], language), after.end()
    words, start = after["words"], after.start("words")
    for length in reversed([found.end() for found in re.finditer(_LETTERS, words)]):
        if currency := _spelled(words[:length], language):
            return currency, start + length
    # Without spaces between words: 5美元.
    for length in (3, 2, 1):
        if not words[:length].isascii() and (currency := _names().get(words[:length])):
            return currency, start + length
    return None, after.start()


def _spelled(name: str, language: str) -> _Currency | None:
    """The currency that a name or code stands for."""
    if name in CURRENCIES:
        return _Currency(name, _SURE)
    lower = name.lower()
    if lower in _CROWN:
        return _Currency(_CROWNS.get(language, "SEK"), _LIKELY)
    if own := _OWN.get(language, {}).get(lower):
        return _Currency(own, _SURE)
    return _names().get(lower)


@cache
def _names() -> Mapping[str, _Currency]:
    from babel.numbers import get_currency_name

    names: dict[str, _Currency] = {}
    other = {name for some in _OWN.values() for name in some}
    for code, short in _SHORT.items():
        names |= {name: _Currency(code, _LIKELY) for name in short.split(" ")}
    names |= {name: _Currency("GBP", _GUESS) for name in ("pound", "pounds", "pfund")}
    for locale in LOCALES:
        for code in CURRENCIES:
            for count in (None, 1, 2, 5, 100):
                name = get_currency_name(code, count=count, locale=locale).lower()
                if name not in other and names.get(name, (code,))[0] == code:
                    names[name] = _Currency(code, _SURE)
    return names


@cache
def _scales(language: str) -> Mapping[str, Decimal]:
    """Words for thousands and more: the long ones of every language, the short ones of its own."""
    scales = {word: Decimal(10) ** power for word, power in _SCALES.items()}
    for locale in LOCALES:
        for length, word, power in _scale_words(locale):
            if locale.split("_")[0] == language:
                scales[word] = power
            elif length == "long" or not word.isascii():
                scales.setdefault(word, power)
    return scales


def _scale_words(locale: str) -> Iterator[tuple[str, str, Decimal]]:
    from babel import Locale

    for length, plurals in Locale.parse(locale).compact_decimal_formats.items():
        for formats in plurals.values():
            for power, pattern in formats.items():
                shown = str(pattern.pattern)
                zeros = shown.count("0")
                word = re.sub(r"[0\s.'’]+", "", shown).lower()
                if word and zeros:
                    yield length, word, Decimal(power) / Decimal(10) ** (zeros - 1)
