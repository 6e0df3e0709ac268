"""Numbers written as words: ``four billion``, ``doubled``, ``a third``, ``zweiundzwanzig``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from reports.guard.language import is_german
from reports.guard.lexicon import Lexicon


@dataclass(frozen=True)
class NumberWord:
    """A number word; the attributes are those of :class:`.quantities.Quantity`."""

    start: int
    end: int
    value: Decimal | None
    half: Decimal
    multiple: bool = False
    ordinal: bool = False
    turns: int = 0


_ONE_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen "
    "fourteen fifteen sixteen seventeen eighteen nineteen"
)
_ONES = _ONE_WORDS.split()
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL = {word: number for number, word in enumerate(_ONES)} | {
    word: (number + 2) * 10 for number, word in enumerate(_TENS)
}
_BIG = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_UNIT_WORD = "|".join(sorted([*_SMALL], key=len, reverse=True))
_ENGLISH = re.compile(
    rf"(?<![\w-])(?:(?:{_UNIT_WORD})|(?:an?|half a)(?=[ -](?:{'|'.join(_BIG)}|dozen)\b))"
    rf"(?:(?:[ -]|\s+and\s+)(?:{_UNIT_WORD}|{'|'.join(_BIG)}|dozen)\b)*(?![\w])",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"(?<![\w-])(?:(?:no|any|every|some|each|which|this|that|the|another)\s+one|one\s+(?:of|another|can|could|may|might|"
    r"must|should|has to|by one)|at one)\b",
    re.IGNORECASE,
)
_DE_ONES = {
    "null": 0, "eins": 1, "ein": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6,
    "sieben": 7, "acht": 8, "neun": 9, "zehn": 10, "elf": 11, "zwölf": 12, "dreizehn": 13,
    "vierzehn": 14, "fünfzehn": 15, "sechzehn": 16, "siebzehn": 17, "achtzehn": 18, "neunzehn": 19,
}  # fmt: skip
_DE_TENS = {
    "zwanzig": 20, "dreißig": 30, "dreissig": 30, "vierzig": 40, "fünfzig": 50, "sechzig": 60,
    "siebzig": 70, "achtzig": 80, "neunzig": 90,
}  # fmt: skip
_DE_PART = "|".join(
    sorted([*_DE_ONES, *_DE_TENS, "hundert", "tausend", "und"], key=len, reverse=True)
)
_DE_WORD = re.compile(rf"(?<![\w-])(?:{_DE_PART})+(?![\w])", re.IGNORECASE)

_M = Decimal("0.05")
_MULTIPLES: dict[str, list[tuple[str, Decimal | None, Decimal, int]]] = {
    "en": [
        (r"doubl(?:ed|es|ing)|(?:two|2)[- ]?fold|twice|double", Decimal(2), _M, 1),
        (r"tripl(?:ed|es|ing)|trebled|(?:three|3)[- ]?fold|thrice|triple", Decimal(3), _M, 1),
        (r"quadrupl(?:ed|es|ing)|(?:four|4)[- ]?fold", Decimal(4), _M, 1),
        (r"(?:five|5)[- ]?fold|quintupl\w*", Decimal(5), _M, 1),
        (r"(?:six|6)[- ]?fold|sextupl\w*", Decimal(6), _M, 1),
        (r"(?:seven|7)[- ]?fold|septupl\w*", Decimal(7), _M, 1),
        (r"(?:eight|8)[- ]?fold|octupl\w*", Decimal(8), _M, 1),
        (r"(?:nine|9)[- ]?fold", Decimal(9), _M, 1),
        (r"(?:ten|10)[- ]?fold|decupl\w*", Decimal(10), _M, 1),
        (r"\w+[- ]?fold|multipl(?:ied|ies|ying)", None, Decimal(0), 1),
        (r"halved|halves|halving", Decimal("0.5"), Decimal("0.025"), -1),
    ],
    "de": [
        (r"verdoppel\w*|doppelte?n?|doppelt so|zweifach\w*", Decimal(2), _M, 1),
        (r"verdreifach\w*|dreifach\w*", Decimal(3), _M, 1),
        (r"vervierfach\w*|vierfach\w*", Decimal(4), _M, 1),
        (r"verfünffach\w*|fünffach\w*", Decimal(5), _M, 1),
        (r"verzehnfach\w*|zehnfach\w*", Decimal(10), _M, 1),
        (r"ver\w+fach(?:t\w*|en)", None, Decimal(0), 1),
        (r"halbier\w*", Decimal("0.5"), Decimal("0.025"), -1),
    ],
}
_HUNDREDTH = Decimal("0.01")
_FRACTIONS: dict[str, list[tuple[str, Decimal]]] = {
    "en": [
        (
            (
                r"half(?! (?:year|of (?:19|20)\d\d)"
                r"| (?:a )?(?:million|billion|dozen|thousand|hundred))"
                r"|(?:a|one)[- ]half|by half"
            ),
            Decimal("0.5"),
        ),
    ],
    "de": [
        (r"zwei drittel\w?", Decimal(2) / 3),
        (r"drei viertel\w?|dreiviertel", Decimal("0.75")),
        (r"(?:ein|einem|eines) drittel\w?|drittel\w?(?= (?:der|des|aller|von))", Decimal(1) / 3),
        (r"(?:ein|einem|eines) viertel\w?|viertel\w?(?= (?:der|des|aller|von))", Decimal("0.25")),
        (r"die hälfte|der hälfte|hälfte|zur hälfte", Decimal("0.5")),
        (r"(?:ein|einem|eines) fünftel\w?", Decimal("0.2")),
        (r"(?:ein|einem|eines) zehntel\w?", Decimal("0.1")),
    ],
}
_ENGLISH_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
)
_GERMAN_ORDINALS = "erst zweit dritt viert fünft sechst siebt acht neunt zehnt elft zwölft"
_ORDINALS: dict[str, dict[str, int]] = {
    "en": {
        word: number
        for number, word in enumerate(
            _ENGLISH_ORDINALS.split(),
            1,
        )
    },
    "de": {stem: number for number, stem in enumerate(_GERMAN_ORDINALS.split(), 1)},
}
_HALF = Decimal("0.5")


def find_words(text: str, language: str, words: Lexicon, taken: set[int]) -> Iterator[NumberWord]:
    """Number words that are not part of something else.

    Args:
        text: where to look, with ASCII separators.
        language: its number words; English ones for other than German.
        words: for vague words ("millions of").
        taken: indices that are part of something else.
    """
    short = "de" if is_german(language) else "en"
    skip = set(taken)
    for match in _PRONOUN.finditer(text) if short == "en" else ():
        skip.update(range(match.start(), match.end()))
    for word in (
        *(() if short == "de" else _and_a_half(text)),
        *_factors(text, short),
        *(_german(text) if short == "de" else _english(text)),
        *_ordinals(text, short, words),
        *_vague(text, words),
    ):
        place = range(word.start, word.end)
        if any(index in skip for index in place):
            continue
        skip.update(place)
        yield word


def _factors(text: str, short: str) -> Iterator[NumberWord]:
    for pattern, value, half, turns in _MULTIPLES[short]:
        for match in re.finditer(rf"(?<![\w-])(?:{pattern})(?!\w)", text, re.IGNORECASE):
            yield NumberWord(match.start(), match.end(), value, half, True, turns=turns)
    for match in _PARTS[short].finditer(text):
        value = _part(match, short)
        half = _HUNDREDTH if value is None else min(_HUNDREDTH, value / 20)
        yield NumberWord(match.start(), match.end(), value, half, True)
    for pattern, value in _FRACTIONS[short]:
        for match in re.finditer(rf"(?<![\w])(?:{pattern})(?!\w)", text, re.IGNORECASE):
            yield NumberWord(match.start(), match.end(), value, _HUNDREDTH, True)


_DENOMINATORS: dict[str, dict[str, int]] = {
    "en": {
        "half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6,
        "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "twelfth": 12, "twentieth": 20,
        "hundredth": 100,
    },
    "de": {
        "drittel": 3, "viertel": 4, "fünftel": 5, "sechstel": 6, "siebtel": 7, "achtel": 8,
        "neuntel": 9, "zehntel": 10, "zwanzigstel": 20, "hundertstel": 100,
    },
}  # fmt: skip
_COUNT = rf"(?:\d+|{_UNIT_WORD})"
_DE_COUNT = rf"(?:\d+|eine[mrsn]?|{'|'.join(sorted(_DE_ONES, key=len, reverse=True))})"
_PARTS = {
    "en": re.compile(
        rf"(?<![\w-])(?P<n>an?|{_COUNT})(?:[- ](?P<d>third|quarter(?=s? (?:of (?!(?:19|20)\d\d)|"
        rf"share|as\b)|s?[.,;]|s?$)|fifth|sixth|seventh|eighth|ninth|tenth|twelfth|twentieth|"
        rf"hundredth)s?| (?:in|out of) (?P<m>{_COUNT}))(?!\w)(?! in| place)",
        re.IGNORECASE,
    ),
    "de": re.compile(
        rf"(?<![\w-])(?P<n>{_DE_COUNT})(?: (?P<d>drittel|viertel|fünftel|sechstel|siebtel|achtel|"
        rf"neuntel|zehntel|zwanzigstel|hundertstel)[ns]?"
        rf"|(?<!\d) (?:von|aus) (?P<m>{_DE_COUNT}))(?!\w)",
        re.IGNORECASE,
    ),
}
"""``two fifths``, ``one in eight``, ``drei von vier``."""


def _part(match: re.Match[str], short: str) -> Decimal | None:
    small = _SMALL if short == "en" else {**_DE_ONES, "eine": 1, "einem": 1, "eines": 1, "einer": 1}
    words = match.groupdict()

    def count(word: str) -> int | None:
        return int(word) if word.isdigit() else {"a": 1, "an": 1, **small}.get(word.lower())

    above = count(words["n"])
    below = _DENOMINATORS[short][words["d"].lower()] if words["d"] else count(words["m"])
    return Decimal(above) / below if above is not None and below else None


def _and_a_half(text: str) -> Iterator[NumberWord]:
    pattern = rf"(?<![\w-])(?P<n>{_UNIT_WORD})[ -]and[ -]a[ -]half(?!\w)"
    for match in re.finditer(pattern, text, re.IGNORECASE):
        whole = Decimal(_SMALL[match.group("n").lower()])
        yield NumberWord(match.start(), match.end(), whole + _HALF, _M)


def _english(text: str) -> Iterator[NumberWord]:
    for match in _ENGLISH.finditer(text):
        parts = re.split(r"[\s-]+", match.group().lower())
        while parts and parts[-1] == "and":
            parts.pop()
        total, group, smallest = Decimal(0), Decimal(0), 1
        previous = 0
        for part in parts:
            if part in {"a", "an"}:
                group = Decimal(1)
            elif part == "half":
                group = _HALF
            elif part == "dozen":
                group = (group or Decimal(1)) * 12
            elif part == "hundred":
                group = (group or Decimal(1)) * 100
            elif part in _BIG:
                total += (group or Decimal(1)) * _BIG[part]
                group, smallest = Decimal(0), _BIG[part]
            elif part in _SMALL:
                if previous and (previous < 20 or _SMALL[part] >= 10):
                    # "five six": two numbers without a join cannot be read.
                    total, group = Decimal(-1), Decimal(0)
                    break
                group += _SMALL[part]
                smallest = 1
            previous = _SMALL.get(part, 0)
        value = None if total < 0 else total + group
        if "half" in parts:
            smallest //= 10
        half = Decimal(smallest) / 2 if smallest >= 1000 and not group else _HALF
        yield NumberWord(match.start(), match.end(), value, max(half, _HALF))


def _german(text: str) -> Iterator[NumberWord]:
    for match in _DE_WORD.finditer(text):
        word = match.group().lower()
        if word in {"und", "ein", "undein"}:
            continue
        value = _german_value(word)
        if value is not None:
            yield NumberWord(match.start(), match.end(), Decimal(value), _HALF)


def _german_value(word: str) -> int | None:
    if "tausend" in word:
        before, _, after = word.partition("tausend")
        left = _german_value(before) if before else 1
        right = _german_value(after.removeprefix("und")) if after else 0
        return None if left is None or right is None else left * 1000 + right
    if "hundert" in word:
        before, _, after = word.partition("hundert")
        left = _german_value(before) if before else 1
        right = _german_value(after.removeprefix("und")) if after else 0
        return None if left is None or right is None else left * 100 + right
    if word in _DE_ONES:
        return _DE_ONES[word]
    if word in _DE_TENS:
        return _DE_TENS[word]
    one, _, ten = word.partition("und")
    if one in _DE_ONES and ten in _DE_TENS and _DE_ONES[one] < 10:
        return _DE_ONES[one] + _DE_TENS[ten]
    return None


def _ordinals(text: str, short: str, words: Lexicon) -> Iterator[NumberWord]:
    stems = "|".join(_ORDINALS[short])
    # "Viertgrößte": the superlative is a word of its own (:func:`.scan.scan`).
    superlative = rf"(?=(?:{words.high}|{words.low})(?!\w))"
    ending = rf"(?:e[nrsm]?(?!\w)|{superlative})" if short == "de" else r"(?!\w)"
    for match in re.finditer(rf"(?<![\w-])(?P<o>{stems}){ending}", text, re.IGNORECASE):
        follows = text[match.end() :]
        opening = re.search(r"(?:^|[.!?]\s+|at )$", text[: match.start()])
        if opening and re.match(r",|\s+of all\b|(?<=first)\s", follows):
            # "First, …" and "at first" order the text, not its subject.
            continue
        value = _ORDINALS[short][match.group("o").lower()]
        yield NumberWord(match.start(), match.end(), Decimal(value), _HALF, ordinal=True)


def _vague(text: str, words: Lexicon) -> Iterator[NumberWord]:
    for match in re.finditer(
        rf"(?<![\w(])(?<!in )(?:{words.vague})(?=\s+(?:of|von)\b)", text, re.IGNORECASE
    ):
        yield NumberWord(match.start(), match.end(), None, Decimal(0))
