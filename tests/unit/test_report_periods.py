"""Laws of periods."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from dagster._utils.schedules import schedule_execution_time_iterator
from hypothesis import example, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from reports.periods import Grain, Period, PeriodError, has_whole_hours, is_utc

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


# Zones

ZONES = (
    "UTC", "Europe/London", "Asia/Tokyo", "America/New_York", "America/St_Johns", "Asia/Kolkata",
    "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Kiritimati",
    "Pacific/Pago_Pago", "Africa/Cairo", "America/Santiago", "Asia/Beirut", "Atlantic/Azores",
    "America/Havana", "Africa/Casablanca",
)  # fmt: skip
MOMENTS = st.datetimes(
    datetime(2015, 1, 1),  # noqa: DTZ001 (hypothesis wants it plain)
    datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(PERIODS, st.sampled_from(ZONES))
def test_periods_of_a_zone_touch(period: Period, zone: str) -> None:
    start, end = period.bounds(zone)
    assert start < end
    assert period.shift(1).bounds(zone)[0] == end
    assert start.astimezone(ZoneInfo(zone)).date() == period.start


@given(MOMENTS, st.sampled_from(list(Grain)), st.sampled_from(ZONES))
def test_the_latest_period_is_the_last_one_that_is_over(
    now: datetime, grain: Grain, zone: str
) -> None:
    latest = Period.latest(now, grain, zone)
    assert latest.bounds(zone)[1] <= now < latest.shift(1).bounds(zone)[1]


@effort(max_examples=150)
@given(
    MOMENTS,
    st.sampled_from(list(Grain)),
    st.sampled_from(ZONES),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 6),
)
@example(datetime(2026, 3, 1, tzinfo=UTC), Grain.WEEK, "Europe/London", 0, 30, 1)
@example(datetime(2026, 10, 1, tzinfo=UTC), Grain.WEEK, "Europe/London", 0, 30, 1)
@example(datetime(2026, 10, 1, tzinfo=UTC), Grain.DAY, "Europe/London", 1, 30, 1)
@example(datetime(2026, 3, 1, tzinfo=UTC), Grain.DAY, "Europe/London", 1, 30, 1)
@example(datetime(2026, 4, 1, tzinfo=UTC), Grain.DAY, "Africa/Cairo", 0, 0, 1)
@example(datetime(2026, 3, 20, tzinfo=UTC), Grain.DAY, "America/Santiago", 23, 30, 1)
@example(datetime(2026, 3, 20, tzinfo=UTC), Grain.DAY, "Australia/Lord_Howe", 1, 45, 1)
@example(datetime(2026, 1, 5, tzinfo=UTC), Grain.WEEK, "Asia/Tokyo", 0, 30, 1)
def test_one_tick_after_another_gives_one_period_after_another(
    start: datetime, grain: Grain, zone: str, hour: int, minute: int, weekday: int
) -> None:
    """As Dagster ticks; where clocks go back a time may come twice, and its period is one."""
    on = {Grain.DAY: "* * *", Grain.WEEK: f"* * {weekday}", Grain.MONTH: f"{weekday + 1} * *"}
    ticks = schedule_execution_time_iterator(
        start.timestamp(), f"{minute} {hour} {on[grain]}", zone
    )
    asked = [Period.latest(tick, grain, zone) for tick in islice(ticks, 40)]
    for one, other in pairwise(dict.fromkeys(asked)):
        assert other == one.shift(1)
    repeats = len(asked) - len(set(asked))
    assert repeats <= (1 if grain is Grain.DAY else 0)


def test_a_report_of_a_mornings_first_hour_is_of_the_week_that_just_ended() -> None:
    for zone, at in (("Asia/Tokyo", 15), ("Europe/London", 23)):
        monday = datetime(2026, 6, 7, at, 30, tzinfo=UTC)
        assert Period.latest(monday, Grain.WEEK, zone).key == "2026-W23"
        assert Period.latest(monday, Grain.WEEK, "UTC").key == "2026-W22"


def test_zones_whose_days_hours_and_days_of_utc_add_up_to() -> None:
    assert {zone for zone in ZONES if is_utc(zone)} == {"UTC"}
    assert {zone for zone in ZONES if not has_whole_hours(zone)} == {
        "America/St_Johns", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
        "Pacific/Chatham",
    }  # fmt: skip
