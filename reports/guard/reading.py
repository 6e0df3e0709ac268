"""A sentence being read: who is near a number, and in what role."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from reports.guard import when
from reports.guard.labels import Label
from reports.guard.language import is_german, primary
from reports.guard.model import Rule, Value
from reports.guard.scan import Sentence
from reports.guard.when import Named, When


@dataclass(frozen=True)
class Objection:
    """Why a value is not what a number speaks of."""

    rule: Rule
    message: str


@dataclass
class Reading:
    """A sentence being read, with what the ones before it were about.

    Attributes:
        sentence: its mentions.
        language: of periods in words.
        known: periods that may be named freely, the report's own first.
        values: of the whole context.
        topics: name labels of the nearest sentence before that has one.
        members: entity labels of the same kind.
    """

    sentence: Sentence
    language: str
    known: tuple[str, ...]
    values: Sequence[Value]
    topics: tuple[Label, ...] = ()
    members: tuple[Label, ...] = ()
    roles: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for index, named in enumerate(self.sentence.periods):
            self.roles[named.start] = _role(self.sentence, index)

    def within(self, number: int) -> list[Named]:
        """The periods in a number's own segment."""
        start, end = self.sentence.segments[number]
        return [p for p in self.sentence.periods if start <= p.start < end]

    def labels(self, number: int, what: str) -> list[Label]:
        """The labels in a number's own segment that have names, entities or periods."""
        start, end = self.sentence.segments[number]
        return [m for m in self.sentence.labels if start <= m.start < end and getattr(m, what)]

    def when(self, period: str) -> When | None:
        """What a value's period means."""
        return when.parse(period, self.language)


_BASE = re.compile(
    r"from|since|than|versus|vs|against|compared|comparison|relative|gegenüber|von|vom|seit|als|"
    r"vergleich|verglichen|ggü|over|nach",
    re.IGNORECASE,
)
_NEUTRAL = re.compile(
    r"(?:with|to|in|the|fiscal|year|years|period|that|those|of|figure|level|for|during|end|its|im|"
    r"mit|dem|der|den|jahr|jahre|same|quarter|week|month|was|it|what|as|at|on|both|am|zum|"
    r"in the|,)",
    re.IGNORECASE,
)


JOINED = re.compile(
    r"\s*(?:,|&|/|(?:,\s*)?(?:and|und|or|oder|sowie|as well as))\s*(?:the |in |der |die |das )?",
    re.I,
)
"""What joins two subjects of one statement."""


def _role(sentence: Sentence, index: int) -> str:
    """``base``, ``current``, ``between``, ``back`` or nothing: how the period is introduced."""
    here = sentence.periods[index]
    if here.when.kind.startswith("back:"):
        return _role_of_phrase(sentence, here)
    role = role_at(sentence, here.start)
    text = sentence.text[here.start : here.end]
    if role == "base" and re.search(r"\d\.?\s(?:to|bis)\s\d", text):
        # "From 6 to 12 December" is one span, and nothing is compared.
        return ""
    if role == "joined":
        return "between" if index and _role(sentence, index - 1) == "between" else ""
    return role


_TURN = re.compile(r"[- ](?:on|over|by|to|upon)[- ]|[ymwqd][- /]?o?[- /]?[ymwqd]$|change$", re.I)
_BEFORE_PHRASE = re.compile(
    r"(?<!\w)(?:on|over|than|from|against|versus|vs\.?|with|to|since|as|of|after|als|gegenüber|ggü\.?|"
    r"von|zum|zur|nach|mit|des|der)\s(?:(?:the|that|those|its|in|of|for|dem|der|den|same|level|week|"
    r"month|day|weekday|quarter|demselben|derselben|monat|woche|wochentag|jener|im)\s)*$",
    re.IGNORECASE,
)


def _role_of_phrase(sentence: Sentence, named: Named) -> str:
    """A phrase is a base ("on the week before") or tells when something was ("last week")."""
    if primary(sentence.language) not in {"en", "de"}:
        return "base"
    if _TURN.search(sentence.text[named.start : named.end]):
        return "base"
    before = _BEFORE_PHRASE.search(sentence.text, sentence.start, named.start)
    return "base" if before is not None else ""


def role_at(sentence: Sentence, start: int) -> str:  # noqa: PLR0911 - a case a line
    """How what starts there is introduced: as :func:`_role`, or ``joined`` by an "and"."""
    before = sentence.text[sentence.start : start]
    tail = re.findall(r"[^\W_]+|[^\s\w]", before)[-5:]
    for place, word in enumerate(reversed(tail)):
        rest = [w.lower() for w in tail[: len(tail) - place - 1]]
        if word.lower() in {"between", "zwischen"}:
            return "between"
        if word.lower() in {"and", "und", "-", "\u2013"}:
            return "joined"
        if word.lower() in {"to", "bis", "until", "till", "through", "auf", "zum"}:
            comparing = {"compared", "relative", "comparison", "due", "prior", "equal"}
            if rest and rest[-1] in comparing:
                return "base"
            return "current"
        if _BASE.fullmatch(word):
            german = is_german(sentence.language)
            if word.lower() == "von" and not german:
                return ""
            return "base"
        if not _NEUTRAL.fullmatch(word):
            return ""
    return ""


def number_is_base(reading: Reading, number: int) -> bool:
    """Whether the number is what another is compared with ("up from 4", "against 4")."""
    sentence = reading.sentence
    quantity = sentence.numbers[number]
    before = sentence.text[sentence.start : quantity.start]
    if not re.search(
        r"(?<!\w)(?:from|against|versus|vs\.?|than|compared (?:with|to)|von|gegenüber|nach|als|"
        r"verglichen mit|ggü\.?)\s(?:(?:the|a|an|some|about|around|just)\s)?$",
        before,
        re.IGNORECASE,
    ):  # fmt: skip
        return False
    if re.search(r"(?:more|less|fewer|higher|lower|greater|mehr|weniger)\s(?:than|als)\s$", before):
        return False
    if re.search(r"(?<!\w)(?:up|down|higher|lower)\s(?:from|than)\s$", before, re.IGNORECASE):
        return True
    near = [sentence.numbers[n] for n in (number - 1, number + 1) if 0 <= n < len(sentence.numbers)]
    return any(quantity.unit == other.unit for other in near)


def in_order(reading: Reading, found: Sequence[object], number: int) -> bool:
    """Whether the sentence lists as many of these as numbers, "respectively"."""
    sentence = reading.sentence
    listed = re.search(rf"\b(?:{sentence.words.listed})\b", sentence.written, re.IGNORECASE)
    return bool(listed) and len(found) == len(sentence.numbers) > 1 and number < len(found)


def near_periods(reading: Reading, number: int) -> list[Named]:
    """The periods of a number's own segment, else of the nearest one that has some."""
    own = reading.within(number)
    if own:
        return own
    for before in range(number - 1, -1, -1):
        if reading.within(before):
            return reading.within(before)
    for after in range(number + 1, len(reading.sentence.numbers)):
        right = [p for p in reading.within(after) if reading.roles[p.start] != "base"]
        if right and not number_is_base(reading, after):
            return right
    return []


def known(reading: Reading, said: When) -> bool:
    """Whether a text may name the period freely."""
    return any((w := reading.when(k)) is not None and w.same(said) for k in reading.known)


def speaks_of_target(reading: Reading) -> list[tuple[int, int]]:
    """Where a sentence calls something a target."""
    sentence = reading.sentence
    pattern = sentence.words.target
    found = re.compile(rf"(?<![^\W_])(?:{pattern})(?![^\W_])|[目達][標成]率?", re.IGNORECASE)
    return [m.span() for m in found.finditer(sentence.text, sentence.start, sentence.end)]


def untimely(reading: Reading, number: int, value: Value) -> Objection | None:
    """A time beside a period in words cannot be checked, unless it is a known one."""
    for named in near_periods(reading, number):
        if not named.when.kind.startswith("back:") and not known(reading, named.when):
            words = reading.sentence.text[named.start : named.end]
            return Objection("period", f"is of {value.period}, not of {words}")
    return None


def is_period(label: Label, value: Value) -> bool:
    """Whether a label is a period in words, and not the value's own name or entity."""
    return bool(label.periods) and value.id not in label.names and value.id not in label.entities
