"""Laws of the ratio of latencies: exact under the claim, whatever the level; bounds that close in.

Belongs here: the mathematics. Does not belong here: decisions.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.canary.betting import OutcomeError
from ml.canary.blocks import LEAST, Blocks
from ml.canary.latency import RATIOS, LatencyRatio, _log_growth

POOL = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.5, 1.0, float("inf")]), min_size=4, max_size=8)


@given(POOL, st.integers(1, 3))
@settings(max_examples=60)
def test_a_bet_is_fair_over_all_ways_to_draw_the_arms(pool: list[float], m: int) -> None:
    # Every split of the same requests is equally likely when the arms do not differ. Ties too.
    values = np.array(pool)
    gains = []
    for some in combinations(range(len(values)), m):
        theirs = np.isin(np.arange(len(values)), some)
        gains.append(np.exp(_log_growth(values[~theirs], values[theirs], np.array([1.0]))[0]))
    assert np.allclose(np.mean(gains, axis=0), 1.0)


@pytest.mark.parametrize("slower", [0.5, 1.0, 2.0])
def test_the_bounds_hold_the_true_ratio_and_close_in(slower: float) -> None:
    rng = np.random.default_rng(3)
    ratio = LatencyRatio()
    assert ratio.lower(0.05) == 0.0
    assert ratio.upper(0.05) == float("inf")
    for batch in range(60):
        # The level of the moment is wild, and the same for both.
        level = rng.choice([1.0, 5.0, 40.0])
        ratio.add(
            level * rng.lognormal(-5, 0.5, 900), slower * level * rng.lognormal(-5, 0.5, 100)
        )  # fmt: skip
        assert ratio.lower(1e-6) <= slower <= ratio.upper(1e-6), batch
    assert 0.75 * slower <= ratio.lower(0.05) <= slower <= ratio.upper(0.05) <= 1.34 * slower
    assert ratio.seen == (54_000, 6_000)
    assert 1.0 in RATIOS


def test_requests_that_never_came_back_are_slower_than_all_others() -> None:
    ratio = LatencyRatio()
    for _ in range(5):
        ratio.add([0.1] * 500, [0.1] * 250 + [float("inf")] * 250)
    assert ratio.lower(0.05) == RATIOS[-1]
    for _ in range(2):
        both = LatencyRatio()
        both.add([0.1] * 250 + [float("inf")] * 250, [0.1] * 250 + [float("inf")] * 250)
    assert both.above(1.0) < 1.0


def test_a_latency_that_is_none_is_refused() -> None:
    with pytest.raises(OutcomeError, match="negative"):
        LatencyRatio().add([-1.0], [0.1])
    with pytest.raises(OutcomeError, match="negative"):
        LatencyRatio().add([1.0], [float("nan")])


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=30))
def test_the_end_of_a_block_depends_on_the_number_of_requests_alone(
    batches: list[tuple[int, int]],
) -> None:
    blocks, n, kept = Blocks(), 0, 0
    for ours, theirs in batches:
        block = blocks.add(np.zeros(ours), np.ones(theirs))
        n += ours + theirs
        if n < LEAST:
            assert block is None
            continue
        if block is not None:
            kept += 1
            assert len(block[0])
            assert len(block[1])
            assert len(block[0]) + len(block[1]) == n
        n = 0
    assert kept <= len(batches)
