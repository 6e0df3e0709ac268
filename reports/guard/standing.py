"""Claims of standing without a number of their own: more than another, in the lead, level, better.

Belongs here: words that compare, and whether values bear them out. Does not belong here: words
of direction and rank (:mod:`.claims`), numbers (:mod:`.bind`). What no value decides is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from reports.guard import evidence
from reports.guard.bind import Bound
from reports.guard.labels import Label
from reports.guard.language import primary
from reports.guard.model import Value
from reports.guard.reading import Objection, Reading, speaks_of_target
from reports.guard.scan import Direction

Claim = tuple[int, int, Objection]

_LEVEL = Decimal("0.5")
"""A change of less, in its own unit, may be called none."""
_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "lead": r"leads|led|leading|in the lead|leader",
        "level": r"held(?= at)|(?:about )?level(?= with)|about level",
        "better": r"improved|improves|improving|improvements?|better",
        "worse": r"got worse|worse|worsened|worsens|for the worse",
        "met": r"was met|is met|were met",
        "missed": r"was missed|is missed|were missed",
        "made": r"mainly(?= from)",
        "against": r"moved the other way",
    },
    "de": {
        "lead": r"an der spitze|führt(?= \S)|führend",
        "level": r"(?:nahezu|praktisch) unverändert|kaum (?:etwas )?(?:ge|ver)ändert",
        "better": r"verbessert\w*|besser(?: als zuvor)?",
        "worse": r"verschlechtert\w*|schlechter(?: als zuvor)?",
        "met": r"wurde erreicht|ist erreicht",
        "missed": r"wurde verfehlt|ist verfehlt",
        "made": r"trugen vor allem bei|trug vor allem bei",
        "against": r"gegenläufig",
    },
    "ja": {
        "lead": r"首位", "level": r"同水準", "better": r"改善", "worse": r"悪化",
        "met": r"達成(?!率)", "missed": r"未達",
        "made": r"主な要因", "against": r"反対の動き",
    },
    "ar": {
        "lead": r"الأعلى(?= في)", "level": r"دون تغير يُذكر",
        "better": r"(?:وهذا )?أفضل(?: من قبل)?", "worse": r"(?:وهذا )?أسوأ(?: من قبل)?",
        "met": r"(?<!لم ي)تحقق", "missed": r"لم يتحقق",
        "made": r"أبرز أسباب (?:الارتفاع|الانخفاض)", "against": r"في الاتجاه المعاكس",
    },
}  # fmt: skip
_THAN = {
    "en": r"(?:than|of|as|the|that|those|in|for|from|by|did|was|were|both)",
    "de": r"(?:als|die|der|das|in|im|von|bei|für|jener|jene|den)",
}


def spans(reading: Reading) -> list[tuple[int, int]]:
    """Where the words of standing are, so that they count as understood."""
    found = [span for kind in _words(reading) for span in _found(reading, kind)]
    return [*found, *speaks_of_target(reading)]


def _words(reading: Reading) -> dict[str, str]:
    return _WORDS.get(primary(reading.language), _WORDS["en"])


def _found(reading: Reading, kind: str) -> list[tuple[int, int]]:
    """The places of a kind of word that are no part of a label."""
    sentence = reading.sentence
    pattern = _words(reading).get(kind)
    if pattern is None:
        return []
    if primary(reading.language) != "ja":
        pattern = rf"(?<!\w)(?:{pattern})(?!\w)"
    named = {i for label in sentence.labels for i in range(label.start, label.end)}
    return [
        match.span()
        for match in re.compile(pattern, re.IGNORECASE).finditer(
            sentence.text, sentence.start, sentence.end
        )
        if match.start() not in named
    ]


def claims(reading: Reading, bound: Sequence[Bound], cited: Sequence[Value]) -> Iterator[Claim]:
    """Objections to words of standing that the values do not bear out."""
    stated = [b.candidate for b in bound if isinstance(b.candidate, Value)]
    for start, end in _found(reading, "lead"):
        if not _leads(reading, stated):
            yield start, end, Objection("rank", "no cited values show who leads")
    for kind, sign in (("better", 1), ("worse", -1)):
        for start, end in _found(reading, kind):
            if not _verdict(reading, cited, sign):
                yield start, end, Objection("direction", "no cited change and its good side say so")
    for start, end in _found(reading, "level"):
        changes = evidence.changes(reading, cited)
        if not changes or any(abs(change.exact) >= _LEVEL for change in changes):
            yield start, end, Objection("direction", "no cited change is that small")
    yield from _targets(reading, stated)
    yield from _movers(reading, cited)


def _leads(reading: Reading, stated: Sequence[Value]) -> bool:
    """Whether the first member stated has the largest value of its group."""
    # A contribution may be the same number as the member's value: the value is what leads.
    plain = [_unsigned(v, reading) for v in stated if v.entity]
    members = [v for v in plain if v is not None and v.rank_of is None]
    if not members:
        return False
    first = members[0]
    others = [
        v for v in reading.values
        if v.entity and v.names == first.names and v.period == first.period and v.unit == first.unit
        and v.group == first.group and not v.signed and v.rank_of is None
        and isinstance(v.value, Decimal)
    ]  # fmt: skip
    return all(first.exact >= other.exact for other in others)


def _unsigned(stated: Value, reading: Reading) -> Value | None:
    """The value itself, or the one of the same member that a change of the same size hides."""
    if not stated.signed:
        return stated
    same = (
        v for v in reading.values
        if not v.signed and v.entity == stated.entity and v.period == stated.period
        and v.unit == stated.unit and v.value == stated.value
    )  # fmt: skip
    return next(same, None)


def _verdict(reading: Reading, cited: Sequence[Value], sign: int) -> bool:
    """Whether every measure named (or else the one spoken of) changed to its good side, or not."""
    changes = [v for v in evidence.changes(reading, cited) if v.good]
    named = [m for m in reading.sentence.labels if m.names]
    if not named:
        return any(v.good * v.exact * sign > 0 for v in changes)
    return all(
        any(v.id in label.names and v.good * v.exact * sign > 0 for v in changes) for label in named
    )


def _targets(reading: Reading, stated: Sequence[Value]) -> Iterator[Claim]:
    """A target is called one, and "met" is checked against its value."""
    said = bool(speaks_of_target(reading))
    for kind, sign in (("met", 1), ("missed", -1)):
        for start, end in _found(reading, kind):
            if not said and kind == "met" and primary(reading.language) == "de":
                continue
            if not any(_gain(reading, value) * sign > 0 for value in stated if value.target):
                yield start, end, Objection("direction", "no cited target and value say so")


def _gain(reading: Reading, target: Value) -> int:
    """1 where the target is reached, -1 where it is not, 0 where that is unknown."""
    for value in reading.values:
        if (
            value.names == target.names and value.entity == target.entity
            and value.period == target.period and value.unit == target.unit
            and not value.signed and not value.target and value.rank_of is None
            and isinstance(value.value, Decimal)
        ):  # fmt: skip
            gain = (value.exact - target.exact) * (target.good or value.good)
            return 0 if not (target.good or value.good) else (1 if gain >= 0 else -1)
    return 0


def _movers(reading: Reading, cited: Sequence[Value]) -> Iterator[Claim]:
    """Who made a change has its sign, who moved the other way has not; with a number or without."""
    for kind, side in (("made", 1), ("against", -1)):
        for start, end in _found(reading, kind):
            # A member called "Other" is not named by "the other way".
            members = [
                m for m in reading.sentence.labels
                if m.entities and not start <= m.start < end
            ]  # fmt: skip
            if not members or not all(_moved(reading, m, cited, side) for m in members):
                yield start, end, Objection("direction", "no cited contributions say so")


def _moved(reading: Reading, member: Label, cited: Sequence[Value], side: int) -> bool:
    """Whether a cited change of a member goes the way of the whole's, or (-1) the other."""
    for value in cited:
        if value.signed and value.id in member.entities and isinstance(value.value, Decimal):
            whole = _whole_sign(reading, value)
            if not whole or _sign(value) == side * whole:
                return True
    return False


def _sign(value: Value) -> int:
    return (value.exact > 0) - (value.exact < 0)


def _whole_sign(reading: Reading, part: Value) -> int:
    """The sign of the change that a contribution is to; 0 where no value tells."""
    for value in reading.values:
        if (
            not value.entity and value.signed and value.names == part.names
            and (value.period, value.compared_to) == (part.period, part.compared_to)
            and value.compared_to and isinstance(value.value, Decimal)
        ):  # fmt: skip
            return _sign(value)
    return 0


def compared(reading: Reading, word: Direction) -> tuple[Label, Label] | None:
    """The two labels that a comparative stands between: "Germany sold more than France"."""
    sentence = reading.sentence
    after = [m for m in sentence.labels if m.start >= word.end and (m.names or m.entities)]
    before = [m for m in sentence.labels if m.end <= word.start and (m.names or m.entities)]
    if not after or not before:
        return None
    gap = sentence.text[word.end : after[0].start]
    joins = _THAN.get(primary(reading.language), _THAN["en"])
    than = re.search(r"\b(?:than|als)\b", gap, re.IGNORECASE)
    verb = re.match(r"exceed|surpass|above|below", sentence.text[word.start : word.end], re.I)
    near = verb is not None and re.fullmatch(rf"\s*(?:{joins}\s+)*", gap, re.IGNORECASE)
    if than is None and not near:
        return None
    alike = [m for m in before if bool(m.entities) == bool(after[0].entities)]
    return ((alike or before)[-1], after[0]) if alike else None


def holds(reading: Reading, left: Label, right: Label, sign: int) -> bool:
    """Whether the values of one label lie on that side of the other's."""
    what = "entities" if right.entities and left.entities else "names"
    topic = [m for m in (*reading.topics, *reading.sentence.labels) if m.names][-1:]
    pairs = [
        (one, other)
        for one in _levels(reading, left, what, topic)
        for other in _levels(reading, right, what, topic)
        if one.unit == other.unit and one.period == other.period and one.id != other.id
        and (one.names == other.names if what == "entities" else one.entity == other.entity)
    ]  # fmt: skip
    return bool(pairs) and all((one.exact - other.exact) * sign > 0 for one, other in pairs)


def _levels(reading: Reading, label: Label, what: str, topic: Sequence[Label]) -> list[Value]:
    ids: frozenset[str] = getattr(label, what)
    named = {v.entity for v in reading.values if v.id in ids}
    now = reading.known[0] if reading.known else ""
    return [
        v for v in reading.values
        if isinstance(v.value, Decimal) and not v.signed and v.rank_of is None and not v.target
        and (v.entity in named and v.entity if what == "entities" else v.id in ids)
        and (what != "entities" or not topic or v.id in topic[0].names)
        and (not now or v.period in {now, ""} or _said(reading, v))
    ]  # fmt: skip


def _said(reading: Reading, value: Value) -> bool:
    own = reading.when(value.period)
    return own is not None and any(own.same(p.when) for p in reading.sentence.periods)
