"""Laws of the capital and of what rests on it: bounds, credits, differences.

Belongs here: the mathematics. Does not belong here: decisions.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ml.canary.betting import Capital, OutcomeError, log_growth
from ml.canary.difference import GRID as DIFFERENCES
from ml.canary.difference import Difference
from ml.canary.outcomes import correct, f1_credit, f1_level

VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)
BITS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)


@given(st.floats(0.01, 1.0), st.floats(0, 1))
def test_a_fair_bet_gains_nothing_on_average(null: float, part: float) -> None:
    # The exact expectation for zeros and ones of mean part * null, which is at most the null.
    mean = part * null
    one, zero = (np.exp(log_growth(np.array([y]), np.array([null])))[0] for y in (1.0, 0.0))
    assert (mean * one + (1 - mean) * zero <= 1 + 1e-9).all()


@given(VALUES)
def test_a_larger_null_is_never_easier_to_refuse(values: list[float]) -> None:
    capital = Capital(np.linspace(0.05, 1, 20))
    capital.add(values)
    assert (np.diff(capital.peak) <= 1e-9).all()


def test_false_refusals_stay_below_alpha_although_looked_at_after_every_batch() -> None:
    rng = np.random.default_rng(7)
    refused = 0
    for _ in range(300):
        capital = Capital([0.3])
        for _ in range(40):
            capital.add(rng.random(50) < 0.3)
        refused += capital.evidence(0.3) >= np.log(10)
    assert 0 < refused <= 30 + 3 * 5.2  # alpha 10 %, three standard errors; 0 would be a dead test


def test_the_bound_nears_the_mean_from_below() -> None:
    capital = Capital(np.linspace(0.01, 0.99, 99))
    capital.add(np.random.default_rng(1).random(20_000) < 0.4)
    assert 0.36 <= capital.lower(0.05) <= 0.4


@pytest.mark.parametrize("bad", [1.5, -0.1, float("nan"), float("inf")])
def test_a_value_that_is_no_outcome_is_named(bad: float) -> None:
    with pytest.raises(OutcomeError, match="outcome 1 is"):
        Capital([0.5]).add([0.5, bad])


@pytest.mark.parametrize("nulls", [[], [0.0], [1.1], [0.5, 0.5], [0.6, 0.5]])
def test_nulls_must_ascend_within_bounds(nulls: list[float]) -> None:
    with pytest.raises(OutcomeError, match="ascend"):
        Capital(nulls)


@given(BITS, st.floats(0.05, 0.95))
def test_the_mean_credit_says_on_which_side_of_the_threshold_f1_is(
    bits: list[tuple[bool, bool]], threshold: float
) -> None:
    said, was = (np.array(side, dtype=int) for side in zip(*bits, strict=True))
    wrong = int((said != was).sum())
    twice = 2 * int((said & was).sum())
    assume(twice + wrong > 0)
    f1 = twice / (twice + wrong)
    assume(abs(f1 - threshold) > 1e-6)
    mean = float(f1_credit(said, was, threshold).mean())
    assert (mean > f1_level(threshold)) == (f1 > threshold)


def test_credits_and_labels_must_fit() -> None:
    assert correct([1, 0, 1], [1, 1, 1]).tolist() == [1.0, 0.0, 1.0]
    with pytest.raises(OutcomeError, match="one label per answer"):
        correct([1, 0], [1])
    with pytest.raises(OutcomeError, match="is not an F1"):
        f1_credit([1], [1], 1.0)


@given(VALUES, VALUES)
def test_exchanging_the_arms_turns_the_bounds_round(a: list[float], b: list[float]) -> None:
    one, other = Difference(), Difference()
    for _ in range(10):  # at least 20 values: a block
        one.add(a, b)
        other.add(b, a)
    assert one.mean == pytest.approx(-other.mean)
    assert one.lower(0.05) == pytest.approx(-other.upper(0.05))
    assert one.above(0) == pytest.approx(other.below(0))


def test_nineteen_champions_a_challenger_are_one_difference() -> None:
    difference = Difference()
    difference.add([1.0] * 10 + [0.0] * 9, [])
    assert difference.n == 0
    difference.add([], [1.0])
    assert difference.n == 1
    assert difference.mean == pytest.approx(9 / 19)
    assert difference.seen == (19, 1)


def test_arms_of_equal_length_are_paired_one_to_one() -> None:
    paired = Difference()
    values = np.random.default_rng(0).random(500)
    paired.add(values * 0.9, np.clip(values * 0.9 + 0.05, 0, 1))
    # A constant difference is known at once, though the values vary far more than it.
    assert paired.lower(0.05) > 0
    assert 0.0 in DIFFERENCES
