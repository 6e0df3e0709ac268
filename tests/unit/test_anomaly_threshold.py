"""Thresholds by extreme values: known tails, the promised rate, warm-up and drift."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ml.anomaly.errors import AnomalyError
from ml.anomaly.threshold import PEAKS, Spot, Tail, fit_tail, level


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.3])
def test_the_fit_finds_the_tail_that_made_the_values(shape: float) -> None:
    values = stats.genpareto.rvs(shape, scale=2.0, size=4000, random_state=7)
    tail = fit_tail(values)
    assert tail.shape == pytest.approx(shape, abs=0.08)
    assert tail.scale == pytest.approx(2.0, rel=0.1)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([-0.3, -0.1, 0.0, 0.2, 0.6]), st.floats(0.01, 1e3))
def test_the_fit_is_as_likely_as_what_made_the_values(
    seed: int, shape: float, scale: float
) -> None:
    values = stats.genpareto.rvs(shape, scale=scale, size=200, random_state=seed)
    tail = fit_tail(values)
    found = stats.genpareto.logpdf(values, tail.shape, scale=tail.scale).sum()
    truth = stats.genpareto.logpdf(values, shape, scale=scale).sum()
    assert found > truth - 0.5


def test_censored_values_are_not_taken_for_what_they_are_known_to_exceed() -> None:
    values = np.random.default_rng(4).exponential(size=4000)
    cut = float(np.quantile(values, 0.9))
    below = values[values < cut]
    tail = fit_tail(below, np.full(400, cut))
    assert tail.shape == pytest.approx(0.0, abs=0.1)
    assert tail.scale == pytest.approx(1.0, rel=0.1)
    assert fit_tail(below).shape < -0.2


@given(st.floats(0.01, 1000.0), st.integers(0, 100))
def test_the_fit_follows_the_unit(factor: float, seed: int) -> None:
    values = np.random.default_rng(seed).exponential(size=100)
    one, other = fit_tail(values), fit_tail(values * factor)
    assert other.scale == pytest.approx(one.scale * factor, rel=1e-6)
    assert other.shape == pytest.approx(one.shape, abs=1e-6)


# Thousandths: scipy itself is wrong for shapes that are hardly floats.
SHAPES = st.integers(-500, 1000).map(lambda thousandths: thousandths / 1000)


@given(SHAPES, st.floats(0.1, 10.0), st.floats(1e-6, 0.01))
def test_the_level_is_exceeded_at_its_rate(shape: float, scale: float, rate: float) -> None:
    at = level(Tail(shape, scale), 5.0, 0.02, rate)
    beyond = 0.02 * stats.genpareto.sf(at - 5.0, shape, scale=scale)
    assert beyond == pytest.approx(rate, rel=1e-3)


@pytest.mark.parametrize("draw", ["normal", "exponential", "standard_t"])
def test_false_alarms_come_at_about_the_wanted_rate(draw: str) -> None:
    generator = np.random.default_rng(3)
    shape = (4,) if draw == "standard_t" else ()
    values = getattr(generator, draw)(*shape, size=20_000)
    spot = Spot(rate=2e-3, warm_up=1000)
    found = sum(spot.update(value) for value in values.tolist())
    assert 19 <= found <= 76  # half and twice of 38


def test_nothing_is_an_alarm_in_the_warm_up_and_something_huge_is_after_it() -> None:
    spot = Spot(rate=1e-4, warm_up=500)
    values = np.random.default_rng(0).normal(size=499)
    assert not any(spot.update(value) for value in values.tolist())
    assert not spot.ready
    assert math.isinf(spot.threshold)
    assert not spot.update(50.0)
    assert spot.ready


def test_how_far_above_and_for_how_long_teaches_nothing() -> None:
    values = np.random.default_rng(0).normal(size=1500).tolist()
    thresholds = []
    for height, length in ((10.0, 1), (1e9, 1), (10.0, 300)):
        spot = Spot(rate=1e-4, warm_up=1000)
        for value in values[:1200]:
            spot.update(value)
        assert all(spot.update(height) for _ in range(length))
        for value in values[1200:]:
            spot.update(value)
        thresholds.append(spot.threshold)
    assert thresholds[0] == thresholds[1] == thresholds[2]


def test_a_lower_rate_is_a_higher_threshold() -> None:
    values = np.random.default_rng(1).normal(size=1000).tolist()
    spots = [Spot(rate) for rate in (1e-2, 1e-3, 1e-4)]
    for spot in spots:
        for value in values:
            spot.update(value)
    assert spots[0].threshold < spots[1].threshold < spots[2].threshold


def test_memory_is_bounded() -> None:
    spot = Spot(rate=1e-4, warm_up=200, start=0.5)
    for value in np.random.default_rng(2).exponential(size=3000).tolist():
        spot.update(value)
    assert len(spot._peaks) == PEAKS
    assert not spot._first


def test_scores_that_are_all_equal_give_a_threshold_just_above_them() -> None:
    spot = Spot(rate=1e-3, warm_up=200)
    assert not any(spot.update(3.0) for _ in range(400))
    assert 3.0 < spot.threshold < 3.001
    assert spot.update(4.0)


def test_a_tail_with_a_sharp_end_is_fitted_with_a_shape_of_a_half_at_most() -> None:
    # Evenly spread values have shape -1, where the likelihood has no maximum.
    tail = fit_tail(np.linspace(0.01, 1.0, 200))
    assert -0.5 <= tail.shape < -0.4


@pytest.mark.parametrize(
    "arguments", [{"rate": 0.5}, {"rate": 0.0}, {"warm_up": 10}, {"start": 1.0}]
)
def test_settings_that_make_no_sense_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(AnomalyError):
        Spot(**arguments)  # type: ignore[arg-type]


def test_values_that_are_not_numbers_and_tails_without_values_are_refused() -> None:
    with pytest.raises(AnomalyError, match="nan"):
        Spot().update(float("nan"))
    with pytest.raises(AnomalyError, match="inf"):
        Spot().update(float("inf"))
    with pytest.raises(AnomalyError, match="above 0"):
        fit_tail(np.array([]))
