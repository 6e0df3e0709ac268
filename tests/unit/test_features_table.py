"""The feature table: days are replaced whole, and come back as they were at any version."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from deltalake import write_deltalake
from polars.testing import assert_frame_equal

from ml.features import daily, table
from ml.features.errors import FeatureError
from ml.features.user import FEATURES
from ml.models.purchase.spec import SPEC
from ml.training.dataset import days_without_features
from platform_assets.core.settings import Settings

FIRST = date(2026, 3, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(12)]


@pytest.fixture
def lake(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def write_silver(lake: Settings, events: pl.DataFrame) -> None:
    """Events as silver has them, as far as features read them."""
    dated = events.with_columns(pl.col("timestamp").dt.date().alias("event_date"))
    path = f"{lake.lake_root}/{daily.CLICKS.silver.path}"
    write_deltalake(path, dated.to_arrow(), mode="append", partition_by=["event_date"])


def clicks(count: int, days: list[date] = DAYS, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    start = int(daily.midnight(days[0]).timestamp()) * 1_000_000
    times = start + rng.integers(0, len(days) * 86_400_000_000, count)
    return pl.DataFrame(
        {
            "user_id": rng.integers(1, 40, count),
            "event_type": rng.choice(["view", "cart", "purchase"], count, p=[0.85, 0.1, 0.05]),
            "price": rng.random(count).round(2),
            "timestamp": pl.Series(times).cast(pl.Datetime("us", "UTC")),
        }
    )


def test_many_days_in_one_pass_are_what_each_day_is_alone(lake: Settings, tmp_path: Path) -> None:
    write_silver(lake, clicks(600))
    daily.write(lake, DAYS, history_days=5, active_days=3)
    alone = Settings(home=tmp_path / "alone")
    write_silver(alone, clicks(600))
    for day in reversed(DAYS):
        daily.write(alone, [day], history_days=5, active_days=3)
    whole = table.read_days(lake, DAYS[0], DAYS[-1])
    assert_frame_equal(whole, table.read_days(alone, DAYS[0], DAYS[-1]), check_exact=True)
    assert whole.columns == ["user_id", "at", *FEATURES, table.DATE]
    assert whole["at"].to_list() == [
        daily.midnight(day) + timedelta(days=1) for day in whole[table.DATE]
    ]


def test_a_day_has_the_users_seen_in_its_last_days_and_nobody_else(lake: Settings) -> None:
    events = clicks(60)
    write_silver(lake, events)
    daily.write(lake, DAYS, active_days=3)
    for day in DAYS:
        end = daily.midnight(day) + timedelta(days=1)
        seen = events.filter(pl.col("timestamp").is_between(end - timedelta(days=3), end, "left"))
        found = table.read_days(lake, day, day)["user_id"].to_list()
        assert found == sorted(seen["user_id"].unique())


def test_writing_a_day_again_replaces_that_day_and_no_other(lake: Settings) -> None:
    write_silver(lake, clicks(400))
    first = daily.write(lake, DAYS[:6])
    before = table.read_days(lake, DAYS[0], DAYS[5])
    late = clicks(200, DAYS[2:3], seed=1)
    write_silver(lake, late)
    again = daily.write(lake, [DAYS[2]])
    assert again.version > first.version
    assert again.silver_version > first.silver_version
    now = table.read_days(lake, DAYS[0], DAYS[5])
    others = pl.col(table.DATE) != DAYS[2]
    assert_frame_equal(now.filter(others), before.filter(others), check_exact=True)
    # What came late is in the day that was made again.
    that = now.filter(~others)
    assert that["events_total"].sum() > before.filter(~others)["events_total"].sum()
    old = table.read_days(lake, DAYS[0], DAYS[5], version=first.version)
    assert_frame_equal(old, before, check_exact=True)


def test_a_day_without_users_is_emptied(lake: Settings) -> None:
    write_silver(lake, clicks(50))
    daily.write(lake, DAYS[:3])
    table.write_days(lake, DAYS[:1], pl.DataFrame(schema=table.schema()))
    assert table.read_days(lake, DAYS[0], DAYS[0]).is_empty()
    assert not table.read_days(lake, DAYS[1], DAYS[2]).is_empty()


def test_rows_of_another_day_are_refused(lake: Settings) -> None:
    write_silver(lake, clicks(50))
    rows = daily.compute(daily.open_silver(lake), DAYS[:2], history_days=2, active_days=2)
    with pytest.raises(FeatureError, match="do not belong"):
        table.write_days(lake, DAYS[:1], rows)


def test_two_writers_at_once_lose_and_double_nothing(lake: Settings) -> None:
    write_silver(lake, clicks(600))
    daily.write(lake, DAYS[:1])
    halves = (DAYS[:7], DAYS[5:])
    writers = [threading.Thread(target=daily.write, args=(lake, half)) for half in halves]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    expected = daily.compute(daily.open_silver(lake), DAYS, history_days=28, active_days=7)
    found = table.read_days(lake, DAYS[0], DAYS[-1])
    assert_frame_equal(found, expected.sort("at", "user_id"), check_exact=True)


def test_what_is_not_there_is_named_with_the_remedy(lake: Settings) -> None:
    with pytest.raises(
        FeatureError, match=r"silver\.commerce\.clickstream.*weir up, weir simulate"
    ):
        daily.write(lake, DAYS)
    with pytest.raises(FeatureError, match=r"features\.commerce\.user_features.*materialise"):
        table.read_days(lake, FIRST, FIRST)


def test_the_newest_event_is_found_whatever_the_file(lake: Settings) -> None:
    events = clicks(100)
    write_silver(lake, events)
    write_silver(lake, clicks(5, [datetime(2026, 2, 1, tzinfo=UTC).date()]))
    assert daily.newest_event(daily.open_silver(lake)) == events["timestamp"].max()


def test_the_days_of_which_somebody_has_features_are_those_that_get_rows(lake: Settings) -> None:
    events = pl.concat([clicks(20, [DAYS[0]]), clicks(20, [FIRST + timedelta(days=20)])])
    write_silver(lake, events)
    days = [FIRST + timedelta(days=number) for number in range(-3, 40)]
    written = daily.write(lake, days)
    populated = daily.populated_days(daily.open_silver(lake))
    assert populated == {day for day, rows in written.rows.items() if rows}
    assert populated == table.days(lake)
    assert days_without_features(lake, SPEC) == []
