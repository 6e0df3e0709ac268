"""Ranks of a KPI: the place, among how many periods, and when there is nothing to tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from reports.definition import Kpi
from reports.facts.analysis import RANKED, analyse
from reports.facts.model import Fact, Kind, Source
from reports.facts.query import Cell
from reports.periods import Grain, Period

WEEK = Period.parse("2010-W50", Grain.WEEK)
SOURCE = Source(sql="select 1", snapshots={}, rows_sql="select 1", assets=())


class Weeks:
    """Answers as a KpiReader does: a value a week up to :data:`WEEK`, None where rows lack."""

    missing: tuple[str, ...] = ()
    never = False

    def __init__(self, values: Sequence[int | None]) -> None:
        self.kpi = Kpi(id="sales", label="Sales", sql="sales.sql", value="sum(x)", compare=())
        first = WEEK.shift(1 - len(values))
        self._values = {first.shift(n): v for n, v in enumerate(values) if v is not None}

    def series(self, grain: Grain, start: date, end: date) -> dict[date, Cell]:
        cells = {week.start: Cell(Decimal(value), 7) for week, value in self._values.items()}
        if grain is Grain.DAY:
            cells = {day + timedelta(days=n): Cell(cell.value, 1)
                     for day, cell in cells.items() for n in range(7)}  # fmt: skip
        return {day: cell for day, cell in cells.items() if start <= day < end}

    def last_day(self) -> date:
        return WEEK.end - timedelta(days=1)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: SOURCE


def rank(values: Sequence[int | None]) -> Fact | None:
    reader: Any = Weeks(values)
    found = [fact for fact in analyse(reader, WEEK).facts if fact.kind is Kind.RANK]
    return found[0] if found else None


@pytest.mark.parametrize(
    ("values", "place", "among", "since"),
    [
        ([5, 1, 2, 9, 8, 7, 6, 4], 6, 8, 8),
        ([5, 1, 2, 9], 1, 4, 4),
        # Weeks without data are not counted, and no week is counted in their place.
        ([5, None, None, 9, 8, 7, None, 4], 5, 5, 8),
        # Sixteen weeks are read; what is older is not compared.
        ([99] * 9 + list(range(16)), 1, 16, 16),
    ],
)
def test_a_rank_says_among_how_many_periods(
    values: list[int | None], place: int, among: int, since: int
) -> None:
    found = rank(values)
    assert found is not None
    assert (found.value, found.among) == (place, among)
    assert found.compared_to == WEEK.shift(1 - since).key


@pytest.mark.parametrize(
    "values", [[7] * 8, [5, 1, 2, 5], [1, 2, 3][: RANKED - 1], [None, 3, None, 4, 5]]
)
def test_a_shared_place_and_one_among_few_are_not_told(values: list[int | None]) -> None:
    assert rank(values) is None
