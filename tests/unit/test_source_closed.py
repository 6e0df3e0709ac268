"""Times in which a source is not read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from platform_assets.connectors.seam.closed import Closed, closed_until

BERLIN = ZoneInfo("Europe/Berlin")


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-03-02T01:59:59", None),
        ("2026-03-02T02:00:00", "2026-03-02T04:30:00"),
        ("2026-03-02T04:29:59", "2026-03-02T04:30:00"),
        ("2026-03-02T04:30:00", None),
        # The day on which the clock goes forward at two.
        ("2026-03-29T03:10:00", "2026-03-29T04:30:00"),
    ],
)
def test_hours_are_of_the_zones_clock(now: str, end: str | None) -> None:
    found = Closed(hours="02:00-04:30", zone="Europe/Berlin").until(berlin(now))
    assert found == (berlin(end) if end else None)


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    friday = Closed(hours="22:00-06:00", days=["fri"])
    assert friday.until(datetime(2026, 3, 6, 23, tzinfo=UTC)) == datetime(2026, 3, 7, 6, tzinfo=UTC)
    assert friday.until(datetime(2026, 3, 7, 5, tzinfo=UTC)) == datetime(2026, 3, 7, 6, tzinfo=UTC)
    assert friday.until(datetime(2026, 3, 7, 23, tzinfo=UTC)) is None
    assert friday.until(datetime(2026, 3, 6, 5, tzinfo=UTC)) is None


def test_cron_lasts_its_minutes_from_its_start() -> None:
    sundays = Closed(cron="0 3 * * 0", minutes=90, zone="Europe/Berlin")
    assert sundays.until(berlin("2026-03-01T03:00:00")) == berlin("2026-03-01T04:30:00")
    assert sundays.until(berlin("2026-03-01T04:29:59")) == berlin("2026-03-01T04:30:00")
    assert sundays.until(berlin("2026-03-01T04:30:00")) is None
    assert sundays.until(berlin("2026-03-02T03:30:00")) is None


@given(st.integers(0, 6 * 365 * 86_400), st.integers(1, 1439))
def test_cron_and_hours_say_the_same(seconds: int, minutes: int) -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    end = (datetime(2026, 1, 1, 20, tzinfo=UTC) + timedelta(minutes=minutes)).strftime("%H:%M")
    hours = Closed(hours=f"20:00-{end}")
    assert hours.until(moment) == Closed(cron="0 20 * * *", minutes=minutes).until(moment)


def test_of_several_the_last_end_counts() -> None:
    now = datetime(2026, 3, 2, 3, tzinfo=UTC)
    times = [Closed(hours="02:00-04:00"), Closed(hours="02:30-05:00"), Closed(hours="06:00-07:00")]
    assert closed_until(times, now) == datetime(2026, 3, 2, 5, tzinfo=UTC)
    assert closed_until([], now) is None


@pytest.mark.parametrize(
    ("given_", "reason"),
    [
        ({"hours": "2-4"}, "expected HH:MM-HH:MM"),
        ({"hours": "02:00-24:00"}, "expected HH:MM-HH:MM"),
        ({}, "either `hours` or `cron`"),
        ({"cron": "0 3 * * 0"}, "expected `minutes`"),
        ({"cron": "0 3 * *", "minutes": 5}, "five fields"),
        ({"hours": "02:00-03:00", "zone": "Mars"}, "expected a zone"),
    ],
)
def test_what_is_wrong_is_said(given_: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Closed.model_validate(given_)
