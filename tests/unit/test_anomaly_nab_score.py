"""The NAB scorer: its two fixed points, its formula, and the laws between them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.nab_corpus import read_profiles, read_series
from benchmarks.nab_score import Profile, Truth, alarms, scaled_sigmoid, score_alarms, sweep
from ml.anomaly.errors import AnomalyError
from platform_assets.core.settings import REPOSITORY

NAB = REPOSITORY.parent / "shared" / "data" / "nab"
STANDARD = Profile(1.0, 1.0, 0.11)
TRUTH = Truth(1000, ((300, 399), (700, 749)))
needs_corpus = pytest.mark.skipif(not NAB.is_dir(), reason="needs ../shared/data/nab")


def rows(*at: int) -> np.ndarray:
    return np.array(at, dtype=np.intp)


def score(*at: int, profile: Profile = STANDARD) -> float:
    return score_alarms([(TRUTH, rows(*at))], profile)


@needs_corpus
@pytest.mark.parametrize("name", ["standard", "reward_low_FP_rate", "reward_low_FN_rate"])
def test_the_null_detector_scores_0_and_the_perfect_one_100_on_the_corpus(name: str) -> None:
    profile = read_profiles(NAB)[name]
    truths = [series.truth for series in read_series(NAB)]
    assert sum(len(truth.windows) for truth in truths) == 55
    assert score_alarms([(truth, rows()) for truth in truths], profile) == 0.0
    perfect = [(truth, rows(*(first for first, _ in truth.windows))) for truth in truths]
    assert score_alarms(perfect, profile) == pytest.approx(100.0)


@needs_corpus
def test_weights_come_from_the_file_and_differ_by_profile() -> None:
    profiles = read_profiles(NAB)
    assert profiles["standard"] == STANDARD
    assert profiles["reward_low_FP_rate"].false_alarm == 0.22
    assert profiles["reward_low_FN_rate"].miss == 2.0


def test_the_sigmoid_at_points_worked_out_by_hand() -> None:
    at = scaled_sigmoid(np.array([-1.0, 0.0, 1.0, 2.9, 3.0]))
    assert at[0] == pytest.approx(2 / (1 + math.exp(-5)) - 1)
    assert at[1] == 0.0
    assert at[2] == pytest.approx(-at[0])
    assert at[3] > -1.0
    assert at[4] == -1.0


def test_a_hit_in_the_middle_is_worth_what_the_formula_says() -> None:
    # Half of the window is left at row 350: y = -0.5. The second window is missed.
    best = 2 / (1 + math.exp(-5.0)) - 1
    worth = (2 / (1 + math.exp(-2.5)) - 1) / best
    assert score(350) == pytest.approx(100 * (worth - 1 + 2) / 4)


def test_a_false_alarm_costs_its_weight_before_the_first_window_and_less_just_after_one() -> None:
    assert score(200) == pytest.approx(-100 * 0.11 / 4)
    just_after = 0.11 * (2 / (1 + math.exp(5 / 99)) - 1)
    assert score(400) == pytest.approx(100 * just_after / 4)


def test_only_the_earliest_alarm_of_a_window_counts() -> None:
    assert score(310, 320, 399) == score(310)


def test_alarms_in_the_probationary_period_are_not_seen() -> None:
    assert TRUTH.probation == 150
    assert score(0, 149) == 0.0
    assert score(150) < 0.0


def test_the_probationary_period_stops_growing() -> None:
    assert Truth(100_000, ()).probation == 750


def test_a_miss_costs_more_in_the_profile_that_says_so() -> None:
    assert score(300, profile=Profile(1.0, 2.0, 0.11)) < 100.0
    assert score(200, profile=Profile(1.0, 1.0, 0.22)) < score(200)


@given(st.lists(st.integers(0, 999), unique=True), st.integers(0, 999))
def test_one_more_alarm_never_hurts_inside_and_never_helps_outside(
    found: list[int], extra: int
) -> None:
    found = [row for row in found if row != extra]
    change = score(*found, extra) - score(*found)
    if extra < TRUTH.probation:
        assert change == 0.0
    elif TRUTH.labels[extra]:
        assert change >= -1e-9
    else:
        assert change < 0.0


@given(st.lists(st.integers(0, 999), unique=True))
def test_nothing_scores_above_100(found: list[int]) -> None:
    assert score(*found) <= 100.0 + 1e-9


def test_the_sweep_finds_the_threshold_that_parts_windows_from_the_rest() -> None:
    scores = np.zeros(1000)
    scores[[300, 700]] = 5.0
    scores[[250, 600]] = 4.0
    swept = sweep({"one": (TRUTH, scores)}, STANDARD)
    result = swept.result(swept.best())
    assert result.score == pytest.approx(100.0)
    assert (result.hits, result.false_alarms) == (2, 0)
    assert 4.0 < result.threshold <= 5.0


def test_a_detector_that_knows_nothing_is_best_silent() -> None:
    swept = sweep({"one": (TRUTH, np.zeros(1000))}, STANDARD)
    assert swept.result(swept.best()).score == 0.0


def test_all_series_have_one_threshold() -> None:
    # Each alone could be perfect; the second one's noise is above the first one's signal.
    first, second = np.zeros(1000), np.full(1000, 2.0)
    first[[300, 700]] = 1.0
    second[[300, 700]] = 3.0
    alone = sweep({"a": (TRUTH, first)}, STANDARD)
    assert alone.result(alone.best()).score == pytest.approx(100.0)
    both = sweep({"a": (TRUTH, first), "b": (TRUTH, second)}, STANDARD)
    assert both.result(both.best()).score == pytest.approx(50.0)


def test_a_held_out_threshold_is_not_chosen_on_the_series_itself() -> None:
    first, second = np.zeros(1000), np.zeros(1000)
    first[[300, 700]] = 1.0
    second[[300, 700]] = 3.0
    second[[160, 200, 250, 500]] = 2.0
    swept = sweep({"a": (TRUTH, first), "b": (TRUTH, second)}, STANDARD)
    assert swept.held_out() < swept.result(swept.best()).score


def test_nothing_can_be_held_out_of_one_series() -> None:
    with pytest.raises(AnomalyError, match="no other series"):
        sweep({"a": (TRUTH, np.zeros(1000))}, STANDARD).held_out()


def test_the_interval_holds_the_score_and_is_a_point_for_equal_series() -> None:
    quiet = np.zeros(1000)
    good = quiet.copy()
    good[[300, 700]] = 1.0
    same = sweep(dict.fromkeys("abc", (TRUTH, good)), STANDARD)
    assert same.interval(same.best()) == (pytest.approx(100.0), pytest.approx(100.0))
    mixed = sweep({"a": (TRUTH, good), "b": (TRUTH, quiet)}, STANDARD)
    low, high = mixed.interval(mixed.best())
    assert low < mixed.result(mixed.best()).score < high


@given(st.lists(st.floats(0, 10), max_size=60), st.floats(0, 10), st.integers(0, 20))
def test_no_two_alarms_within_the_refractory_period(
    values: list[float], threshold: float, refractory: int
) -> None:
    scores = np.array(values)
    found = alarms(scores, threshold, refractory)
    assert (scores[found] >= threshold).all()
    assert (np.diff(found) > refractory).all()
    # None is left out without cause.
    for row in np.flatnonzero(scores >= threshold):
        assert ((row - found >= 0) & (row - found <= refractory)).any()


def test_an_alarm_on_probation_does_not_silence_the_first_that_counts() -> None:
    scores = np.zeros(1000)
    scores[[140, 300, 700]] = 1.0
    swept = sweep({"one": (TRUTH, scores)}, STANDARD, refractory=200)
    assert swept.result(swept.best()).score == pytest.approx(100.0)


@pytest.mark.parametrize("windows", [((5, 4),), ((0, 10),), ((1, 3), (3, 5)), ((-1, 2),)])
def test_windows_that_make_no_sense_are_refused(windows: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(AnomalyError, match="not in order"):
        Truth(10, windows)


def test_series_without_any_window_have_no_score() -> None:
    with pytest.raises(AnomalyError, match="no series has an anomaly window"):
        score_alarms([(Truth(10, ()), rows(3))], STANDARD)


def test_scores_of_another_length_are_refused_by_name() -> None:
    with pytest.raises(AnomalyError, match="series one has 1000 rows"):
        sweep({"one": (TRUTH, np.zeros(10))}, STANDARD)
