"""Words that claim an order: "rose" beside a level, "highest", "third"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from reports.guard import bind
from reports.guard.bind import Bound
from reports.guard.derive import Derived
from reports.guard.model import Value
from reports.guard.quantities import Quantity
from reports.guard.reading import Objection, Reading, number_is_base
from reports.guard.scan import Direction, Superlative

Claim = tuple[int, int, Objection]
"""Offsets of the words, and what is wrong with them."""


@dataclass(frozen=True)
class Ranked:
    """An ordinal and the rank that it states."""

    ordinal: Quantity
    rank: Value


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
        if word.weak and not _about_a_level(reading, word, bound):
            continue
        signs = _evidence(reading, word, bound, cited, derived)
        if any(sign * word.sign < 0 for sign in signs) or 0 in signs:
            yield word.start, word.end, Objection("direction", "the values say the other way")
        elif not signs and not word.weak:
            yield word.start, word.end, Objection("direction", "no cited value says so")


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
    if not any(m.entities for m in (*reading.sentence.labels, *reading.members)):
        cited = [v for v in cited if not v.entity] or cited
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
    """Ordinals with the rank that they state, and objections to ordinals and superlatives."""
    used: set[int] = set()
    for ordinal in reading.sentence.ordinals:
        near = [
            s for s in reading.sentence.superlatives
            if 0 <= s.start - ordinal.end <= 2 or 0 <= s.start - ordinal.start <= len("second-")
        ]  # fmt: skip
        turned = bool(near) and near[0].sign < 0
        used.update(s.start for s in near)
        place = int(ordinal.value or 0)
        rank = _rank(reading, place, turned, ordinal.start, cited)
        if rank is None:
            yield (
                ordinal.start, ordinal.end,
                Objection("rank", "no cited rank of what the sentence names says so"),
            )  # fmt: skip
        else:
            yield Ranked(ordinal, rank)
    for word in reading.sentence.superlatives:
        if word.start in used:
            continue
        if _rank(reading, 1, word.sign < 0, word.start, cited) is None and not _extreme(
            reading, word, bound
        ):
            yield word.start, word.end, Objection("rank", "no cited rank or values say so")


def _rank(
    reading: Reading, place: int, turned: bool, where: int, cited: Sequence[Value]
) -> Value | None:
    """The cited rank that is stated, of the nearest entity named."""
    members = [m for m in reading.sentence.labels if m.entities]
    members = sorted(members, key=lambda m: min(abs(m.start - where), abs(m.end - where)))
    members = members or list(reading.members[-1:])
    for value in cited:
        if value.rank_of is None or not isinstance(value.value, Decimal):
            continue
        stated = value.rank_of + 1 - place if turned else place
        if value.exact != stated:
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
