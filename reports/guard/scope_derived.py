"""What a derivation or a change speaks of: do all its operands agree with the sentence?"""

from __future__ import annotations

import re

from reports.guard import bases
from reports.guard.derive import Derived
from reports.guard.model import Rule, Value
from reports.guard.reading import (
    Objection,
    Reading,
    is_period,
    known,
    near_periods,
    role_at,
    untimely,
)
from reports.guard.when import Named, When


def of_derived(reading: Reading, number: int, derived: Derived) -> Objection | None:
    """The objection to a number stating a derivation, if there is one."""
    return (
        _labels_of_derived(reading, number, derived, "entities")
        or _labels_of_derived(reading, number, derived, "names")
        or _share_order(reading, derived)
        or _period_of_derived(reading, number, derived)
        or _ends_in_words(reading, number, derived)
        or _part_named(reading, number, derived)
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
    said = [m for m in reading.labels(number, "periods") if is_period(m, value)]
    said = [m for m in said if not any(v.id in m.names or v.id in m.entities for v in derived.of)]
    for label in said:
        if not any(v.id in label.periods for v in derived.of):
            return Objection("period", f"is of {value.period}, not of {label.text}")
    if reading.when(value.period) is not None:
        return None
    times = [p for p in near_periods(reading, number) if not p.when.kind.startswith("back:")]
    if (said or times) and not any(value.id in m.periods for m in said):
        return Objection("period", f"is of {value.period}, which is not named")
    mixed = any(v.period and reading.when(v.period) is not None for v in derived.of)
    return None if mixed else untimely(reading, number, value)


def _ends_in_words(reading: Reading, number: int, derived: Derived) -> Objection | None:
    """A change between columns without a date ends and begins where the sentence says."""
    if not derived.signed:
        return None
    now, then = derived.of
    said = [
        m for m in reading.labels(number, "periods")
        if is_period(m, now) and is_period(m, then) and bool({now.id, then.id} & m.periods)
    ]  # fmt: skip
    roles = [role_at(reading.sentence, m.start) for m in said]
    if "between" in roles:
        return None
    if len(said) == 2 and roles == ["", "current"]:
        roles = ["base", "current"]
    for label, role in zip(said, roles, strict=True):
        end = then if role == "base" else now
        if end.id not in label.periods:
            return Objection("period", f"is a change to {now.period} from {then.period}")
    return None


def _part_named(reading: Reading, number: int, derived: Derived) -> Objection | None:
    """A sum or mean over columns, some of them in words, names all or none."""
    if derived.op not in {"sum", "mean"} or len({v.period for v in derived.of}) == 1:
        return None
    times = near_periods(reading, number)
    labels = [m for m in reading.sentence.labels if m.periods]
    named = [
        any(v.id in m.periods for m in labels)
        or ((own := reading.when(v.period)) is not None
            and any(own.same(p.when) or p.when.holds(own) or p.when.kind == "span" for p in times))
        for v in derived.of
    ]  # fmt: skip
    if any(named) and not all(named):
        missing = derived.of[named.index(False)]
        return Objection("period", f"is derived from {missing.period} too, which is not named")
    return None


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


_OF_WHOLE = re.compile(
    r"\b(?:of|out of|von|vom|der|des|in|to|zu[rm]?|relative to|an|am|per|pro|je|by|over|for)"
    r"(?:\s(?:the|all|our|its|total|den|dem|der|allen))*\s\(?$",
    re.IGNORECASE,
)
_PART_OF = re.compile(
    r"(?:%|percent|per cent|Prozent|share|portion|third|half|quarter) (?:of|von|der|des)"
    r"(?: the| total)*\s$",
    re.IGNORECASE,
)
_SHARE_OF = re.compile(r"(?:share|proportion|percentage) of\s(?:the )?$", re.IGNORECASE)
_REVERSED = re.compile(
    r"(?<!as a )(?<!as )(?:ratio|share|proportion|percentage) of\s(?:the )?$", re.IGNORECASE
)


def _share_order(reading: Reading, derived: Derived) -> Objection | None:
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
        marked = _OF_WHOLE.search(lead)
        if wholes[0].start < parts[0].start and not marked:
            return Objection("name", f"is of {parts[0].text} in {wholes[0].text}, not the reverse")
        before = sentence.text[sentence.start : parts[0].start]
        if (
            parts[0].start < wholes[0].start
            and _PART_OF.search(before)
            and not _SHARE_OF.search(before)
        ):
            return Objection("name", f"is a part of {wholes[0].text}, not of {parts[0].text}")
        if wholes[0].start < parts[0].start and _REVERSED.search(lead):
            return Objection("name", f"is of {parts[0].text} in {wholes[0].text}, not the reverse")
    return None


def _period_of_derived(reading: Reading, number: int, derived: Derived) -> Objection | None:
    if derived.op in {"difference", "growth"}:
        return change_period(reading, number, derived.of[0].period, derived.of[1].period)
    periods = [w for v in derived.of if v.period and (w := reading.when(v.period)) is not None]
    named = [p for p in near_periods(reading, number) if not p.when.kind.startswith("back:")]
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


def change_period(reading: Reading, number: int, now: str, then: str) -> Objection | None:
    """A change from one period to another: each named period must be the right end."""
    current, base = reading.when(now), reading.when(then) if then else None
    if current is None:
        return None
    message = f"is a change to {now}" + (f" from {then}" if then else "")
    named = near_periods(reading, number)
    plain = [p for p in named if not p.when.kind.startswith("back:")]
    for phrase in reading.within(number):
        if phrase.when.kind.startswith("back:") and not bases.fits(phrase.when, current, base):
            return Objection("period", message)
    roles = [reading.roles[p.start] for p in plain]
    ends = _span_ends(plain, roles)
    for index, period in enumerate(plain):
        role = ends[index]
        said = period.when
        if said.kind == "span" and said.first and said.last and base is not None:
            fits = said.same(current) or (said.first.same(base) and said.last.same(current))
        elif role == "base":
            fits = base.same(said) if base is not None else known(reading, said)
        elif role == "either":
            fits = current.same(said) or (base is not None and base.same(said))
        else:
            fits = current.same(said)
        if not fits:
            return Objection("period", message)
    both = base is not None and not base.same(current) and ends.count("either") == 2
    missing = [w for w in (base, current) if w and not any(w.same(p.when) for p in plain)]
    if both and missing:
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
