"""Two periods of a report side by side."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from reports.document import Report
from reports.facts.model import Fact, Kind
from reports.wording import format_value


@dataclass(frozen=True)
class Line:
    """A fact in two periods.

    Attributes:
        fact: of the later period, or of the earlier where the later has none.
        before: of the earlier period.
        after: of the later period.
        difference: after less before, in words; in percentage points for shares; empty where
            one is missing or the units differ.
        growth: the difference relative to the earlier value, in words; empty for shares and
            where the earlier value is zero.
        verdict: ``better``, ``worse`` or empty, by the direction that is good.
    """

    fact: Fact
    before: Fact | None
    after: Fact | None
    difference: str
    growth: str
    verdict: str


def compare(before: Report, after: Report) -> list[Line]:
    """Values of the two periods themselves, and targets, in the order of the later report."""
    earlier, later = _values(before), _values(after)
    order = [*later, *(fact_id for fact_id in earlier if fact_id not in later)]
    return [_line(earlier.get(key), later.get(key), after.language) for key in order]


def _values(report: Report) -> dict[str, Fact]:
    # Changes are facts too, but the change of a change says nothing to a reader.
    kept = (Kind.VALUE, Kind.SHARE, Kind.TARGET)
    return {
        fact.id: fact for fact in report.facts if fact.kind in kept and fact.period == report.period
    }


def _line(before: Fact | None, after: Fact | None, language: str) -> Line:
    fact = after or before
    assert fact is not None  # noqa: S101 (ids come from one of the two)
    if before is None or after is None or before.unit != after.unit:
        return Line(fact, before, after, "", "", "")
    if before.value is None or after.value is None:
        return Line(fact, before, after, "", "", "")
    change = after.value - before.value
    share = fact.unit == "%"
    growth = ""
    if not share and before.value:
        # Growth as facts define it: (a - b) / |b|, in %.
        relative = change / abs(before.value) * 100
        growth = format_value(relative, "%", 1, language, signed=True)
    return Line(
        fact,
        before,
        after,
        format_value(change, "pp" if share else fact.unit, fact.decimals, language, signed=True),
        growth,
        _verdict(change, fact.good),
    )


def _verdict(change: Decimal, good: str) -> str:
    if not change or good == "none":
        return ""
    return "better" if (change > 0) == (good == "up") else "worse"
