"""A series under watch: seasons, level shifts, several signals, and its memory."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ml.anomaly.definition import Stream
from ml.anomaly.errors import OtherFormError
from ml.anomaly.incidents import Kind
from ml.anomaly.model import maker
from ml.anomaly.series import Happened, MakeDetector, Reading, Series

QUARTER = 900.0
DAY = 96


def stream(signals: int = 1, **changes: object) -> Stream:
    return Stream.model_validate(
        {
            "name": "test",
            "title": "Test",
            "table": "industry.machine_readings",
            "key": "machine_id",
            "owner": "a@b.example",
            "signals": [
                {"name": f"s{n}", "column": "vibration_mm_s"} for n in range(signals)
            ],
            "warm_up": 400,
            "rate": 5e-4,
            **changes,
        }
    )  # fmt: skip


def daily(days: int, seed: int = 0) -> np.ndarray:
    """Quarter-hours with the shape of a day, a weekly slope and a little noise."""
    rows = np.arange(DAY * days)
    noise = np.random.default_rng(seed).normal(scale=0.5, size=rows.size)
    return 50 + 10 * np.sin(2 * np.pi * rows / DAY) + noise


def run(series: Series, values: np.ndarray, first: int = 0) -> list[Happened]:
    told = []
    for row, point in enumerate(np.atleast_2d(values.T).T.tolist(), first):
        at = row * QUARTER
        readings = series.score(at, {f"s{n}": value for n, value in enumerate(point)})
        told += series.tell(at, readings)
    return told


def kinds(told: list[Happened]) -> list[Kind]:
    return [one.event.kind for one in told]


@pytest.mark.parametrize("seed", range(3))
def test_a_daily_season_does_not_alarm(seed: int) -> None:
    # 1,420 intervals after the warm-up at a rate of 1 in 2,000.
    told = run(Series(stream(), "a", maker("same_time_of_day")), daily(20, seed))
    assert kinds(told).count(Kind.OPENED) <= 1


def test_a_level_shift_alarms_once_and_then_is_the_new_level() -> None:
    values = daily(30)
    values[20 * DAY :] += 30.0
    told = run(Series(stream(), "a", maker("neighbours")), values)
    opened = [one.event for one in told if one.event.kind is Kind.OPENED]
    ended = [one.event for one in told if one.event.kind is Kind.RECOVERED]
    shifted = 20 * DAY * QUARTER
    assert [0 <= event.at - shifted < 4 * QUARTER for event in opened] == [True]
    # Two days of the new level are enough to know it.
    assert [event.at - shifted < 2 * DAY * QUARTER for event in ended] == [True]


def test_one_strange_signal_makes_the_incident_and_is_named_first() -> None:
    calm = np.column_stack([daily(12, seed) for seed in (1, 2, 3)])
    calm[10 * DAY : 10 * DAY + 5, 1] += 60.0
    told = run(Series(stream(3), "a", maker("left_profile")), calm)
    assert kinds(told)[0] is Kind.OPENED
    assert told[0].event.at == 10 * DAY * QUARTER
    assert told[0].readings[0].signal == "s1"
    assert [one.ratio > 1.0 for one in told[0].readings] == [True, False, False]
    assert kinds(told)[-1] is Kind.RECOVERED
    assert told[-1].readings[0].signal == "s1"


def test_nothing_is_strange_during_the_warm_up() -> None:
    values = daily(5)
    values[300] += 1e6
    series = Series(stream(), "a", maker("robust_z"))
    assert run(series, values[: 400 - 1]) == []


def test_a_threshold_is_never_below_the_rate_in_decimals() -> None:
    series = Series(stream(rate=1e-3), "a", maker("robust_z"))
    found = [series.score(n * QUARTER, {"s0": 5.0})[0].threshold for n in range(600)]
    # A constant series: every score is 0, and peaks over threshold alone would set it to 0.
    assert found[399:401] == [float("inf"), pytest.approx(3.0)]
    assert min(found) == pytest.approx(3.0)
    assert Reading("s", 1.0, 9.0, float("inf")).ratio == 0.0


@pytest.mark.parametrize("cut", [0, 150, 10 * DAY + 2, 10 * DAY + 7])
def test_stopped_anywhere_it_tells_what_one_that_never_stopped_tells(cut: int) -> None:
    values = daily(12)
    values[10 * DAY : 10 * DAY + 5] += 60.0
    make: MakeDetector = maker("robust_z")
    whole = run(Series(stream(), "a", make), values)
    first, second = Series(stream(), "a", make), Series(stream(), "a", make)
    told = run(first, values[:cut]) if cut else []
    second.remember(first.memory())
    second.stand(json.loads(json.dumps(first.standing())))
    assert told + run(second, values[cut:], cut) == whole
    assert whole


def test_a_memory_of_another_form_is_refused_as_such() -> None:
    written = Series(stream(), "a", maker("left_profile"))
    run(written, daily(1))
    with pytest.raises(OtherFormError, match="memory of series a lacks"):
        Series(stream(), "a", maker("neighbours")).remember(written.memory())
