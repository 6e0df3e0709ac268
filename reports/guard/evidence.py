"""Cited changes that a sentence may lean on: of what it names, from what it compares with."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from reports.guard import bases
from reports.guard.derive import Derived
from reports.guard.model import Value
from reports.guard.reading import Reading, known
from reports.guard.when import Named


def changes(reading: Reading, cited: Sequence[Value]) -> list[Value]:
    """Cited changes of the measure spoken of that are counted from where the sentence says."""
    sentence = reading.sentence
    topics = [m for m in sentence.labels if m.names] or list(reading.topics[-1:])
    members = [m for m in sentence.labels if m.entities]
    if not members and not any(m.names for m in sentence.labels):
        members = list(reading.members[-1:])
    found = [
        v for v in cited
        if v.signed and isinstance(v.value, Decimal)
        and (not topics or not v.names or any(v.id in m.names for m in topics))
        and counted_from(reading, v.period, v.compared_to)
    ]  # fmt: skip
    own = [v for v in found if members and any(v.id in m.entities for m in members)]
    return own or [v for v in found if not v.entity] or found


def of_derived(reading: Reading, derived: Sequence[Derived]) -> list[Derived]:
    """Derived changes that are counted from where the sentence says."""
    return [
        d for d in derived
        if d.signed and counted_from(reading, d.of[0].period, d.of[1].period)
    ]  # fmt: skip


def counted_from(reading: Reading, now: str, then: str) -> bool:
    """Whether a change from one period to another agrees with every base that is named."""
    return all(_agrees(reading, base, now, then) for base in bases_of(reading))


def bases_of(reading: Reading) -> list[Named]:
    """The periods of a sentence that it compares with."""
    return [
        p for p in reading.sentence.periods
        if reading.roles[p.start] == "base" or p.when.kind.startswith("back:")
    ]  # fmt: skip


def _agrees(reading: Reading, base: Named, now: str, then: str) -> bool:
    start = reading.when(then) if then else None
    if base.when.kind.startswith("back:"):
        return bases.fits(base.when, reading.when(now), start)
    return start.same(base.when) if start is not None else known(reading, base.when)
