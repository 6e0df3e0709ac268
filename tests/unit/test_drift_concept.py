"""A metric that falls is noticed, also late; one that holds is left alone for good.

Belongs here: the watch over labels. Does not belong here: features.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.canary.betting import OutcomeError
from ml.canary.outcomes import f1_credit, f1_level
from ml.drift.concept import Monitor


def test_a_fall_after_many_good_periods_is_noticed_soon() -> None:
    rng = np.random.default_rng(0)
    monitor = Monitor(0.85)
    for _ in range(100):
        assert not monitor.add(rng.random(500) < 0.88).alarm
    found = [monitor.add(rng.random(500) < 0.75) for _ in range(3)]
    health = found[-1]
    assert health.alarm
    assert health.since in range(98, 103)
    assert health.reason == f"the metric is below 0.85, likely since period {health.since}"


def test_labels_that_turn_are_noticed_although_the_inputs_stay() -> None:
    rng = np.random.default_rng(1)
    monitor = Monitor(f1_level(0.6))
    for turned in [False] * 10 + [True] * 4:
        x = rng.normal(size=800)
        label = ((x < -0.8) if turned else (x > 0.8)).astype(int)
        predicted = (x + rng.normal(0, 0.3, 800) > 0.8).astype(int)
        health = monitor.add(f1_credit(predicted, label, 0.6))
        assert turned or not health.alarm
    assert health.alarm


def test_a_model_at_its_floor_seldom_alarms_however_long_it_is_watched() -> None:
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(200):
        monitor = Monitor(0.8, alpha=0.1)
        for _ in range(50):
            health = monitor.add(rng.random(40) < 0.8)
        alarms += health.alarm
    assert 0 < alarms <= 20 + 3 * 4.3  # 10 %, three standard errors


def test_an_alarm_stays() -> None:
    monitor = Monitor(0.9)
    assert monitor.add([0.0] * 200).alarm
    assert monitor.add([1.0] * 10_000).alarm


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=20), min_size=1, max_size=10))
def test_better_outcomes_never_raise_the_evidence(periods: list[list[float]]) -> None:
    worse, better = Monitor(0.5), Monitor(0.5)
    for period in periods:
        low = worse.add(period)
        high = better.add(np.sqrt(period))
        assert high.evidence <= low.evidence + 1e-9


def test_a_period_without_labels_changes_nothing() -> None:
    monitor = Monitor(0.8)
    before = monitor.add([1.0, 0.0, 1.0])
    assert monitor.add([]) == before
    assert before.n == 3
    assert before.mean == pytest.approx(2 / 3)


@pytest.mark.parametrize(("floor", "alpha"), [(0.0, 0.01), (1.0, 0.01), (0.8, 0.0), (0.8, 1.0)])
def test_a_floor_that_cannot_be_missed_is_refused(floor: float, alpha: float) -> None:
    with pytest.raises(OutcomeError, match="within 0 and 1"):
        Monitor(floor, alpha)
