"""The streaming detectors: what they see, what they do not, and that they stay small."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.anomaly.ensemble import DETECTORS, Mean
from ml.anomaly.errors import AnomalyError
from ml.anomaly.likelihood import CEILING, Expanding, Likelihood, surprise
from ml.anomaly.neighbours import DAY, LeftProfile, SameTimeOfDay
from ml.anomaly.robust import RobustZ
from ml.anomaly.stream import Detector, Ring
from ml.anomaly.subpca import SubPCA

HOUR = 3600.0
RAW: dict[str, Callable[[], Detector]] = {
    "robust_z": lambda: RobustZ(window=50),
    "sub_pca": lambda: SubPCA(width=6),
    "left_profile": lambda: LeftProfile(memory=100),
    "same_time_of_day": lambda: SameTimeOfDay(memory=100),
}
makers = pytest.mark.parametrize("make", RAW.values(), ids=RAW.keys())


def scores(detector: Detector, values: np.ndarray, step: float = HOUR) -> np.ndarray:
    return np.array([detector.update(n * step, v) for n, v in enumerate(values.tolist())])


def daily(days: int, seed: int = 0) -> np.ndarray:
    """Hourly values with the shape of a day and a little noise."""
    hours = np.arange(24 * days)
    noise = np.random.default_rng(seed).normal(scale=0.3, size=hours.size)
    return 50 + 10 * np.sin(2 * np.pi * hours / 24) + noise


@makers
def test_a_spike_is_the_strangest_point(make: Callable[[], Detector]) -> None:
    values = daily(20)
    values[400] += 40
    assert 400 <= int(scores(make(), values).argmax()) < 412


@makers
def test_a_score_never_looks_ahead(make: Callable[[], Detector]) -> None:
    values = daily(8)
    other = values.copy()
    other[150:] = -7
    assert np.array_equal(scores(make(), values)[:150], scores(make(), other)[:150])


@makers
def test_a_fresh_series_and_a_constant_one_are_not_strange(make: Callable[[], Detector]) -> None:
    assert make().update(0.0, 1e6) == 0.0
    assert scores(make(), np.full(300, 0.1)).max() < 1e-6


@makers
def test_the_unit_of_values_does_not_change_what_is_strangest(
    make: Callable[[], Detector],
) -> None:
    values = daily(10)
    values[200] += 40
    one, other = scores(make(), values), scores(make(), 1024.0 * values)
    assert int(one.argmax()) == int(other.argmax())


@makers
@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_value_that_is_not_a_number_is_refused_and_teaches_nothing(
    make: Callable[[], Detector], wrong: float
) -> None:
    values = daily(6)
    plain, hurt = make(), make()
    before = [hurt.update(n * HOUR, v) for n, v in enumerate(values[:100].tolist())]
    with pytest.raises(AnomalyError, match="value is"):
        hurt.update(100 * HOUR, wrong)
    after = [hurt.update((100 + n) * HOUR, v) for n, v in enumerate(values[100:].tolist())]
    assert np.array_equal(before + after, scores(plain, values))


@pytest.mark.parametrize("name", DETECTORS)
def test_memory_does_not_grow(name: str) -> None:
    detector = DETECTORS[name]()
    values = np.random.default_rng(1).normal(size=9000)
    sizes = []
    for n, value in enumerate(values.tolist()):
        detector.update(n * 300.0, value)
        if n in {4500, 8999}:
            sizes.append(len(pickle.dumps(detector)))
    # Numbers in pickles differ by a few bytes.
    assert abs(sizes[1] - sizes[0]) < 200


def test_the_time_of_day_sees_a_value_at_the_wrong_hour_that_the_left_profile_does_not() -> None:
    values = daily(20)
    # Night and day change places for one day: every window was seen before, at another hour.
    moved = values.copy()
    moved[360:384] = values[348:372]
    same, left = (
        scores(make(), moved)[366:384].max() / scores(make(), values)[366:384].max()
        for make in (SameTimeOfDay, LeftProfile)
    )
    assert same > 5
    assert left < same / 2


def test_the_time_of_day_goes_over_midnight() -> None:
    detector = SameTimeOfDay(width=1, tolerance=900.0)
    detector.update(DAY - 300.0, 7.0)
    detector.update(DAY - 290.0, 7.0)
    assert detector.update(2 * DAY + 300.0, 10.0) == 3.0
    # Half a day away nobody is near.
    assert detector.update(2.5 * DAY, 99.0) == 0.0


@settings(max_examples=30)
@given(st.lists(st.integers(-50, 50), min_size=5, max_size=40), st.integers(1, 4))
def test_the_left_profile_is_the_nearest_earlier_window_by_brute_force(
    values: list[int], width: int
) -> None:
    found = scores(LeftProfile(width), np.array(values, dtype=float))
    for now in range(len(values)):
        window = np.array(values[now - width + 1 : now + 1])
        earlier = [
            np.linalg.norm(np.array(values[end - width + 1 : end + 1]) - window)
            for end in range(width - 1, now - width + 1)
        ]
        assert found[now] == pytest.approx(min(earlier) if now >= width - 1 and earlier else 0.0)


def test_what_was_forgotten_is_strange_again() -> None:
    values = np.concatenate([[9.0, 9.0, 9.0], np.zeros(30), [9.0]])
    long, short = (scores(LeftProfile(1, memory), values)[-1] for memory in (100, 10))
    assert long == 0.0
    assert short == 9.0


def test_the_robust_z_is_what_the_formula_says_and_forgives_one_outlier() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 1e9, 5.0])
    detector = RobustZ(window=5, warm_up=5)
    last = scores(detector, values)[-1]
    # Median 3, deviations 2 1 0 1 1e9: median 1.
    assert last == pytest.approx(2 / 1.4826)


def test_sub_pca_sees_a_break_in_the_pattern_that_stays_within_the_range() -> None:
    values = daily(30)
    values[600:612] = values[600:612].mean()
    found = scores(SubPCA(width=12), values)
    assert found[600:620].max() > 2 * np.quantile(found[100:590], 0.99)


def test_a_ring_keeps_the_newest() -> None:
    ring = Ring(3, 2)
    assert len(ring) == 0
    for n in range(5):
        ring.append(np.array([n, -n], dtype=float))
    assert len(ring) == 3
    assert sorted(ring.columns[0]) == [2, 3, 4]


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50))
def test_the_expanding_moments_are_those_of_all_values(values: list[float]) -> None:
    past = Expanding()
    for value in values:
        past.add(value)
    assert past.mean == pytest.approx(np.mean(values), abs=1e-6)
    assert past.deviation == pytest.approx(np.std(values, ddof=1), rel=1e-6, abs=1e-4)


def test_surprise_is_the_decimal_tail_of_a_normal_distribution() -> None:
    assert surprise(3.0, 3.0, 1.0) == pytest.approx(math.log10(2))
    assert surprise(3.0902, 0.0, 1.0) == pytest.approx(3.0, abs=1e-3)
    assert surprise(1e9, 0.0, 1.0) == CEILING
    assert surprise(1.0, 1.0, 0.0) == 0.0
    assert surprise(1.1, 1.0, 0.0) == CEILING


@given(st.floats(-50, 50), st.floats(0, 10), st.floats(0.01, 10))
def test_surprise_rises_with_the_score_and_stays_within_its_bounds(
    value: float, more: float, deviation: float
) -> None:
    low, high = (surprise(v, 0.0, deviation) for v in (value, value + more))
    assert 0.0 <= low <= high <= CEILING


class _Plays:
    """A detector that says what it is given."""

    def update(self, time: float, value: float) -> float:
        return value


def test_the_likelihood_means_first_and_is_silent_while_it_learns() -> None:
    detector = Likelihood(_Plays(), mean_over=2, warm_up=4)
    assert [detector.update(0.0, v) for v in (1.0, 3.0, 1.0, 3.0)] == [0.0] * 4
    # Steadied so far: 1, 2, 2, 2; now (3 + 5) / 2.
    past = np.array([1.0, 2.0, 2.0, 2.0])
    assert detector.update(0.0, 5.0) == pytest.approx(surprise(4.0, past.mean(), past.std(ddof=1)))


def test_the_likelihood_does_not_depend_on_the_raw_scores_unit() -> None:
    values = np.random.default_rng(0).exponential(size=500)
    one, other = (scores(Likelihood(_Plays()), values * unit) for unit in (1.0, 1000.0))
    assert np.allclose(one, other, atol=1e-6)


def test_the_ensemble_is_the_mean_and_needs_a_member() -> None:
    class Twice:
        def update(self, time: float, value: float) -> float:
            return 2 * value

    assert Mean([_Plays(), Twice()]).update(0.0, 4.0) == 6.0
    with pytest.raises(AnomalyError, match="no detector"):
        Mean([])


def test_the_default_makes_an_incident_out_of_a_day_that_goes_wrong() -> None:
    values = daily(40)
    values[720:744] = 20.0
    found = scores(DETECTORS["neighbours"](), values)
    assert 720 <= int(found.argmax()) < 760
    assert found[720:760].max() > 3 * found[200:720].max()
