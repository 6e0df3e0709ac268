"""VUS-PR: its bounds, its invariance, and values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.anomaly.errors import AnomalyError
from ml.anomaly.vus import soft_labels, vus_pr

LABELS = np.zeros(200, dtype=bool)
LABELS[80:100] = True


def test_perfect_scores_without_a_buffer_are_worth_1() -> None:
    assert vus_pr(LABELS.astype(float), LABELS, 0) == pytest.approx(1.0)


def test_equal_scores_are_worth_the_share_of_anomalies() -> None:
    assert vus_pr(np.zeros(200), LABELS, 0) == pytest.approx(0.1)


def test_reversed_scores_are_worth_less_than_noise() -> None:
    assert vus_pr(-LABELS.astype(float), LABELS, 0) <= 0.1 + 1e-9


def test_labels_fall_off_by_the_square_root_up_to_half_of_the_buffer() -> None:
    labels = np.zeros(20, dtype=bool)
    labels[10] = True
    soft = soft_labels(labels, 8)
    assert soft[10] == 1.0
    assert soft[11] == soft[9] == pytest.approx(np.sqrt(7 / 8))
    assert soft[14] == soft[6] == pytest.approx(np.sqrt(4 / 8))
    assert soft[15] == soft[5] == 0.0


def test_a_buffer_forgives_an_alarm_that_comes_a_little_early_but_not_one_far_off() -> None:
    early, far = np.zeros(200), np.zeros(200)
    early[70:90] = 1.0
    far[20:40] = 1.0
    assert vus_pr(early, LABELS, 40) > vus_pr(early, LABELS, 0)
    assert vus_pr(early, LABELS, 40) > vus_pr(far, LABELS, 40) + 0.2


def test_a_missed_anomaly_costs_more_than_its_rows() -> None:
    # Two anomalies, one of 2 rows: who misses the short one has half of the recall.
    labels = np.zeros(200, dtype=bool)
    labels[50:90] = labels[150:152] = True
    long_only = np.zeros(200)
    long_only[50:90] = 1.0
    assert vus_pr(long_only, labels, 0) == pytest.approx(40 / 42 / 2 + (1 - 40 / 42 / 2) * 42 / 200)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 50), min_size=60, max_size=60), st.integers(0, 20))
def test_only_the_order_of_scores_counts_and_the_volume_lies_between_0_and_1(
    values: list[int], longest: int
) -> None:
    labels = np.zeros(60, dtype=bool)
    labels[20:30] = True
    scores = np.array(values, dtype=float)
    volume = vus_pr(scores, labels, longest)
    assert 0.0 <= volume <= 1.0 + 1e-9
    assert vus_pr(np.exp(scores / 10) - 7, labels, longest) == pytest.approx(volume)


def by_the_book(scores: list[float], labels: np.ndarray, buffer: int) -> float:
    """One area as the paper defines it: every threshold by itself, row by row."""
    soft = soft_labels(labels, buffer)
    edges = [n for n in range(len(soft)) if soft[n] > 0 and (n == 0 or soft[n - 1] == 0)]
    area = before = 0.0
    for threshold in sorted(scores, reverse=True):
        predicted = [score >= threshold for score in scores]
        hit = sum(worth for worth, yes in zip(soft, predicted, strict=True) if yes)
        found = 0
        for first in edges:
            row = first
            while row < len(soft) and soft[row] > 0 and not predicted[row]:
                row += 1
            found += row < len(soft) and soft[row] > 0
        recall = min(1.0, hit / ((labels.sum() + soft.sum()) / 2)) * found / len(edges)
        area += (recall - before) * hit / sum(predicted)
        before = recall
    return area


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 9), min_size=40, max_size=40),
    st.lists(st.booleans(), min_size=40, max_size=40).filter(any),
    st.integers(0, 6),
)
def test_the_volume_is_the_mean_of_the_areas_by_the_book(
    values: list[int], marks: list[bool], longest: int
) -> None:
    labels = np.array(marks)
    scores = [float(value) for value in values]
    areas = [by_the_book(scores, labels, buffer) for buffer in range(longest + 1)]
    assert vus_pr(np.array(scores), labels, longest) == pytest.approx(np.mean(areas))


@pytest.mark.parametrize(
    ("scores", "labels", "longest", "message"),
    [
        (np.zeros(3), np.zeros(4, dtype=bool), 0, "shape"),
        (np.zeros(3), np.zeros(3, dtype=bool), 0, "no anomaly"),
        (np.array([0, np.nan, 0]), np.ones(3, dtype=bool), 0, "NaN"),
        (np.zeros(3), np.ones(3, dtype=bool), -1, "buffer"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    scores: np.ndarray, labels: np.ndarray, longest: int, message: str
) -> None:
    with pytest.raises(AnomalyError, match=message):
        vus_pr(scores, labels, longest)
