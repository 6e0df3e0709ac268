"""Laws of the split: stable, monotone, of the size asked for, fresh for each trial.

Belongs here: who is served by whom. Does not belong here: evidence and decisions.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ml.canary.share import Arm, Route, ShareError, Split

SHARES = st.floats(0, 1)
PINNED = [9, 27]


@given(st.text(min_size=1), st.text(), SHARES)
def test_a_key_always_gets_the_same_arm(trial: str, key: str, share: float) -> None:
    assert Split(trial, share).arm(key) is Split(trial, share).arm(key)


def test_the_arm_of_a_key_outlives_the_process() -> None:
    # Written down once: another hash would move every user in the middle of a trial.
    ours = [n for n in range(60) if Split("purchase/17").arm(f"u{n}") is Arm.CHALLENGER]
    assert ours == PINNED


@given(st.text(), SHARES, SHARES)
def test_a_larger_share_keeps_every_key_of_the_smaller_one(key: str, a: float, b: float) -> None:
    small, large = sorted((a, b))
    split = Split("t", small)
    if split.arm(key) is Arm.CHALLENGER:
        assert split.with_share(large).arm(key) is Arm.CHALLENGER


def test_growing_from_5_to_20_percent_adds_keys() -> None:
    split = Split("t")
    keys = [str(n) for n in range(5_000)]
    few = {key for key in keys if split.arm(key) is Arm.CHALLENGER}
    many = {key for key in keys if split.with_share(0.2).arm(key) is Arm.CHALLENGER}
    assert few < many


@given(st.integers(0, 10**9), st.sampled_from([0.01, 0.05, 0.2, 0.5]))
@settings(max_examples=40)
def test_the_share_is_within_binomial_bounds(seed: int, share: float) -> None:
    split = Split(f"trial {seed}", share)
    n = 2_000
    seen = sum(split.arm(f"user-{number}") is Arm.CHALLENGER for number in range(n))
    low, high = stats.binom.interval(1 - 1e-9, n, share)
    assert low <= seen <= high


def test_two_trials_do_not_share_their_first_keys() -> None:
    keys = [str(n) for n in range(4_000)]
    one, other = Split("one", 0.2), Split("other", 0.2)
    both = sum(one.arm(k) is other.arm(k) is Arm.CHALLENGER for k in keys)
    assert 90 <= both <= 240  # independent: 160 expected


@given(st.text())
def test_nobody_at_0_and_everybody_at_100_percent(key: str) -> None:
    assert Split("t", 0.0).arm(key) is Arm.CHAMPION
    assert Split("t", 1.0).arm(key) is Arm.CHALLENGER


def test_in_shadow_mode_only_the_champion_answers() -> None:
    split = Split("t", 0.5, shadow=True)
    routes = {split.route(str(n)) for n in range(100)}
    assert routes == {Route(Arm.CHAMPION), Route(Arm.CHAMPION, shadow=Arm.CHALLENGER)}
    live = {Split("t", 0.5).route(str(n)) for n in range(100)}
    assert live == {Route(Arm.CHAMPION), Route(Arm.CHALLENGER)}


def test_a_key_that_is_no_proper_text_is_still_served() -> None:
    assert Split("t", 1.0).arm("\ud800") is Arm.CHALLENGER


@pytest.mark.parametrize("share", [-0.1, 1.1, 5.0, float("nan")])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ShareError, match="not a share"):
        Split("t", share)


def test_a_trial_needs_a_name() -> None:
    with pytest.raises(ShareError, match="no name"):
        Split("")
