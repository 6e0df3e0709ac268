"""Laws of periods."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.periods import Grain, Period, PeriodError

PERIODS = st.builds(
    Period.of, st.dates(date(1971, 1, 1), date(2099, 1, 1)), st.sampled_from(list(Grain))
)


@given(PERIODS)
def test_a_key_leads_back(period: Period) -> None:
    assert Period.parse(period.key, period.grain) == period


@given(PERIODS, st.integers(-60, 60))
def test_neighbours_touch_and_sort_like_their_keys(period: Period, steps: int) -> None:
    other = period.shift(steps)
    assert other.shift(-steps) == period
    assert period.shift(1).start == period.end
    assert (other.key < period.key) == (steps < 0)


@given(PERIODS, st.integers(0, 40))
def test_every_day_of_a_period_belongs_to_it(period: Period, offset: int) -> None:
    days = (period.end - period.start).days
    assert Period.of(period.start + timedelta(days=offset % days), period.grain) == period


def test_a_year_before_keeps_weekdays() -> None:
    assert Period.parse("2010-W50", Grain.WEEK).year_before().key == "2009-W51"
    day = Period.parse("2010-12-13", Grain.DAY)
    assert day.year_before().start.weekday() == day.start.weekday()
    assert Period.parse("2012-02", Grain.MONTH).year_before().key == "2011-02"


@pytest.mark.parametrize(
    ("key", "grain"),
    [("2010-50", Grain.WEEK), ("2010-W54", Grain.WEEK), ("2010-W5", Grain.WEEK),
     ("2010-13", Grain.MONTH), ("2010-02-30", Grain.DAY), ("yesterday", Grain.DAY),
     ("", Grain.WEEK)],
)  # fmt: skip
def test_a_wrong_key_is_refused_with_an_example(key: str, grain: Grain) -> None:
    with pytest.raises(PeriodError, match="write it as 2010-"):
        Period.parse(key, grain)
