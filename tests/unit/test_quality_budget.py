"""When the whole suite fits into a batch's time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.quality.budget import KEEP, SHARE, SuiteBudget

TIMINGS = st.lists(
    st.tuples(st.integers(0, 10**7), st.floats(0, 10**4, allow_nan=False)), min_size=1, max_size=40
)
ROWS = st.integers(0, 10**8)


def budget(timings: list[tuple[int, float]]) -> SuiteBudget:
    made = SuiteBudget()
    for rows, seconds in timings:
        made.record(rows, seconds)
    return made


def test_nothing_fits_before_the_first_timing() -> None:
    assert SuiteBudget().predict(10) is None
    assert not SuiteBudget().fits(0, 1e9)


@given(TIMINGS, ROWS, ROWS)
def test_a_prediction_is_never_negative_and_never_falls_as_rows_grow(
    timings: list[tuple[int, float]], one: int, other: int
) -> None:
    made = budget(timings)
    fewer, more = sorted((one, other))
    low, high = made.predict(fewer), made.predict(more)
    assert low is not None
    assert high is not None
    assert 0 <= low <= high * (1 + 1e-9) + 1e-9


@given(st.floats(0.001, 10), st.floats(1e-7, 1e-3), ROWS)
def test_a_line_is_found_again(constant: float, slope: float, rows: int) -> None:
    made = budget([(size, constant + slope * size) for size in (100, 1_000, 50_000)])
    assert made.predict(rows) == pytest.approx(constant + slope * rows, rel=1e-3, abs=1e-6)


@given(TIMINGS, ROWS, st.floats(0, 10**6))
def test_it_fits_exactly_under_a_tenth_of_the_batch(
    timings: list[tuple[int, float]], rows: int, batch: float
) -> None:
    made = budget(timings)
    predicted = made.predict(rows)
    assert predicted is not None
    assert made.fits(rows, batch) == (predicted < SHARE * batch)


@given(st.integers(1, 10**6), st.floats(0.01, 100))
def test_one_size_is_read_with_caution(rows: int, seconds: float) -> None:
    made = budget([(rows, seconds)] * 3)
    assert made.predict(0) == pytest.approx(seconds)
    assert made.predict(rows * 10) == pytest.approx(seconds * 10)


def test_old_timings_are_forgotten() -> None:
    made = budget([(1_000, 100.0)] + [(1_000, 1.0)] * KEEP)
    assert made.predict(1_000) == pytest.approx(1.0)


@pytest.mark.parametrize(("rows", "seconds"), [(-1, 1.0), (1, -0.5)])
def test_a_negative_timing_is_refused(rows: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="monotonic clock"):
        SuiteBudget().record(rows, seconds)
