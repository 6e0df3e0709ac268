"""What a number of a sentence speaks of: does a value's period, entity and name agree?

Belongs here: attaching labels and periods to numbers. Does not belong here: whether the number
itself is right (:mod:`.bind`). In doubt there is an objection.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from reports.guard import when
from reports.guard.derive import Derived
from reports.guard.labels import Label
from reports.guard.model import Rule, Value
from reports.guard.quantities import Quantity
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

    def within(self, number: int, periods: bool = False) -> list[Named]:
        """The periods in a number's own segment."""
        del periods
        start, end = self.sentence.segments[number]
        return [p for p in self.sentence.periods if start <= p.start < end]

    def labels(self, number: int, what: str) -> list[Label]:
        """The labels in a number's own segment that have names, entities or periods."""
        start, end = self.sentence.segments[number]
        return [m for m in self.sentence.labels if start <= m.start < end and getattr(m, what)]

    def when(self, period: str) -> When | None:
        """What a value's period means."""
        return when.parse(period, self.language)


@cache
def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{pattern})\.?", re.IGNORECASE)


_NEUTRAL = re.compile(
    r"(?:with|to|in|the|fiscal|year|years|period|that|those|of|figure|level|for|during|end|its|im|"
    r"mit|dem|der|den|jahr|jahre|same|quarter|week|month|was|it|what|as|at|on|both|am|zum|"
    r"in the|,)",
    re.IGNORECASE,
)


def _role(sentence: Sentence, index: int) -> str:
    """``base``, ``current``, ``between``, ``back`` or nothing: how the period is introduced."""
    here = sentence.periods[index]
    if here.when.kind.startswith("back:"):
        return "base"
    before = sentence.text[sentence.start : here.start]
    tail = re.findall(r"[^\W_]+|[^\s\w]", before)[-5:]
    for place, word in enumerate(reversed(tail)):
        rest = [w.lower() for w in tail[: len(tail) - place - 1]]
        if word.lower() in {"between", "zwischen"}:
            return "between"
        if word.lower() in {"and", "und", "-", "–"} and index:
            return "between" if _role(sentence, index - 1) == "between" else ""
        if word.lower() in {"to", "bis", "until", "till", "through", "auf", "zum"}:
            comparing = {"compared", "relative", "comparison", "due", "prior", "equal"}
            if rest and rest[-1] in comparing:
                return "base"
            return "current"
        if _words(r"from|since|than|versus|vs|against|compared|comparison|relative|gegenüber|"
                  r"von|vom|seit|als|vergleich|verglichen|ggü|over|nach").fullmatch(word):  # fmt: skip
            german = sentence.words.group == "."
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
        rf"(?<!\w)(?:from|against|versus|vs\.?|than|compared (?:with|to)|von|gegenüber|nach|als|"
        rf"verglichen mit|ggü\.?)\s(?:(?:the|a|an|some|about|around|just)\s)?$",
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


def _in_order(reading: Reading, found: Sequence[object], number: int) -> bool:
    """Whether the sentence lists as many of these as numbers, "respectively"."""
    sentence = reading.sentence
    listed = re.search(rf"\b(?:{sentence.words.listed})\b", sentence.written, re.IGNORECASE)
    return bool(listed) and len(found) == len(sentence.numbers) > 1 and number < len(found)


def of_value(reading: Reading, number: int, value: Value) -> Objection | None:
    """The objection to a number stating a value, if there is one."""
    return (
        _entity(reading, number, value)
        or _name(reading, number, value)
        or _words_of_period(reading, number, value)
        or (_change_period(reading, number, value.period, value.compared_to)
            if value.signed else _period(reading, number, value))
    )  # fmt: skip


def _period(reading: Reading, number: int, value: Value) -> Objection | None:
    if not value.period:
        return None
    own = reading.when(value.period)
    if own is None:
        return None
    named, other = _named_for(reading, number)
    if named is None:
        if not other and reading.known and value.period != reading.known[0]:
            # Nothing is said, so a reader takes it for the report's own period.
            twin = any(
                v.names == value.names and v.entity == value.entity and v.unit == value.unit
                and v.period == reading.known[0] for v in reading.values
            )  # fmt: skip
            if twin and not number_is_base(reading, number):
                return Objection("period", f"is of {value.period}, which the text does not say")
        if other and any(own.same(o.when) for o in reading.sentence.periods
                         if not o.when.kind.startswith("back:")):  # fmt: skip
            return Objection("period", f"is of {value.period}, not of the period compared with")
        return None
    for period in named:
        if not _agrees(reading, own, value, period.when):
            words = reading.sentence.text[period.start : period.end]
            return Objection("period", f"is of {value.period}, not of {words}")
    return None


def _agrees(reading: Reading, own: When, value: Value, said: When) -> bool:
    if said.kind.startswith("back:"):
        main = reading.when(reading.known[0]) if reading.known else None
        return main is None or not own.same(main)
    if own.same(said):
        return True
    # A balance "December 31, 2019" may be called that of 2019 if it is the only one of the year.
    if own.kind in {"day", "months"} and said.kind == "year" and "-W" not in value.period:
        iso = re.fullmatch(r"\d{4}-\d\d(?:-\d\d)?", value.period)
        others = {
            v.period for v in reading.values
            if v.names == value.names and (w := reading.when(v.period)) and w.year == said.year
        }  # fmt: skip
        return iso is None and own.year == said.year and len(others) == 1
    return False


def _named_for(reading: Reading, number: int) -> tuple[list[Named] | None, bool]:
    """The periods that a level belongs to, and whether it is another one than those named."""
    sentence = reading.sentence
    plain_periods = [p for p in sentence.periods if not p.when.kind.startswith("back:")]
    if _in_order(reading, plain_periods, number):
        return [plain_periods[number]], False
    base = number_is_base(reading, number)
    own = reading.within(number)
    chosen = _by_role(reading, own, base, sentence.numbers[number])
    if chosen:
        return chosen, False
    for before in range(number - 1, -1, -1):
        left = reading.within(before)
        if not left:
            continue
        if base:
            picked = [p for p in left if reading.roles[p.start] == "base"]
            picked = picked or _earlier(reading, left)
            return (picked, False) if picked else (None, True)
        picked = [p for p in left if reading.roles[p.start] != "base"]
        picked = _later(reading, picked)
        if picked and not number_is_base(reading, before):
            return picked, False
    if base:
        return None, True
    for after in range(number + 1, len(sentence.numbers)):
        right = [p for p in reading.within(after) if reading.roles[p.start] != "base"]
        if right and not number_is_base(reading, after):
            return right, False
    return None, False


def _by_role(
    reading: Reading, own: list[Named], base: bool, quantity: Quantity
) -> list[Named] | None:
    roles = reading.roles
    if not own:
        return None
    if len(own) == 1:
        if roles[own[0].start] == "base" and not base and own[0].start > quantity.start:
            return None
        if roles[own[0].start] == "base" and not base and _moves(reading):
            return None
        return own
    between = [p for p in own if roles[p.start] == "between"]
    if len(between) == 2:
        return _earlier(reading, between) if base else _later(reading, between)
    wanted = [p for p in own if (roles[p.start] == "base") == base]
    current = [p for p in wanted if roles[p.start] == "current"]
    return current if len(current) == 1 else wanted or None


def _moves(reading: Reading) -> bool:
    return any(True for _ in reading.sentence.directions)


def _order(reading: Reading, named: Named) -> tuple[int, int, int]:
    bounds = named.when.bounds()
    del reading
    return (bounds[0].toordinal() if bounds else 0, 0, 0)


def _earlier(reading: Reading, named: list[Named]) -> list[Named]:
    both = [p for p in named if reading.roles[p.start] == "between"]
    return [min(both, key=lambda p: _order(reading, p))] if len(both) == 2 else []


def _later(reading: Reading, named: list[Named]) -> list[Named]:
    both = [p for p in named if reading.roles[p.start] == "between"]
    if len(both) == 2:
        return [max(both, key=lambda p: _order(reading, p))]
    return named


def _words_of_period(reading: Reading, number: int, value: Value) -> Objection | None:
    """Periods that are words ("as reported") are matched as labels."""
    if not value.period:
        return None
    everywhere = [m for m in reading.sentence.labels if _is_period(m, value)]
    said = [m for m in reading.labels(number, "periods") if _is_period(m, value)] or everywhere
    if _in_order(reading, everywhere, number):
        said = [everywhere[number]]
    if any(value.id in m.periods for m in said):
        return _untimely(reading, number, value)
    timed = reading.when(value.period) is not None
    if said and (not timed or not _named_for(reading, number)[0]):
        return Objection("period", f"is of {value.period}, not of {said[0].text}")
    return None if timed else _untimely(reading, number, value)


def _untimely(reading: Reading, number: int, value: Value) -> Objection | None:
    """A time beside a period in words cannot be checked, unless it is a known one."""
    for named in _near_periods(reading, number):
        if not named.when.kind.startswith("back:") and not _known(reading, named.when):
            words = reading.sentence.text[named.start : named.end]
            return Objection("period", f"is of {value.period}, not of {words}")
    return None


def _is_period(label: Label, value: Value) -> bool:
    return bool(label.periods) and value.id not in label.names and value.id not in label.entities


def _closest(labels: list[Label], quantity: Quantity) -> list[Label]:
    """The last label before a number, or right after it; else the first after it."""
    before = [m for m in labels if m.start < quantity.start]
    after = [m for m in labels if m.start >= quantity.end]
    if before:
        return [before[-1]]
    return after[:1]


def _entity(reading: Reading, number: int, value: Value) -> Objection | None:
    sentence = reading.sentence
    quantity = sentence.numbers[number]
    everywhere = [m for m in sentence.labels if m.entities]
    own = reading.labels(number, "entities")
    if _in_order(reading, everywhere, number):
        own = [everywhere[number]]
    start, end = sentence.segments[number]
    whole = re.search(rf"\b(?:{sentence.words.whole})\b", sentence.text[start:end], re.IGNORECASE)
    said = _closest(own, quantity)
    if not said and not whole:
        left = [m for m in everywhere if m.start < quantity.start]
        right = [m for m in everywhere if m.start >= quantity.end]
        said = left[-1:] or (right[:1] if value.entity else [])
    if not said and value.entity:
        said = list(reading.members[-1:])
    if not said:
        if value.entity:
            return Objection("entity", f"is of {value.entity}, which the text does not name")
        return None
    if not value.entity:
        return None if whole else Objection("entity", f"is of the whole, not of {said[0].text}")
    if value.id in said[0].entities or _same_entity(reading, said[0], value):
        return None
    return Objection("entity", f"is of {value.entity}, not of {said[0].text}")


def _same_entity(reading: Reading, label: Label, value: Value) -> bool:
    return any(v.id in label.entities and v.entity == value.entity for v in reading.values)


def _name(reading: Reading, number: int, value: Value) -> Objection | None:
    if not value.names:
        return None
    sentence = reading.sentence
    quantity = sentence.numbers[number]
    everywhere = [m for m in sentence.labels if m.names]
    own = [m for m in reading.labels(number, "names") if value.id not in m.periods]
    if _in_order(reading, everywhere, number):
        own = [everywhere[number]]
    said = _closest(own, quantity)
    beside = [m for m in own if m.start >= quantity.end and m.start - quantity.end <= 12]
    if not said:
        left = [m for m in everywhere if m.start < quantity.start]
        right = [m for m in everywhere if m.start >= quantity.end]
        said = left[-1:] or right[:1] or list(reading.topics[-1:])
    if not said:
        return Objection("name", f"is {value.names[0]}, which the text does not name")
    if any(value.id in m.names for m in (*said, *beside[:1])):
        return None
    return Objection("name", f"is {value.names[0]}, not {said[0].text}")


def of_derived(reading: Reading, number: int, derived: Derived) -> Objection | None:
    """The objection to a number stating a derivation, if there is one."""
    return (
        _labels_of_derived(reading, number, derived, "entities")
        or _labels_of_derived(reading, number, derived, "names")
        or _share_order(reading, number, derived)
        or _period_of_derived(reading, number, derived)
        or next(
            (o for v in derived.of if (o := _words_of_derived(reading, number, v, derived))), None
        )
    )


def _words_of_derived(
    reading: Reading, number: int, value: Value, derived: Derived
) -> Objection | None:
    """Every period in words that is named is one of the operands'."""
    if not value.period:
        return None
    said = [m for m in reading.labels(number, "periods") if _is_period(m, value)]
    said = [m for m in said if not any(v.id in m.names or v.id in m.entities for v in derived.of)]
    for label in said:
        if not any(v.id in label.periods for v in derived.of):
            return Objection("period", f"is of {value.period}, not of {label.text}")
    if reading.when(value.period) is not None:
        return None
    if said and not any(value.id in m.periods for m in said):
        return Objection("period", f"is of {value.period}, which is not named")
    mixed = any(v.period and reading.when(v.period) is not None for v in derived.of)
    return None if mixed else _untimely(reading, number, value)


def _labels_of_derived(
    reading: Reading, number: int, derived: Derived, what: str
) -> Objection | None:
    named = [v for v in derived.of if (v.entity if what == "entities" else v.names)]
    own = reading.labels(number, what)
    said = [m for m in reading.sentence.labels if getattr(m, what)]
    said = said or list(reading.members if what == "entities" else reading.topics)
    ids = {v.id for v in named}
    own = [m for m in own if not all(v.id in m.periods for v in derived.of)]
    rule: Rule = "entity" if what == "entities" else "name"
    for label in own:
        if not ids & getattr(label, what):
            return Objection(rule, f"is derived from other values than those of {label.text}")
    for value in named:
        if not any(value.id in getattr(label, what) for label in said):
            words = value.entity if what == "entities" else value.names[0]
            return Objection(rule, f"is derived from {words}, which the text does not name")
    return None


def _share_order(reading: Reading, number: int, derived: Derived) -> Objection | None:
    """A share or ratio names what it is of second, unless "of …" leads."""
    if derived.op not in {"share", "ratio"}:
        return None
    part, whole = derived.of
    sentence = reading.sentence
    for what in ("names", "entities"):
        labels = [m for m in sentence.labels if getattr(m, what)]
        parts = [
            m for m in labels if part.id in getattr(m, what) and whole.id not in getattr(m, what)
        ]
        wholes = [
            m for m in labels if whole.id in getattr(m, what) and part.id not in getattr(m, what)
        ]
        if not parts or not wholes:
            continue
        lead = sentence.text[sentence.start : wholes[0].start]
        marked = re.search(
            r"(?:\bof|\bout of|\bvon|\bvom|\bder|\bdes|\bin|\bto|\bzu[rm]?|\brelative to|\ban|\bam|\bper|\bpro|\bje|\bby|"
            r"\bover|\bfor)(?:\s(?:the|all|our|its|total|den|dem|der|allen))*\s$",
            lead, re.IGNORECASE,
        )  # fmt: skip
        if wholes[0].start < parts[0].start and not marked:
            return Objection("name", f"is of {parts[0].text} in {wholes[0].text}, not the reverse")
        before = sentence.text[sentence.start : parts[0].start]
        if parts[0].start < wholes[0].start and re.search(
            r"(?:%|percent|per cent|Prozent|share|portion|third|half|quarter) (?:of|von|der|des)(?: the| total)*\s$",
            before, re.IGNORECASE,
        ) and not re.search(r"(?:share|proportion|percentage) of\s(?:the )?$", before, re.IGNORECASE):  # fmt: skip
            return Objection("name", f"is a part of {wholes[0].text}, not of {parts[0].text}")
        if wholes[0].start < parts[0].start and re.search(
            r"(?<!as a )(?<!as )(?:ratio|share|proportion|percentage) of\s(?:the )?$",
            lead, re.IGNORECASE,
        ):  # fmt: skip
            return Objection("name", f"is of {parts[0].text} in {wholes[0].text}, not the reverse")
    return None


def _near_periods(reading: Reading, number: int) -> list[Named]:
    own = reading.within(number)
    if own:
        return own
    for before in range(number - 1, -1, -1):
        if reading.within(before):
            return [p for p in reading.within(before)]
    for after in range(number + 1, len(reading.sentence.numbers)):
        right = [p for p in reading.within(after) if reading.roles[p.start] != "base"]
        if right and not number_is_base(reading, after):
            return right
    return []


def _period_of_derived(reading: Reading, number: int, derived: Derived) -> Objection | None:
    if derived.op in {"difference", "growth"}:
        return _change_period(reading, number, derived.of[0].period, derived.of[1].period)
    periods = [w for v in derived.of if v.period and (w := reading.when(v.period)) is not None]
    named = [p for p in _near_periods(reading, number) if not p.when.kind.startswith("back:")]
    if not periods or not named:
        return None
    message = "is derived from " + ", ".join(dict.fromkeys(v.period for v in derived.of))
    spans = [p.when for p in named if p.when.kind == "span"]
    ends = [p for p in named if reading.roles[p.start] in {"base", "current", "between"}]
    if len(named) == 2 and len(ends) == 2:
        spans.append(When("span", first=named[0].when, last=named[1].when))
    for span in spans:
        if span.first and span.last and _covers(span.first, span.last, periods):
            return None
    for period in named:
        if not any(w.same(period.when) for w in periods):
            return Objection("period", message)
    if any(not any(w.same(p.when) for p in named) for w in periods):
        return Objection("period", message)
    return None


def _covers(first: When, last: When, periods: list[When]) -> bool:
    """Whether both ends are among the periods and all lie between them."""
    low, high = first.bounds(), last.bounds()
    bounds = [w.bounds() for w in periods]
    if low is None or high is None or any(b is None for b in bounds):
        return False
    return (
        any(w.same(first) for w in periods)
        and any(w.same(last) for w in periods)
        and all(b is not None and low[0] <= b[0] and b[1] <= high[1] for b in bounds)
    )


def _change_period(reading: Reading, number: int, now: str, then: str) -> Objection | None:
    """A change from one period to another: each named period must be the right end."""
    current, base = reading.when(now), reading.when(then) if then else None
    if current is None:
        return None
    message = f"is a change to {now}" + (f" from {then}" if then else "")
    named = _near_periods(reading, number)
    plain = [p for p in named if not p.when.kind.startswith("back:")]
    roles = [reading.roles[p.start] for p in plain]
    ends = _span_ends(plain, roles)
    for index, period in enumerate(plain):
        role = ends[index]
        said = period.when
        if said.kind == "span" and said.first and said.last and base is not None:
            fits = said.same(current) or (said.first.same(base) and said.last.same(current))
        elif role == "base":
            fits = base.same(said) if base is not None else _known(reading, said)
        elif role == "either":
            fits = current.same(said) or (base is not None and base.same(said))
        else:
            fits = current.same(said)
        if not fits:
            return Objection("period", message)
    if base is not None and not base.same(current) and ends.count("either") == 2:
        if not any(base.same(p.when) for p in plain) or not any(
            current.same(p.when) for p in plain
        ):
            return Objection("period", message)
    return None


def _span_ends(plain: list[Named], roles: list[str]) -> list[str]:
    """Which end of a change each period is: base, current or either."""
    ends = ["either" if role == "between" else role for role in roles]
    if len(plain) == 2 and ends == ["", ""]:
        return ["either", "either"]
    if len(plain) == 2 and ends == ["", "current"]:
        return ["base", "current"]
    return ends


def _known(reading: Reading, said: When) -> bool:
    return any((w := reading.when(k)) is not None and w.same(said) for k in reading.known)
