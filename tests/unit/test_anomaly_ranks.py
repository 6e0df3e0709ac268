"""Ranks among the past: what a tally counts, keeps and forgets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.anomaly.ranks import BINS, HALVED_AT, STEPS, Ranks, Tally
from ml.anomaly.state import Arrays, pack, unpack


class Itself:
    """A detector whose score is the value."""

    def update(self, time: float, value: float) -> float:
        return value

    def state(self) -> Arrays:
        return {}

    def restore(self, arrays: Arrays) -> None:
        pass


def tallied(values: list[float]) -> Tally:
    tally = Tally()
    for value in values:
        tally.add(value)
    return tally


# Down to the least float and up to the largest: what merges at the low end is still counted.
SIZES = st.one_of(st.just(0.0), st.floats(0.0, 1e3), st.floats(5e-324, 1.7e308))


@given(values=st.lists(SIZES, max_size=60), asked=SIZES)
def test_a_tally_counts_what_is_at_least_as_high_up_to_a_bin(
    values: list[float], asked: float
) -> None:
    found = tallied(values).at_least(asked)
    assert found >= sum(value >= asked for value in values)
    lowest = max(values, default=0.0) * 2.0 ** (-(BINS - 2) / STEPS)
    if asked > lowest:
        wider = asked * 2.0 ** (-1.001 / STEPS)
        assert found <= sum(value >= wider for value in values)
    else:
        assert found <= len(values)


def test_what_came_first_counts_as_what_came_last() -> None:
    rng = np.random.default_rng(5)
    values = rng.exponential(size=8_000)
    tally = tallied([100.0] * 50 + values.tolist())
    assert tally.total == 8_050
    assert tally.at_least(50.0) == 50
    assert tally.at_least(float(np.median(values))) / 8_050 == pytest.approx(0.5, abs=0.03)


def test_a_long_past_fades_and_the_counts_stay_bounded() -> None:
    tally = tallied([100.0] * HALVED_AT)
    assert tally.total == HALVED_AT / 2
    for _ in range(HALVED_AT):
        tally.add(1.0)
    assert tally.total < HALVED_AT
    assert tally.at_least(50.0) / tally.total <= 1 / 3


def test_what_a_tally_keeps_does_not_grow_and_goes_on() -> None:
    values = np.random.default_rng(6).lognormal(sigma=4.0, size=3_000).tolist()
    whole, first, second = tallied(values), tallied(values[:10]), Tally()
    size = len(pack(first.state()))
    second.restore(unpack(pack(first.state())))
    for value in values[10:]:
        second.add(value)
    assert len(pack(second.state())) == size
    assert [second.at_least(value) for value in values] == [whole.at_least(v) for v in values]
    # A copy is kept: what comes later does not change it.
    before = second.state()
    second.add(1e9)
    assert before["counts"].sum() == len(values)


def test_a_score_is_the_mean_rarity_of_the_short_means() -> None:
    ranks = Ranks(Itself(), means=(1, 2), warm_up=4)
    for value in (1.0, 1.0, 1.0, 1.0):
        assert ranks.update(0.0, value) == 0.0
    # None of four was as high, neither as 9 nor as its mean with 1.
    assert ranks.update(0.0, 9.0) == pytest.approx(math.log10(5))
    # The value is the lowest of all; its mean with 9 was there once.
    assert ranks.update(0.0, 1.0) == pytest.approx((0.0 + math.log10(6 / 2)) / 2)


def test_an_old_height_stays_ordinary_however_long_ago() -> None:
    ranks = Ranks(Itself(), means=(1,))
    rng = np.random.default_rng(7)
    for value in rng.uniform(8.0, 9.0, size=400).tolist():
        ranks.update(0.0, value)
    for value in rng.uniform(0.0, 1.0, size=7_600).tolist():
        ranks.update(0.0, value)
    # 5 % of all values were as high, though none of the last 7,600.
    assert ranks.update(0.0, 8.0) == pytest.approx(-math.log10(0.05), abs=0.01)
