"""What follows from a KPI's values: changes, shares, ranks, trends, contributions, gaps."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from reports.definition import Kpi
from reports.facts.model import Derivation, Fact, Kind, Source, point_id
from reports.facts.query import Cell, KpiReader, exact
from reports.facts.season import trend
from reports.periods import Grain, Period

HISTORY = {Grain.DAY: 56, Grain.WEEK: 16, Grain.MONTH: 13}
"""Periods read, this one included."""

COMPARABLE = Decimal("0.8")
"""Share of the expected days that need rows before a period is compared with another."""

RANKED = 4
"""Fewest periods among which a rank says anything."""

NO_DATA_YET = "no data yet"
_HUNDRED = Decimal(100)


@dataclass
class Findings:
    """All that is known of one KPI.

    Attributes:
        kpi: the KPI.
        facts: in the order of telling; the first is the value of the period.
        series: the last periods, oldest first; None is a gap.
        notices: gaps and late data, as rule and what is wrong.
    """

    kpi: Kpi
    facts: list[Fact] = field(default_factory=list)
    series: list[tuple[Period, Decimal | None]] = field(default_factory=list)
    notices: list[tuple[str, str]] = field(default_factory=list)


def analyse(reader: KpiReader, period: Period) -> Findings:
    """Read a KPI and work out its facts.

    Raises:
        TrinoQueryError: its SQL is refused.
        TrinoUnreachableError: Trino does not answer.
    """
    kpi, found = reader.kpi, Findings(reader.kpi)
    if reader.missing or reader.never:
        lost = f"table {reader.missing[0]} does not exist" if reader.missing else ""
        # A table that never had a row is no fault of the data: nobody has sent any.
        found.facts.append(_gap(kpi, period, lost or NO_DATA_YET))
        found.notices.append(("gap", lost) if lost else ("empty", NO_DATA_YET))
        return found
    first = period.shift(1 - HISTORY[period.grain])
    cells = reader.series(period.grain, first.start, period.end)
    if period.grain is Grain.DAY:
        days = dict(cells)
    else:
        days = reader.series(Grain.DAY, first.start, period.end)
    before = period.year_before()
    if "year_before" in kpi.compare and before < first:
        cells.update(reader.series(period.grain, before.start, before.end))
    found.series = _series(kpi, cells, first, period)
    _Kpi(reader, period, cells, days, found).tell()
    return found


class _Kpi:
    """Collects the facts of one KPI."""

    def __init__(
        self,
        reader: KpiReader,
        period: Period,
        cells: Mapping[date, Cell],
        days: Mapping[date, Cell],
        found: Findings,
    ) -> None:
        self.reader, self.kpi, self.period = reader, reader.kpi, period
        self.cells, self.days, self.found = cells, days, found

    def tell(self) -> None:
        """Add every fact."""
        cell = self.cells.get(self.period.start)
        if cell is None or cell.value is None:
            reason = f"no data for {self.period.key}"
            self.found.facts.append(_gap(self.kpi, self.period, reason))
            self.found.notices.append(("gap", reason))
            return
        value = self._value(self.kpi.id, self.period, cell.value)
        self.found.facts.append(value)
        whole = self._coverage(cell)
        self._target(value)
        for name in self.kpi.compare:
            other = self.period.shift(-1) if name == "previous" else self.period.year_before()
            self._compare(value, name, other, whole)
        self._past()
        if whole:
            self._rank(value)
            self._trend()
        if self.kpi.by:
            self._members(value, whole)

    def _past(self) -> None:
        """A fact for each period of the series that has none yet."""
        known = {fact.period for fact in self.found.facts if fact.kind is Kind.VALUE}
        for period, number in self.found.series:
            if number is not None and period.key not in known:
                fact = self._value(point_id(self.kpi.id, period.key), period, number)
                self.found.facts.append(fact)

    def _value(self, name: str, period: Period, value: Decimal, entity: str = "") -> Fact:
        return Fact(
            id=name,
            kpi=self.kpi.id,
            label=self.kpi.label,
            kind=Kind.VALUE,
            value=value,
            unit=self.kpi.unit,
            decimals=self.kpi.decimals,
            period=period.key,
            entity=entity,
            good=self.kpi.good,
            source=self.reader.source(period, entity),
        )

    def _coverage(self, cell: Cell) -> bool:
        """Say which days lack rows; whether the period may be compared."""
        expected = len(_expected(self.kpi, self.period))
        final = max(_expected(self.kpi, self.period), default=self.period.start)
        if not any(day >= final for day in self.days):
            # Rows may have come for days after the period.
            last = self.reader.last_day()
            if last is not None and last < final:
                text = f"rows end on {last}, the period on {final}"
                self.found.notices.append(("freshness", text))
        if cell.days < expected:
            self.found.notices.append(("gap", f"rows on {cell.days} of {expected} expected days"))
        return _covered(cell, expected)

    def _target(self, value: Fact) -> None:
        if self.kpi.target is None or value.value is None:
            return
        goal = Decimal(str(self.kpi.target))
        target = value.model_copy(
            update={
                "id": f"{self.kpi.id}.target",
                "kind": Kind.TARGET,
                "value": goal,
                "source": None,
                "decimals": max(0, -int(goal.normalize().as_tuple().exponent)),
            }
        )
        self.found.facts.append(target)
        if goal and self.kpi.unit != "%":
            self._derived(value, target, "share_of_target", Kind.SHARE, "share", value.source)

    def _compare(self, value: Fact, name: str, other: Period, whole: bool) -> None:
        cell = self.cells.get(other.start)
        fact_id = f"{self.kpi.id}.{name}"
        if cell is None or cell.value is None:
            self.found.facts.append(_gap(self.kpi, other, f"no data for {other.key}", fact_id))
            return
        base = self._value(fact_id, other, cell.value)
        self.found.facts.append(base)
        if not whole or not _covered(cell, len(_expected(self.kpi, other))):
            return
        both = self.reader.source(self.period, "", other)
        self._derived(value, base, f"difference.{name}", Kind.DIFFERENCE, "difference", both)
        if self.kpi.unit != "%":
            self._derived(value, base, f"growth.{name}", Kind.GROWTH, "growth", both)

    def _derived(
        self, a: Fact, b: Fact, name: str, kind: Kind, op: str, rows: Source | None
    ) -> None:
        """Add a fact computed from two; nothing where the second is zero and divides."""
        value = derive(op, a.value, b.value)
        if value is None:
            return
        unit, decimals = _measured(op, a)
        self.found.facts.append(
            a.model_copy(
                update={
                    "id": f"{self.kpi.id}.{name}",
                    "kind": kind,
                    "value": value,
                    "unit": unit,
                    "decimals": decimals,
                    "compared_to": b.period if b.period != a.period else "",
                    "derivation": Derivation(op=op, of=(a.id, b.id)),  # type: ignore[arg-type]
                    "source": self._computed(op, a, b, rows),
                }
            )
        )

    def _computed(self, op: str, a: Fact, b: Fact, rows: Source | None) -> Source | None:
        """The source of a fact computed from two; a target, which no row gives, is a constant."""
        if a.source is None or rows is None:
            return None
        other = b.source or a.source.model_copy(update={"sql": f"SELECT {b.value}"})
        return self.reader.computed(_SQL[op], a.source, other, rows.rows_sql)

    def _rank(self, value: Fact) -> None:
        known = [(period, number) for period, number in self.found.series if number is not None]
        if len(known) < RANKED or value.value is None:
            return
        if sum(1 for _, number in known if number == value.value) > 1:
            # A place that is shared is neither this one nor the next, and may be all the same.
            return
        rank = 1 + sum(1 for _, number in known if number > value.value)
        self.found.facts.append(
            value.model_copy(
                update={
                    "id": f"{self.kpi.id}.rank",
                    "kind": Kind.RANK,
                    "value": Decimal(rank),
                    "unit": "",
                    "decimals": 0,
                    "compared_to": known[0][0].key,
                    "among": len(known),
                    "source": self.reader.ranked([period for period, _ in known]),
                }
            )
        )

    def _trend(self) -> None:
        days = {day: cell.value for day, cell in self.days.items() if cell.value is not None}
        length = (self.period.end - self.period.start).days
        change = trend(days, self.kpi.quiet, self.period.end, length)
        if change is None:
            return
        self.found.facts.append(
            self.found.facts[0].model_copy(
                update={
                    "id": f"{self.kpi.id}.trend",
                    "kind": Kind.TREND,
                    "value": change,
                    "unit": "%",
                    "decimals": 1,
                    "compared_to": Period.of(min(days), self.period.grain).key,
                    "source": self.reader.daily(min(days), self.period.end),
                }
            )
        )

    def _members(self, value: Fact, whole: bool) -> None:
        by = self.kpi.by
        if by is None:
            return
        now = self.reader.members(self.period)
        other = self.period.shift(-1)
        previous = self.cells.get(other.start)
        compared = (
            whole
            and previous is not None
            and _covered(previous, len(_expected(self.kpi, other)))
            and "previous" in self.kpi.compare
        )
        then = self.reader.members(other) if compared else {}
        sizes = {name: cell.value for name, cell in now.items() if cell.value is not None}
        changes = {
            name: sizes.get(name, Decimal(0)) - _known(then.get(name)) for name in {*sizes, *then}
        }
        stems = member_slugs([*sizes, *then])
        largest = sorted(sizes, key=lambda name: (-sizes[name], name))[: by.top]
        moved = sorted(changes, key=lambda name: (-abs(changes[name]), name))[: by.top]
        for name in dict.fromkeys([*largest, *(moved if compared else [])]):
            stem = f"{by.column}.{stems[name]}"
            self._member(
                value, name, stem, sizes.get(name), then.get(name), other, compared=compared
            )

    def _member(
        self,
        whole: Fact,
        name: str,
        stem: str,
        size: Decimal | None,
        then: Cell | None,
        other: Period,
        *,
        compared: bool,
    ) -> None:
        """A member's value, share of the whole and contribution to its change.

        A member without rows in a period in which the whole has some adds nothing to a sum: its
        part is zero, not a gap.
        """
        fact = self._value(f"{self.kpi.id}.{stem}", self.period, size or Decimal(0), name)
        self.found.facts.append(fact)
        if whole.value and fact.value and fact.value > 0:
            self._derived(fact, whole, f"{stem}.share", Kind.SHARE, "share", fact.source)
        if compared:
            base = self._value(f"{self.kpi.id}.{stem}.previous", other, _known(then), name)
            self.found.facts.append(base)
            both = self.reader.source(self.period, name, other)
            self._derived(fact, base, f"{stem}.contribution", Kind.CONTRIBUTION, "difference", both)


_SQL = {
    "difference": "coalesce({a}, 0) - coalesce({b}, 0)",
    "growth": "100e0 * ({a} - {b}) / abs({b})",
    "share": "100e0 * {a} / {b}",
}


def derive(op: str, a: Decimal | None, b: Decimal | None) -> Decimal | None:
    """``difference`` a - b, ``growth`` 100 (a - b) / |b|, ``share`` 100 a / b, to six places.

    None where a side is missing, or divides and is zero.
    """
    if a is None or b is None or (op != "difference" and b == 0):
        return None
    if op == "difference":
        value = a - b
    elif op == "growth":
        value = _HUNDRED * (a - b) / abs(b)
    else:
        value = _HUNDRED * a / b
    return exact(value)


def _measured(op: str, a: Fact) -> tuple[str, int]:
    """Unit and decimals of what is computed: ratios are %, differences of % are points."""
    if op != "difference":
        return "%", 1
    return ("pp", 1) if a.unit == "%" else (a.unit, a.decimals)


def slug(name: str) -> str:
    """A member's name as part of a fact id: letters and digits of any script, dashes between."""
    return re.sub(r"[\W_]+", "-", name.casefold()).strip("-") or "unnamed"


def member_slugs(names: Iterable[str]) -> dict[str, str]:
    """Each member's part of a fact id, no two alike.

    Members whose slugs are the same ("EIRE" and "Eire") get a digest of their name behind it, so
    that an id stands for one name, whoever else is in the data.
    """
    unique = dict.fromkeys(names)
    counts = Counter(slug(name) for name in unique)
    found = {}
    for name in unique:
        stem = slug(name)
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        found[name] = stem if counts[stem] == 1 else f"{stem}-{digest}"
    return found


def _expected(kpi: Kpi, period: Period) -> list[date]:
    days = (period.start + timedelta(days=n) for n in range((period.end - period.start).days))
    return [day for day in days if day.weekday() not in kpi.quiet]


def _covered(cell: Cell, expected: int) -> bool:
    return cell.days >= COMPARABLE * expected


def _series(
    kpi: Kpi, cells: Mapping[date, Cell], first: Period, last: Period
) -> list[tuple[Period, Decimal | None]]:
    """From the first period with a value on; what is missing or thin between is None."""
    series: list[tuple[Period, Decimal | None]] = []
    period = first
    while period <= last:
        cell = cells.get(period.start)
        known = cell and (period == last or _covered(cell, len(_expected(kpi, period))))
        value = cell.value if cell and known else None
        if series or value is not None:
            series.append((period, value))
        period = period.shift(1)
    return series


def _known(cell: Cell | None) -> Decimal:
    return cell.value if cell and cell.value is not None else Decimal(0)


def _gap(kpi: Kpi, period: Period, reason: str, fact_id: str = "") -> Fact:
    return Fact(
        id=fact_id or kpi.id,
        kpi=kpi.id,
        label=kpi.label,
        kind=Kind.VALUE,
        value=None,
        unit=kpi.unit,
        decimals=kpi.decimals,
        period=period.key,
        good=kpi.good,
        gap=reason,
    )
