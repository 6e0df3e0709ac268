"""What a level speaks of: do a value's period, entity and name agree with the sentence?"""

from __future__ import annotations

import re

from reports.guard import bases
from reports.guard.labels import Label
from reports.guard.model import Value
from reports.guard.quantities import Quantity
from reports.guard.reading import (
    JOINED,
    Objection,
    Reading,
    in_order,
    is_period,
    number_is_base,
    untimely,
)
from reports.guard.scope_derived import change_period
from reports.guard.when import Named, When


def of_value(reading: Reading, number: int, value: Value) -> Objection | None:
    """The objection to a number stating a value, if there is one."""
    return (
        _entity(reading, number, value)
        or _name(reading, number, value)
        or _words_of_period(reading, number, value)
        or (change_period(reading, number, value.period, value.compared_to)
            if value.signed else _period(reading, number, value))
    )  # fmt: skip


def _period(reading: Reading, number: int, value: Value) -> Objection | None:  # noqa: PLR0911 - a case a line
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
        return main is None or bases.fits(said, main, own)
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


def _named_for(reading: Reading, number: int) -> tuple[list[Named] | None, bool]:  # noqa: PLR0911 - a case a line
    """The periods that a level belongs to, and whether it is another one than those named."""
    sentence = reading.sentence
    plain_periods = [p for p in sentence.periods if not p.when.kind.startswith("back:")]
    if in_order(reading, plain_periods, number):
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
        if roles[own[0].start] == "base" and not base and reading.sentence.directions:
            return None
        return own
    between = [p for p in own if roles[p.start] == "between"]
    if len(between) == 2:
        return _earlier(reading, between) if base else _later(reading, between)
    wanted = [p for p in own if (roles[p.start] == "base") == base]
    current = [p for p in wanted if roles[p.start] == "current"]
    return current if len(current) == 1 else wanted or None


def _order(named: Named) -> int:
    bounds = named.when.bounds()
    return bounds[0].toordinal() if bounds else 0


def _earlier(reading: Reading, named: list[Named]) -> list[Named]:
    both = [p for p in named if reading.roles[p.start] == "between"]
    return [min(both, key=_order)] if len(both) == 2 else []


def _later(reading: Reading, named: list[Named]) -> list[Named]:
    both = [p for p in named if reading.roles[p.start] == "between"]
    if len(both) == 2:
        return [max(both, key=_order)]
    return named


def _words_of_period(reading: Reading, number: int, value: Value) -> Objection | None:
    """Periods that are words ("as reported") are matched as labels."""
    if not value.period:
        return None
    everywhere = [m for m in reading.sentence.labels if is_period(m, value)]
    said = [m for m in reading.labels(number, "periods") if is_period(m, value)] or everywhere
    if in_order(reading, everywhere, number):
        said = [everywhere[number]]
    if any(value.id in m.periods for m in said):
        return untimely(reading, number, value)
    timed = reading.when(value.period) is not None
    if said and (not timed or not _named_for(reading, number)[0]):
        return Objection("period", f"is of {value.period}, not of {said[0].text}")
    return None if timed else untimely(reading, number, value)


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
    if in_order(reading, everywhere, number):
        own = [everywhere[number]]
    start, end = sentence.segments[number]
    whole = re.search(rf"\b(?:{sentence.words.whole})\b", sentence.text[start:end], re.IGNORECASE)
    said = _closest(own, quantity)
    if said and _joined(reading, everywhere, said[0]):
        return Objection("entity", f"is of one member, not of {said[0].text} and another")
    if not said and not whole:
        left = [m for m in everywhere if m.start < quantity.start]
        # Between two numbers a member belongs to the second one.
        right = [m for m in everywhere if m.start >= sentence.numbers[-1].end]
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


def _joined(reading: Reading, labels: list[Label], last: Label) -> bool:
    """Whether another label is joined to it, so that a number after both is of neither."""
    text = reading.sentence.text
    return any(m.end <= last.start and JOINED.fullmatch(text[m.end : last.start]) for m in labels)


def _same_entity(reading: Reading, label: Label, value: Value) -> bool:
    return any(v.id in label.entities and v.entity == value.entity for v in reading.values)


def _name(reading: Reading, number: int, value: Value) -> Objection | None:
    if not value.names:
        return None
    sentence = reading.sentence
    quantity = sentence.numbers[number]
    everywhere = [m for m in sentence.labels if m.names]
    own = [m for m in reading.labels(number, "names") if value.id not in m.periods]
    if in_order(reading, everywhere, number):
        own = [everywhere[number]]
    said = _closest(own, quantity)
    if said and said[0].end <= quantity.start and _joined(reading, own, said[0]):
        return Objection("name", f"is of one measure, not of {said[0].text} and another")
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
