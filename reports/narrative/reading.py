"""What the facts of one KPI say: which is the value, which its changes, who made them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property

from reports.facts.model import Fact, Kind
from reports.narrative.brief import Brief
from reports.periods import Period

TOP = 3
"""Members named one by one."""


def shown(fact: Fact) -> Decimal:
    """A fact's value as a reader sees it, rounded to its decimals; 0 where there is none."""
    if fact.value is None:
        return Decimal(0)
    return fact.value.quantize(Decimal(1).scaleb(-fact.decimals), ROUND_HALF_UP)


@dataclass(frozen=True)
class Change:
    """A change against one compared period.

    Attributes:
        fact: the growth in %, the difference where growth is missing; of a rate, its points.
        base: the value then; None where it is unknown.
        to: the period compared with.
    """

    fact: Fact
    base: Fact | None
    to: Period

    @property
    def direction(self) -> int:
        """1 up, -1 down, 0 where the shown figure is zero."""
        return _sign(shown(self.fact))


@dataclass(frozen=True)
class Members:
    """The facts about the members of one dimension, e.g. countries.

    Attributes:
        values: values, the largest first.
        shares: shares of the whole in %, by entity.
        contributions: to the change of the whole, the largest first.
        missing: entities without a value.
    """

    values: tuple[Fact, ...]
    shares: dict[str, Fact]
    contributions: tuple[Fact, ...]
    missing: tuple[str, ...]

    def movers(self, direction: int) -> list[Fact]:
        """Contributions in one direction (1 or -1), the strongest first."""
        found = [fact for fact in self.contributions if _sign(shown(fact)) == direction]
        return found[:TOP] if direction > 0 else found[::-1][:TOP]


class Reading:
    """The facts of one KPI, sorted by what they say of the brief's period."""

    def __init__(self, brief: Brief, kpi: str) -> None:
        self.kpi = kpi
        self._brief = brief
        self._facts = [fact for fact in brief.facts if fact.kpi == kpi]
        self._whole = [fact for fact in self._facts if not fact.entity]

    @property
    def label(self) -> str:
        """What the KPI is called; its name where no fact tells."""
        labels = [fact.label for fact in self._whole if fact.kind is Kind.VALUE]
        return labels[0] if labels else self.kpi.replace("_", " ")

    @cached_property
    def value(self) -> Fact | None:
        """The value of the period; None where there is a gap or no fact."""
        return _known(self._of(Kind.VALUE, self._brief.period))

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Changes against each compared period that has one."""
        return tuple(change for to in self._brief.compared if (change := self._change(to)))

    @cached_property
    def unknown_bases(self) -> tuple[Period, ...]:
        """Compared periods whose value is a gap."""
        return tuple(
            period
            for period in self._brief.compared
            if (fact := self._of(Kind.VALUE, period)) is not None and fact.value is None
        )

    @property
    def target(self) -> Fact | None:
        """The target, if it has one."""
        return self._one(Kind.TARGET)

    @property
    def share_of_target(self) -> Fact | None:
        """The value in % of its target."""
        return self._one(Kind.SHARE)

    @property
    def rank(self) -> Fact | None:
        """Its place among recent periods, 1 = highest."""
        return self._one(Kind.RANK)

    @property
    def trend(self) -> Fact | None:
        """Its slope a period."""
        return self._one(Kind.TREND)

    @cached_property
    def dimensions(self) -> tuple[Members, ...]:
        """Its members, a dimension each."""
        groups: dict[str, list[Fact]] = {}
        for fact in self._facts:
            if fact.entity and fact.period == self._brief.period.key:
                # The id is the only thing that keeps countries and products apart.
                dimension = fact.id.removeprefix(f"{self.kpi}.").split(".")[0]
                groups.setdefault(dimension, []).append(fact)
        return tuple(_members(facts) for facts in groups.values())

    def _change(self, to: Period) -> Change | None:
        growth, difference = (
            _known(self._of(kind, self._brief.period, to.key))
            for kind in (Kind.GROWTH, Kind.DIFFERENCE)
        )
        # The growth of a rate, itself in %, would be read as points: only its points are told.
        rate = self.value is not None and self.value.unit == "%"
        points = difference if difference is not None and difference.unit == "pp" else None
        fact = points if rate else (points or growth or difference)
        return Change(fact, _known(self._of(Kind.VALUE, to)), to) if fact else None

    def _of(self, kind: Kind, period: Period, compared_to: str = "") -> Fact | None:
        return _first(
            fact
            for fact in self._whole
            if fact.kind is kind
            and fact.period == period.key
            and (not compared_to or fact.compared_to == compared_to)
        )

    def _one(self, kind: Kind) -> Fact | None:
        return _known(
            _first(
                fact
                for fact in self._whole
                if fact.kind is kind and fact.period == self._brief.period.key
            )
        )


def _members(facts: list[Fact]) -> Members:
    by_value = sorted(facts, key=lambda fact: (-(fact.value or 0), fact.entity))
    known = [fact for fact in by_value if fact.value is not None]
    return Members(
        values=tuple(fact for fact in known if fact.kind is Kind.VALUE),
        shares={fact.entity: fact for fact in known if fact.kind is Kind.SHARE},
        contributions=tuple(fact for fact in known if fact.kind is Kind.CONTRIBUTION),
        missing=tuple(
            fact.entity for fact in by_value if fact.kind is Kind.VALUE and fact.value is None
        ),
    )


def _known(fact: Fact | None) -> Fact | None:
    return fact if fact is not None and fact.value is not None else None


def _first(facts: Iterable[Fact]) -> Fact | None:
    return next(iter(facts), None)


def _sign(value: Decimal) -> int:
    return (value > 0) - (value < 0)
