"""Arithmetic of facts: changes, trends, ids."""

from __future__ import annotations

import math
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from reports.facts.analysis import derive, slug
from reports.facts.query import PLACES, to_decimal
from reports.facts.season import trend

NUMBERS = st.decimals(-(10**9), 10**9, places=4)
START = date(2026, 1, 5)


@given(NUMBERS, NUMBERS)
def test_a_change_leads_back(a: Decimal, b: Decimal) -> None:
    difference = derive("difference", a, b)
    assert difference is not None
    assert b + difference == a
    growth = derive("growth", a, b)
    if b == 0:
        assert growth is None
        return
    assert growth is not None
    assert (growth > 0) == (a > b) or abs(growth) < PLACES
    assert abs(b + abs(b) * growth / 100 - a) <= abs(b) * PLACES


def test_what_is_missing_changes_nothing() -> None:
    assert derive("difference", None, Decimal(1)) is None
    assert derive("share", Decimal(1), Decimal(0)) is None


@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(10**15), 10**15) | st.none())
def test_values_are_exact_or_missing(value: float | int | None) -> None:
    number = to_decimal(value)
    if value is None or not math.isfinite(value):
        assert number is None
    elif abs(value) < 10**20:
        assert number is not None
        assert abs(number - Decimal(repr(value))) <= PLACES


def daily(slope: float, weeks: int, quiet: frozenset[int] = frozenset()) -> dict[date, Decimal]:
    """A level of 1,000 on the last day, a strong week, and a steady slope a day."""
    season = [0, 80, -60, 120, 40, -200, 20]
    days = [START + timedelta(days=n) for n in range(7 * weeks)]
    return {
        day: Decimal(repr(1000 + slope * n + season[day.weekday()]))
        for n, day in enumerate(days)
        if day.weekday() not in quiet
    }


@given(st.sampled_from([-4.0, -1.0, 0.0, 2.0, 5.0]), st.integers(5, 12))
def test_a_trend_is_found_beneath_its_season(slope: float, weeks: int) -> None:
    days = daily(slope, weeks)
    found = trend(days, frozenset(), START + timedelta(days=7 * weeks), 7)
    mean = 1000 + slope * (7 * weeks - 1) / 2
    assert found is not None
    assert abs(float(found) - 100 * slope * 7 / mean) < 0.3


def test_quiet_days_are_no_holes() -> None:
    end = START + timedelta(days=56)
    assert trend(daily(3, 8, frozenset({5})), frozenset({5}), end, 7) is not None
    sparse = {day: value for day, value in daily(3, 8).items() if day.weekday() < 4}
    assert trend(sparse, frozenset(), end, 7) is None
    assert trend(daily(3, 3), frozenset(), START + timedelta(days=21), 7) is None
    assert trend({}, frozenset(), end, 7) is None


def test_names_of_members_in_any_script() -> None:
    assert slug("United Kingdom") == "united-kingdom"
    assert slug("Côte d'Ivoire") == "côte-d-ivoire"
    assert slug("日本") == "日本"
    assert slug("--") == "unnamed"
