"""Words that claim an order: "rose" beside a level, "highest", "third"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from reports.guard import bind, evidence, standing
from reports.guard.bind import Bound
from reports.guard.derive import Derived
from reports.guard.labels import Label
from reports.guard.language import is_german
from reports.guard.model import Value
from reports.guard.reading import JOINED, Objection, Reading, number_is_base
from reports.guard.scan import Direction, Superlative

Claim = tuple[int, int, Objection]
"""Offsets of the words, and what is wrong with them."""


@dataclass(frozen=True)
class Ranked:
    """Words that state a rank; ``end`` is that of a place ("third"), none of a superlative."""

    start: int
    rank: Value
    end: int | None = None


def directions(
    reading: Reading, bound: Sequence[Bound], cited: Sequence[Value], derived: Sequence[Derived]
) -> Iterator[Claim]:
    """Objections to words of direction that no stated change settles."""
    settled = {
        word.start
        for item in bound
        if item.candidate.signed and (word := bind.governing(reading, item.number)[0]) is not None
    }
    for word in reading.sentence.directions:
        if word.sign == 0 or word.start in settled:
            continue
        pair = standing.compared(reading, word)
        if pair is not None:
            if not standing.holds(reading, *pair, word.sign):
                yield word.start, word.end, Objection("direction", "no two values compare so")
            continue
        loose = word.weak and _may_be_loose(reading, word)
        if loose and not _about_a_level(reading, word, bound):
            continue
        for signs in _evidence_of_each(reading, word, bound, cited, derived):
            if any(sign * word.sign < 0 for sign in signs) or 0 in signs:
                yield word.start, word.end, Objection("direction", "the values say the other way")
            elif not signs and not loose:
                yield word.start, word.end, Objection("direction", "no cited value says so")


_LOOSE = re.compile(r"über|unter|ab|zu|plus|minus", re.IGNORECASE)
"""Words that are prepositions or signs as well; elsewhere a weak word claims like any other."""


def _may_be_loose(reading: Reading, word: Direction) -> bool:
    sentence = reading.sentence
    if not _LOOSE.fullmatch(sentence.text, word.start, word.end):
        return False
    if not is_german(reading.language):
        return True
    # "Der Umsatz nahm zu.": the verb's second part ends its clause.
    verb = bind.SEPARABLE.search(sentence.text, sentence.start, word.start)
    return verb is None or not re.match(r"\s*(?:[.,;:!?]|$|und\b)", sentence.text[word.end :])


def _evidence_of_each(
    reading: Reading, word: Direction, bound: Sequence[Bound], cited: Sequence[Value],
    derived: Sequence[Derived],
) -> Iterator[list[int]]:  # fmt: skip
    """The evidence for each of several subjects that are joined before the word."""
    labels = [m for m in reading.sentence.labels if m.end <= word.start]
    joined: list[Label] = labels[-1:]
    for label in reversed(labels[:-1]):
        gap = reading.sentence.text[label.end : joined[0].start]
        alike = bool(label.entities) == bool(joined[0].entities)
        if not alike or not JOINED.fullmatch(gap):
            break
        joined.insert(0, label)
    if len(joined) < 2:
        yield _evidence(reading, word, bound, cited, derived)
        return
    changes = [v for v in evidence.changes(reading, cited) if isinstance(v.value, Decimal)]
    for label in joined:
        ids = label.entities or label.names
        yield [_sign(v.exact) for v in changes if v.id in ids]


def _about_a_level(reading: Reading, word: Direction, bound: Sequence[Bound]) -> bool:
    text = reading.sentence.text[word.end :]
    return bool(bound) and bool(re.match(r"\s(?:from|on|than|to|von|als|auf)\b", text))


def _evidence(
    reading: Reading, word: Direction, bound: Sequence[Bound], cited: Sequence[Value],
    derived: Sequence[Derived],
) -> list[int]:  # fmt: skip
    """Signs that the word should have: of the levels beside it, else of cited changes."""
    levels = [b for b in bound if isinstance(b.candidate, Value) and not b.candidate.signed]
    for base in levels:
        if not number_is_base(reading, base.number):
            continue
        for other in levels:
            if abs(other.number - base.number) == 1 and _twins(base, other):
                return [_sign(other.candidate.exact - base.candidate.exact)]
    ids = _subject(reading, word, levels)
    cited = [v for v in cited if not v.signed
             or evidence.counted_from(reading, v.period, v.compared_to)]  # fmt: skip
    derived = evidence.of_derived(reading, derived)
    members = {i for m in (*reading.sentence.labels, *reading.members) for i in m.entities}
    if not members:
        cited = [v for v in cited if not v.entity] or cited
    else:
        # A paragraph cites what its other sentences say of other members, too.
        named = [v for v in cited if not v.entity or v.id in members]
        cited = named if any(v.signed for v in named) else cited
    signs = [
        _sign(v.exact) for v in cited
        if v.signed and isinstance(v.value, Decimal) and (not ids or _shares(reading, v, ids))
    ]  # fmt: skip
    signs += [_sign(d.exact) for d in derived if d.signed and (not ids or d.of[0].id in ids)]
    return signs or _from_known(reading, levels, cited)


def _from_known(reading: Reading, levels: Sequence[Bound], cited: Sequence[Value]) -> list[int]:
    """A level against the one cited of an earlier period."""
    found: list[int] = []
    for level in levels:
        value = level.candidate
        if not isinstance(value, Value):
            continue
        for other in cited:
            if other.id == value.id or not isinstance(other.value, Decimal):
                continue
            same = (other.names, other.entity, other.unit) == (
                value.names,
                value.entity,
                value.unit,
            )
            now, then = _begins(reading, value), _begins(reading, other)
            if same and now and then and then < now:
                found.append(_sign(value.exact - other.exact))
    return found


def _begins(reading: Reading, value: Value) -> date | None:
    period = reading.when(value.period)
    bounds = period.bounds() if period else None
    return bounds[0] if bounds else None


def _subject(reading: Reading, word: Direction, levels: Sequence[Bound]) -> set[str]:
    """Ids of the values that the word's part of the sentence speaks of."""
    for start, end in reading.sentence.segments:
        if start <= word.start < end:
            inside = [b for b in levels if start <= reading.sentence.numbers[b.number].start < end]
            if inside:
                return {inside[0].candidate.id} if isinstance(inside[0].candidate, Value) else set()
    before = [m for m in reading.sentence.labels if m.start < word.start]
    names = [m.names for m in before if m.names][-1:]
    members = [m.entities for m in before if m.entities][-1:]
    sets = [set(ids) for ids in (*names, *members)]
    return set.intersection(*sets) if sets else set()


def _shares(reading: Reading, value: Value, ids: set[str]) -> bool:
    if value.id in ids:
        return True
    return any(
        v.id in ids and v.entity == value.entity and set(v.names) & set(value.names)
        for v in reading.values
    )


def _twins(one: Bound, other: Bound) -> bool:
    a, b = one.candidate, other.candidate
    return isinstance(a, Value) and isinstance(b, Value) and a.unit == b.unit and a.names == b.names


def _sign(number: Decimal) -> int:
    return (number > 0) - (number < 0)


def ranks(
    reading: Reading, bound: Sequence[Bound], cited: Sequence[Value]
) -> Iterator[Claim | Ranked]:
    """Ordinals and superlatives with the rank that they state, and objections to them."""
    used: set[int] = set()
    for ordinal in reading.sentence.ordinals:
        near = [
            s for s in reading.sentence.superlatives
            if 0 <= s.start - ordinal.end <= 2 or 0 <= s.start - ordinal.start <= len("second-")
        ]  # fmt: skip
        turned = bool(near) and near[0].sign < 0
        used.update(s.start for s in near)
        place = int(ordinal.value or 0)
        follows = _FOLLOWS.match(reading.sentence.text[ordinal.end :])
        german = is_german(reading.language)
        rank = (
            None
            if follows is None and not near and not german
            else _rank(reading, place, turned, ordinal.start, cited)
        )
        if rank is None:
            yield (
                ordinal.start, ordinal.end,
                Objection("rank", "no cited rank of what the sentence names says so"),
            )  # fmt: skip
        else:
            yield Ranked(ordinal.start, rank, ordinal.end)
    for word in reading.sentence.superlatives:
        if word.start in used:
            continue
        top = _rank(reading, 1, word.sign < 0, word.start, cited)
        if top is not None:
            yield Ranked(word.start, top)
        elif not _extreme(reading, word, bound):
            yield word.start, word.end, Objection("rank", "no cited rank or values say so")


_FOLLOWS = re.compile(
    r"\s*(?:$|[.,;:!?)]|(?:place|rank|position|among|in|of|by|with|and|behind|for|at|from|on|from)\b)",
    re.IGNORECASE,
)
"""What may follow a place; "the second week" is none."""


def _rank(
    reading: Reading, place: int, turned: bool, where: int, cited: Sequence[Value]
) -> Value | None:
    """The cited rank that is stated, of the measure spoken of and the nearest entity named."""
    topics = [m for m in reading.sentence.labels if m.names] or list(reading.topics[-1:])
    members = [m for m in reading.sentence.labels if m.entities]
    members = sorted(members, key=lambda m: min(abs(m.start - where), abs(m.end - where)))
    members = members or list(reading.members[-1:])
    for value in cited:
        if value.rank_of is None or not isinstance(value.value, Decimal):
            continue
        stated = value.rank_of + 1 - place if turned else place
        if value.exact != stated:
            continue
        if topics and value.names and not any(value.id in m.names for m in topics):
            continue
        if not value.entity or (members and _is(reading, members[0].entities, value)):
            return value
    return None


def _is(reading: Reading, ids: frozenset[str], value: Value) -> bool:
    return any(v.id in ids and v.entity == value.entity for v in reading.values)


def _extreme(reading: Reading, word: Superlative, bound: Sequence[Bound]) -> bool:
    """Whether the level beside the word is the extreme of its kind among all values."""
    levels = [b for b in bound if isinstance(b.candidate, Value)]
    near = sorted(levels, key=lambda b: abs(reading.sentence.numbers[b.number].start - word.start))
    for level in near[:1]:
        value = level.candidate
        assert isinstance(value, Value)  # noqa: S101 - filtered above
        kind = [
            v for v in reading.values
            if v.unit == value.unit and isinstance(v.value, Decimal) and v.signed == value.signed
            and v.rank_of is None
        ]  # fmt: skip
        members = [
            v for v in kind
            if v.names == value.names and v.period == value.period and v.entity and value.entity
        ]  # fmt: skip
        periods = [
            v for v in kind
            if v.names == value.names and v.entity == value.entity and v.period
        ]  # fmt: skip
        for group in (members, periods):
            if len(group) > 1:
                return all((value.exact - v.exact) * word.sign >= 0 for v in group)
    return False
