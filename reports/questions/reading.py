"""What each phrase of a question stands for; the longest phrase that is known counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reports.questions import lexicon
from reports.questions.earlier import read_earlier
from reports.questions.times import read_time
from reports.questions.windows import Clock
from reports.questions.words import Token, phrase, starts
from reports.semantics.model import Layer


class Kind(StrEnum):
    """What a phrase may be."""

    TIME = "time"
    EARLIER = "earlier"
    METRIC = "metric"
    DIMENSION = "dimension"
    QUALIFIER = "qualifier"
    SUBJECT = "subject"
    STATE = "state"
    UNIT = "unit"
    GRAIN = "grain"
    BY = "by"
    WHICH = "which"
    MOST = "most"
    LEAST = "least"
    BEST = "best"
    WORST = "worst"
    MORE = "more"
    LESS = "less"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    EXCEPT = "except"
    IS = "is"
    WHERE = "where"
    AND = "and"
    AGAIN = "again"
    WHY = "why"
    UP = "up"
    DOWN = "down"
    CHANGE = "change"
    VERSUS = "versus"
    TOTAL = "total"
    HOW_MANY = "how_many"
    HOW_MUCH = "how_much"
    FOR = "for"
    TO = "to"
    SPLIT = "split"
    AVERAGE = "average"
    NUMBER = "number"
    NAME = "name"
    FILLER = "filler"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Item:
    """A phrase and all that it may stand for.

    Attributes:
        start, end: its tokens.
        text: as it is written.
        meanings: kind -> value.
        key: folded.
    """

    start: int
    end: int
    text: str
    meanings: Mapping[Kind, Any]
    key: str = ""

    def is_a(self, *kinds: Kind) -> bool:
        """Whether it may be one of these."""
        return any(kind in self.meanings for kind in kinds)


@dataclass
class Strength:
    """Metrics of one phrase: those it names, and those that it names where no other can answer."""

    named: list[str] = field(default_factory=list)
    also: list[str] = field(default_factory=list)
    together: bool = False

    def add(self, metric: str, *, also: bool) -> None:
        """Add a metric once."""
        into = self.also if also else self.named
        if metric not in into:
            into.append(metric)


_CLOSED: tuple[tuple[Kind, Iterable[str]], ...] = (
    (Kind.HOW_MANY, lexicon.HOW_MANY),
    (Kind.HOW_MUCH, lexicon.HOW_MUCH),
    (Kind.TOTAL, lexicon.TOTAL),
    (Kind.WHY, lexicon.WHY),
    (Kind.UP, lexicon.UP),
    (Kind.DOWN, lexicon.DOWN),
    (Kind.CHANGE, lexicon.CHANGE),
    (Kind.VERSUS, lexicon.VERSUS),
    (Kind.BY, lexicon.BY),
    (Kind.WHICH, lexicon.WHICH),
    (Kind.MOST, lexicon.MOST),
    (Kind.LEAST, lexicon.LEAST),
    (Kind.BEST, lexicon.BEST),
    (Kind.WORST, lexicon.WORST),
    (Kind.MORE, lexicon.MORE),
    (Kind.LESS, lexicon.LESS),
    (Kind.AT_LEAST, lexicon.AT_LEAST),
    (Kind.AT_MOST, lexicon.AT_MOST),
    (Kind.EXCEPT, lexicon.EXCEPT),
    (Kind.IS, lexicon.IS),
    (Kind.WHERE, lexicon.WHERE),
    (Kind.AND, lexicon.AND),
    (Kind.AGAIN, lexicon.AGAIN),
    (Kind.FOR, ("with", "mit", "bei", "since", "seit", "zwischen")),
    (Kind.TO, lexicon.TO),
    (Kind.SPLIT, lexicon.SPLIT),
    (Kind.AVERAGE, lexicon.AVERAGE),
    (Kind.FILLER, lexicon.FILLER),
    (Kind.FILLER, lexicon.PHRASES),
)
_ADJECTIVES = (Kind.MOST, Kind.LEAST, Kind.GRAIN, Kind.AVERAGE)
_ENDINGS = ("e", "n", "r", "s", "m", "en", "er", "es", "em")
_LONG = 4
_GRAINS = (
    ("hour", lexicon.HOURLY),
    ("day", lexicon.DAILY),
    ("week", lexicon.WEEKLY),
    ("month", lexicon.MONTHLY),
    ("", lexicon.TREND),
)


class Phrases:
    """All phrases that are known: the closed class, and the words of the semantic layer."""

    def __init__(self, layer: Layer) -> None:
        self._known: dict[tuple[str, ...], dict[Kind, Any]] = {}
        self._written: dict[tuple[str, ...], str] = {}
        self.apart: list[tuple[tuple[tuple[str, ...], ...], dict[Kind, Any]]] = []
        for kind, texts in _CLOSED:
            for text in texts:
                self._add(text, kind, True)
        for unit, names in lexicon.UNITS.items():
            for name in names:
                self._add(name, Kind.UNIT, unit)
        for grain, texts in _GRAINS:
            for text in texts:
                self._add(text, Kind.GRAIN, grain)
        for word, number in lexicon.NUMBERS.items():
            self._add(word, Kind.NUMBER, number)
        self._metrics(layer)
        self._models(layer)
        self._first: dict[str, list[tuple[tuple[str, ...], dict[Kind, Any]]]] = {}
        for words, meanings in self._known.items():
            self._first.setdefault(words[0][:2], []).append((words, meanings))

    def vocabulary(self) -> list[str]:
        """Every phrase of the semantic layer, for what comes nearest to a word not understood."""
        return list(self._written.values())

    def at(self, rest: Sequence[Token]) -> tuple[int, dict[Kind, Any]]:
        """The longest phrase that a list begins with, and what it may stand for."""
        best: tuple[int, int] = (0, 0)
        found: dict[Kind, Any] = {}
        for words, meanings in self._first.get(rest[0].key[:2], ()):
            if len(words) < best[0]:
                continue
            fit = (len(words), self._fits(words, rest, meanings))
            if not fit[1] or fit < best:
                continue
            found = dict(meanings) if fit > best else _merged(found, meanings)
            best = fit
        return best[0], found

    @staticmethod
    def _fits(words: tuple[str, ...], rest: Sequence[Token], meanings: Mapping[Kind, Any]) -> int:
        """How well it is there: content words in any form, the closed class as it stands."""
        if len(words) > len(rest) or any(token.quoted for token in rest[: len(words)]):
            return 0
        if any(kind in meanings for kind in _CONTENT):
            return starts(words, rest)
        keys = tuple(token.key for token in rest[: len(words)])
        if any(kind in meanings for kind in _ADJECTIVES):
            # The endings of German adjectives.
            inflected = all(
                key == word or (len(word) > _LONG and key.removeprefix(word) in _ENDINGS)
                for key, word in zip(keys, words, strict=True)
            )
            return 2 if inflected else 0
        return 2 if keys == words else 0

    def _metrics(self, layer: Layer) -> None:
        for metric in layer.public:
            names = [metric.label, *metric.labels.values(), *_all(metric.phrases)]
            for text in names:
                self._metric(text, metric.name, also=False)
            for text in _all(metric.also):
                self._metric(text, metric.name, also=True)
            for text in _all(metric.together):
                self._metric(text, metric.name, also=False, together=True)

    def _metric(self, text: str, name: str, *, also: bool, together: bool = False) -> None:
        words = phrase(text)
        if "..." in words:
            cut = words.index("...")
            parts = (words[:cut], words[cut + 1 :])
            known = next((m for p, m in self.apart if p == parts), None)
            if known is None:
                known = {Kind.METRIC: Strength()}
                self.apart.append((parts, known))
        else:
            self._written.setdefault(words, text)
            known = self._known.setdefault(words, {})
            known.setdefault(Kind.METRIC, Strength())
        known[Kind.METRIC].add(name, also=also)
        known[Kind.METRIC].together |= together

    def _models(self, layer: Layer) -> None:
        for model in layer.models.values():
            for dimension in model.dimensions.values():
                texts = (
                    dimension.label,
                    dimension.plural,
                    *dimension.labels.values(),
                    *_all(dimension.phrases),
                )
                for text in texts:
                    self._written.setdefault(phrase(text), text)
                    columns = self._known.setdefault(phrase(text), {})
                    columns.setdefault(Kind.DIMENSION, set()).add(dimension.column)
            for text in _all(model.qualifiers):
                known = self._known.setdefault(phrase(text), {})
                known.setdefault(Kind.QUALIFIER, set()).add(model.name)
            for listing in model.listings:
                for text in _all(listing.subjects):
                    known = self._known.setdefault(phrase(text), {})
                    known.setdefault(Kind.SUBJECT, set()).add(listing.name)
                for text in _all(listing.states):
                    known = self._known.setdefault(phrase(text), {})
                    known.setdefault(Kind.STATE, set()).add(listing.name)

    def _add(self, text: str, kind: Kind, value: Any) -> None:
        words = phrase(text) if text not in (">", "<", ">=", "<=", "=", "&") else (text,)
        self._known.setdefault(words, {}).setdefault(kind, value)


_LITTLE = frozenset(word for word in lexicon.FILLER if len(word) == 2) | {"us"}
_CONTENT = (Kind.METRIC, Kind.DIMENSION, Kind.SUBJECT, Kind.STATE, Kind.UNIT, Kind.QUALIFIER)


def read(tokens: Sequence[Token], phrases: Phrases, clock: Clock) -> list[Item]:
    """The items of a question, in order; every token belongs to one.

    Raises:
        AmbiguousError: a date may be two days.
        NotUnderstoodError: a date is none.
    """
    items: list[Item] = []
    taken = _apart(tokens, phrases)
    place = 0
    while place < len(tokens):
        if place in taken:
            end, meanings = taken[place]
        else:
            rest = tokens[place : next((at for at in taken if at > place), len(tokens))]
            length, meanings = _longest(rest, phrases, clock, items)
            end = place + length
        text = " ".join(token.text for token in tokens[place:end])
        key = " ".join(token.key for token in tokens[place:end])
        items.append(Item(place, end, text, meanings, key))
        place = end
    return items


def _longest(
    rest: Sequence[Token], phrases: Phrases, clock: Clock, before: Sequence[Item]
) -> tuple[int, dict[Kind, Any]]:
    token = rest[0]
    if token.quoted or (token.shouted and token.key in _LITTLE):
        # `US` and `IT` are countries, `us` and `it` are not.
        return 1, {Kind.NAME if token.quoted else Kind.UNKNOWN: token.text}
    length, meanings = phrases.at(rest)
    versus = any(item.is_a(Kind.VERSUS, Kind.CHANGE, Kind.MORE, Kind.LESS) for item in before)
    if (earlier := read_earlier(rest, after_versus=versus)) and earlier[0] >= max(length, 1):
        return earlier[0], {Kind.EARLIER: earlier[1]}
    time = read_time(rest, clock)
    if time and time[0] >= length and not _names_member(time[0], token, before):
        return time[0], {Kind.TIME: time[1]}
    if length:
        return length, meanings
    is_number = re.fullmatch(r"\d+(?:[.,]\d+)*", token.key)
    return 1, {Kind.NUMBER if is_number else Kind.UNKNOWN: token.text}


def _names_member(length: int, token: Token, before: Sequence[Item]) -> bool:
    """Whether a number that may be a year stands where a member's number does: ``product 2025``."""
    last = before[-1] if before else None
    return (
        length == 1
        and token.key.isdigit()
        and last is not None
        and last.is_a(Kind.DIMENSION, Kind.MORE, Kind.LESS, Kind.AT_LEAST, Kind.AT_MOST, Kind.MOST)
    )


def _apart(tokens: Sequence[Token], phrases: Phrases) -> dict[int, tuple[int, dict[Kind, Any]]]:
    """Phrases with other words between: start -> end and meaning; the second part is filler."""
    both = [(one, m) for one, m in phrases.apart] + [
        ((last, first), m) for (first, last), m in phrases.apart
    ]
    for (first, last), meanings in both:
        for start in range(len(tokens)):
            if not starts(first, tokens[start:]):
                continue
            end = start + len(first)
            for later in range(end, len(tokens)):
                if starts(last, tokens[later:]):
                    return {
                        start: (end, meanings),
                        later: (later + len(last), {Kind.FILLER: True}),
                    }
    return {}


def _merged(one: Mapping[Kind, Any], other: Mapping[Kind, Any]) -> dict[Kind, Any]:
    """Both meanings: of two forms of a word (``reading``, ``readings``) each may have its own."""
    made = dict(one)
    for kind, value in other.items():
        if kind is Kind.METRIC:
            both = Strength()
            for part in (made.get(kind), value):
                if part is not None:
                    both.named += [name for name in part.named if name not in both.named]
                    both.also += [name for name in part.also if name not in both.also]
                    both.together |= part.together
            made[kind] = both
        elif isinstance(value, set):
            made[kind] = made.get(kind, set()) | value
        else:
            made.setdefault(kind, value)
    return made


def _all(words: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [text for texts in words.values() for text in texts]
