"""Numbers in a text: digits, number words, scales, signs, units, multiples and fractions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache

from reports.guard import hedges, touching, units
from reports.guard.lexicon import Lexicon, lexicon
from reports.guard.numberwords import NumberWord, find_words


@dataclass(frozen=True)
class Quantity:
    """A number as written.

    Attributes:
        start, end: offsets, unit and scale included.
        value: the number, scale included, with its sign; None where it cannot be read.
        half: half a unit of the last digit written.
        explicit: a sign is written.
        unit: what its unit can mean, empty for none.
        multiple: it is a factor ("doubled", "a third", "3 times"): 2 for doubled.
        ordinal: it is a place in an order.
        bound: 1 for "more than", -1 for "less than", 0 for neither.
        approximate: "about".
        bracketed: it stands alone in brackets, after a word that does not ask for a number.
        scaled: a scale word was written.
        level: its bound is a verb that compares levels ("exceeded"), so it is no change.
        strict: the bound itself is not reached ("more than", not "at least").
        turns: -1 where the word itself says "less" ("halved"), 1 for "doubled", else 0.
    """

    start: int
    end: int
    value: Decimal | None
    half: Decimal
    explicit: bool = False
    unit: units.Unit = ()
    multiple: bool = False
    ordinal: bool = False
    bound: int = 0
    approximate: bool = False
    bracketed: bool = False
    scaled: bool = False
    turns: int = 0
    strict: bool = False
    level: bool = False


@cache
def _literal(group: str, decimal: str) -> re.Pattern[str]:
    g, d = re.escape(group), re.escape(decimal)
    return re.compile(
        rf"(?:\d{{1,3}}(?:(?P<g>[{g}' ])\d{{3}})(?:(?P=g)\d{{3}})*(?!\d)"
        # Lakh and crore are grouped by twos: 12,34,567.
        rf"|\d{{1,2}}(?:{g}\d{{2}})+{g}\d{{3}}(?!\d)|\d+)(?:{d}\d+)?|{d}\d+"
    )


def find(text: str, language: str, taken: set[int]) -> list[Quantity]:
    """Numbers of a text (as :func:`.text.plain` gives it), by place.

    Args:
        text: where to look.
        language: of separators and words.
        taken: indices that are part of something else; those found are added.
    """
    words = lexicon(language)
    found: list[Quantity] = []
    for match in re.finditer(r"[.,]?\d", text):
        if match.end() - 1 in taken or match.start() in taken:
            continue
        start = match.end() - 1
        previous = text[start - 1 : start]
        if previous and (previous.isdigit() or _in_name(text, start)):
            continue
        quantity = _digits(text, start, words, taken)
        found.append(quantity)
        taken.update(range(quantity.start, quantity.end))
    for word in find_words(text, language, words, taken):
        quantity = _worded(text, word, words)
        found.append(quantity)
        taken.update(range(quantity.start, quantity.end))
    found.sort(key=lambda quantity: quantity.start)
    read = [hedges.bounded(text, quantity, words) for quantity in _shared(text, found)]
    read = [_checked(text, quantity, taken) for quantity in read]
    for start, end in touching.odd_numerals(text, taken):
        read.append(Quantity(start, end, None, Decimal(0)))
        taken.update(range(start, end))
    return sorted(read, key=lambda quantity: quantity.start)


def _checked(text: str, quantity: Quantity, taken: set[int]) -> Quantity:
    """What touches a number and is not understood makes it ambiguous."""
    if quantity.value is None or quantity.ordinal:
        return quantity
    span = touching.unread(text, quantity.start, quantity.end, taken)
    if span is None:
        return quantity
    return replace(quantity, start=span[0], end=span[1], value=None)


def _in_name(text: str, start: int) -> bool:
    """Digits glued to letters are a name ("B2B"), unless the letters are a currency's."""
    before = re.search(r"[^\W\d_]+$", text[:start])
    if before is None:
        return False
    if not before.group().isascii() or re.search(units.prefix() + "$", text[:start]):
        return False
    # "B2B" is a name; "sales1234" and "T1,234" hide a number.
    return re.match(r"\d{1,2}(?![\d.,]*\d)", text[start:]) is not None


def _digits(text: str, start: int, words: Lexicon, taken: set[int]) -> Quantity:
    fraction = (
        start > 0 and text[start - 1] == words.decimal and not text[: start - 1][-1:].isalnum()
    )
    begin = start - 1 if fraction else start
    literal = _literal(words.group, words.decimal).match(text, begin)
    if literal is None:
        return Quantity(start, start + 1, None, Decimal(0))
    end = literal.end()
    while end > begin and any(index in taken for index in range(begin, end)):
        end -= 1
    digits = text[begin:end].rstrip(" ,.'")
    end = begin + len(digits)
    # "1.234,5" in English, "1,23,4", "10:30", "1/2" and "13.12." are no plain numbers.
    odd = re.match(r"[.,'/:]\d[\d.,'/:]*", text[end:])
    if odd is not None:
        return Quantity(begin, end + odd.end(), None, Decimal(0))
    written = re.sub(rf"[{re.escape(words.group)}' ]", "", digits).replace(words.decimal, ".")
    value = Decimal(written if not written.startswith(".") else f"0{written}")
    places = len(written.partition(".")[2])
    quantity = Quantity(begin, end, value, Decimal(1).scaleb(-places) / 2)
    quantity = _prefixed(text, _extended(text, quantity))
    end = quantity.end
    ordinal = re.match(r"(?:st|nd|rd|th)\b", text[quantity.end :])
    if ordinal is not None and places == 0:
        return replace(quantity, end=quantity.end + ordinal.end(), ordinal=True)
    if re.match(r"\.\s+(?:Platz|Rang|Stelle|Position)", text[end:]):
        return replace(quantity, end=end + 1, ordinal=True)
    return _bracketed(text, _suffixed(text, quantity, words), words)


def _extended(text: str, quantity: Quantity) -> Quantity:
    """``1.2e6`` and ``2½``."""
    assert quantity.value is not None  # noqa: S101 - digits were read
    power = re.compile(r"[eE]([+-]?\d{1,2})(?![\w.,]\d)").match(text, quantity.end)
    if power is not None:
        exponent = int(power.group(1))
        return replace(
            quantity, end=power.end(), value=quantity.value.scaleb(exponent),
            half=quantity.half.scaleb(exponent), scaled=True,
        )  # fmt: skip
    part = re.compile(r"\s?([¼½¾⅛⅜⅝⅞⅕⅖⅗⅘])").match(text, quantity.end)
    if part is None or quantity.value != int(quantity.value):
        return quantity
    fraction = Decimal(str(unicodedata.numeric(part.group(1))))
    return replace(quantity, end=part.end(), value=quantity.value + fraction, half=Decimal("0.05"))


def _prefixed(text: str, quantity: Quantity) -> Quantity:
    before = text[: quantity.start]
    found = re.search(
        rf"(?P<s>[-\u2013+]\s?)?(?P<c>{units.prefix()})?\s?(?P<t>[-\u2013+]\s?)?$", before
    )
    if found is None:
        return quantity
    currency = found.group("c")
    sign_start, sign = -1, ""
    quantity = _scaled_before(text, quantity, found.start("c") if currency else -1)
    for group in ("s", "t"):
        if found.group(group):
            place = found.start(group)
            neighbour = text[:place].rstrip()[-1:]
            glued = text[place - 1 : place] if place else ""
            dash = bool(re.match(r"[\w%€$£)]", glued)) or (
                group == "t" and currency is None and bool(re.match(r"[\d%]", neighbour))
            )
            spaced = found.group(group).endswith(" ")
            if (group == "t" and currency) or not (dash or (spaced and glued.strip())):
                if spaced and not (group == "t" and currency) and re.match(r"[\w%)]", neighbour):
                    # "sales - 5 orders": a dash between words is no minus.
                    continue
                sign_start, sign = place, found.group(group).strip()
    start = quantity.start
    if currency:
        start = min(start, found.start("c"))
    value = quantity.value
    if sign:
        start = min(start, sign_start)
        value = -value if value is not None and sign != "+" else value
    return replace(
        quantity, start=start, value=value, explicit=bool(sign),
        unit=units.read(currency) if currency else (),
    )  # fmt: skip


_BEFORE = re.compile(r"(?<!\w)(?:(?P<n>k|K|T|M|Tsd|Mio|Mill|Mrd|Bio)(?P<dot>\.?\s?))$")
_SCALE_BEFORE = {
    "k": 3, "t": 3, "tsd": 3, "m": 6, "mio": 6, "mill": 6, "mrd": 9, "bio": 12,
}  # fmt: skip


def _scaled_before(text: str, quantity: Quantity, currency: int) -> Quantity:
    """``TEUR 1.234``, ``k€ 5``, ``Mio. € 5,6``: the scale stands before the currency.

    Letters that touch a currency and are no such scale make the number unreadable.
    """
    if currency < 0:
        return quantity
    scale = _BEFORE.search(text, 0, currency)
    if scale is None:
        letters = re.search(r"[^\W_]$", text[:currency])
        unread = letters is not None and letters.group().isascii()
        return replace(quantity, value=None, start=currency) if unread else quantity
    exponent = _SCALE_BEFORE[scale.group("n").lower()]
    assert quantity.value is not None  # noqa: S101 - digits were read
    return replace(
        quantity, start=scale.start(), value=quantity.value.scaleb(exponent),
        half=quantity.half.scaleb(exponent), scaled=True,
    )  # fmt: skip


@cache
def _scale_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    listed = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"[ -]?(?P<n>{listed})(?P<dot>\.)?(?![a-zäöüß²³])", re.IGNORECASE)


def _suffixed(text: str, quantity: Quantity, words: Lexicon) -> Quantity:
    end, value, half, scaled = quantity.end, quantity.value, quantity.half, False
    pattern = _scale_pattern(tuple(words.scales))
    while value is not None and (scale := pattern.match(text, end)):
        name = scale.group("n").lower()
        short = len(name) <= 2 and name.isascii()
        if (
            short
            and text[end : end + 1] == " "
            and name in {"k", "b", "t", "m"}
            and not quantity.unit
        ):
            # "5 m" is metres, "5 t" tonnes; "5m" and "$5 m" are millions.
            break
        if short and re.match(r"(?:²|³|[\w])", text[scale.end("n") : scale.end("n") + 1] or " "):
            break
        exponent = words.scales[name]
        value, half = value.scaleb(exponent), half.scaleb(exponent)
        end, scaled = scale.end("n"), True
        if scale.group("dot") and name in {"mio", "mrd", "tsd", "bio", "mill", "brd"}:
            end = scale.end("dot")
    quantity = replace(quantity, end=end, value=value, half=half, scaled=scaled)
    for kind, named in (("pp", words.points), ("bp", words.basis), ("%", words.percent)):
        match = re.compile(rf"[\s-]?\s?(?:{named})(?!\w)", re.IGNORECASE).match(text, end)
        if match is not None:
            return _percent(replace(quantity, end=match.end()), kind)
    match = re.compile(rf"[\s-]?(?P<u>{units.suffix()})").match(text, end)
    if match is not None and not quantity.unit:
        return replace(quantity, end=match.end(), unit=units.read(match.group("u")))
    match = re.compile(rf"[\s-]?(?:{words.times})(?!\w)", re.IGNORECASE).match(text, end)
    if match is not None and not quantity.unit:
        return replace(quantity, end=match.end(), unit=("x",), multiple=True)
    table = re.compile(r"\s?\(?,?\s?\(?in (?P<n>thousands|millions|billions)\)?").match(text, end)
    if table is not None and not scaled and value is not None:
        exponent = words.scales.get(table.group("n"), 0)
        return replace(
            quantity, end=table.end(), value=value.scaleb(exponent), half=half.scaleb(exponent),
            scaled=True,
        )  # fmt: skip
    return quantity


def _percent(quantity: Quantity, kind: str) -> Quantity:
    if kind == "bp" and quantity.value is not None:
        hundredth = Decimal("0.01")
        return replace(
            quantity, value=quantity.value * hundredth, half=quantity.half * hundredth, unit=("pp",)
        )
    return replace(quantity, unit=(kind,))


def _bracketed(text: str, quantity: Quantity, words: Lexicon) -> Quantity:
    """A number alone in brackets is a minus where a number is due: ``was $(31.5)``."""
    before = re.search(
        rf"(?P<c>{units.prefix()})?\s?\((?P<i>{units.prefix()})?\s?$", text[: quantity.start]
    )
    after = re.match(r"\s?\)", text[quantity.end :])
    if before is None or after is None or quantity.explicit:
        return quantity
    currency = before.group("c")
    asked = re.search(
        rf"(?:(?<!\w)(?:{words.copula})|[:=])\s*$", text[: before.start()], re.IGNORECASE
    )
    end = quantity.end + after.end()
    outside = _suffixed(text, replace(quantity, end=end), words)
    wrapped = replace(
        outside,
        start=before.start(),
        value=-outside.value if outside.value is not None else None,
        explicit=True,
        unit=units.read(currency) if currency else outside.unit,
    )
    if currency or asked or outside.end > end or before.start() == 0:
        return wrapped
    return replace(quantity, bracketed=True)


def _worded(text: str, word: NumberWord, words: Lexicon) -> Quantity:
    quantity = Quantity(
        word.start, word.end, word.value, word.half, multiple=word.multiple,
        ordinal=word.ordinal, turns=word.turns, scaled=word.half > 1,
    )  # fmt: skip
    if word.value is None or word.multiple or word.ordinal:
        return quantity
    sign = re.search(r"\b(?:minus|negative)\s$", text[: word.start], re.IGNORECASE)
    quantity = _suffixed(text, quantity, words)
    if sign is not None and quantity.value is not None:
        return replace(quantity, start=sign.start(), value=-quantity.value, explicit=True)
    return quantity


def _shared(text: str, found: Sequence[Quantity]) -> list[Quantity]:
    """``3 to 5 million``, ``between 3 and 5 %``, ``$3-5``: the first shares unit and scale."""
    shared = list(found)
    for index in range(len(shared) - 2, -1, -1):
        here, after = shared[index], shared[index + 1]
        joined = re.fullmatch(
            r"\s?(?:-|\u2013|to|and|or|bis|und|oder|auf|,)\s?(?:and |und )?",
            text[here.end : after.start],
        )
        if joined is None or here.value is None or after.value is None:
            continue
        if here.multiple or after.multiple or here.ordinal or after.ordinal:
            continue
        if here.unit and here.unit != after.unit and here.unit[0] not in units.CODES:
            continue
        suffix_unit = after.unit if after.end > after.start and not here.unit else ()
        if after.scaled and not here.scaled and here.half <= Decimal("0.5"):
            exponent = _exponent(text, after)
            here = replace(
                here, value=here.value.scaleb(exponent), half=here.half.scaleb(exponent),
                scaled=True,
            )  # fmt: skip
        if suffix_unit:
            here = replace(here, unit=suffix_unit)
        shared[index] = here
        if here.unit and not after.unit and here.unit[0] in units.CODES:
            shared[index + 1] = replace(after, unit=here.unit)
    return shared


def _exponent(text: str, quantity: Quantity) -> int:
    decimals = re.search(r"\d[.,](\d{1,2})(?!\d)", text[quantity.start : quantity.end])
    places = len(decimals.group(1)) if decimals else 0
    return (quantity.half * 2).adjusted() + places
