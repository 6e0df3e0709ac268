"""One decision a period: what moves is named, what does not move starts nothing.

Belongs here: comparison, decision and persistence. Does not belong here: rates at full scale
(``python -m benchmarks --only drift_null``).
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.drift.compare import DriftError, Move, compare
from ml.drift.decide import Decision, Reference, Rules, judge
from platform_assets.core.settings import REPOSITORY

SHOPPERS = (
    REPOSITORY.parent / "shared" / "data" / "online_shoppers" / "online_shoppers_intention.csv"
)


def rows(seed: int, n: int = 500, shift: float = 0.0, web: float = 0.6) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    channel = np.where(rng.random(n) < web, "web", np.where(rng.random(n) < 0.5, "app", "shop"))
    return pl.DataFrame(
        {
            "amount": rng.normal(10, 2, n) + 2 * shift,
            "items": rng.poisson(3, n),
            "channel": channel,
        }
    )


REFERENCE = Reference("1", rows(0, 3000))


def follow(periods: list[pl.DataFrame], rules: Rules | None = None) -> list[Decision]:
    decisions: list[Decision] = []
    for number, period in enumerate(periods):
        previous = decisions[-1] if decisions else None
        decisions.append(judge(REFERENCE, period, f"week {number}", previous, rules))
    return decisions


def test_a_shift_of_half_a_deviation_is_found_in_the_second_period_and_named() -> None:
    first, second = follow([rows(1, shift=0.5), rows(2, shift=0.5)])
    assert not first.retrain
    assert "not yet" in first.reason
    assert second.retrain
    assert second.reason.startswith("moved for 2 periods or more: amount by +0.")
    assert second.moves[0].feature == "amount"
    assert second.moves[0].shift == pytest.approx(0.5, abs=0.15)
    assert second.streaks == {"amount": 2}


def test_a_share_that_changes_is_named_with_its_level() -> None:
    second = follow([rows(1, web=0.35), rows(2, web=0.35)])[1]
    assert second.retrain
    assert "channel ('web' -2" in second.reason


def test_one_bad_period_is_no_drift() -> None:
    decisions = follow([rows(1, shift=0.5), rows(2), rows(3, shift=0.5)])
    assert [decision.retrain for decision in decisions] == [False, False, False]
    assert decisions[2].streaks == {"amount": 1}


def test_two_features_in_turn_are_no_persistent_drift() -> None:
    assert not follow([rows(1, shift=0.5), rows(2, web=0.35)])[1].retrain


def test_a_significant_shift_that_is_small_does_not_matter() -> None:
    decisions = follow([rows(1, 20_000, 0.15), rows(2, 20_000, 0.15)])
    assert not decisions[1].retrain
    move = next(move for move in decisions[1].moves if move.feature == "amount")
    assert move.p < 1e-6
    assert move.effect < 0.1


def test_a_tail_that_grew_matters_though_few_rows_moved() -> None:
    def tail(seed: int, n: int, share: float) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        return pl.DataFrame({"spent": np.where(rng.random(n) < share, rng.exponential(50, n), 0)})

    reference = Reference("1", tail(0, 4000, 0.05))
    first = judge(reference, tail(1, 500, 0.13), "a")
    assert first.streaks == {"spent": 1}
    assert first.moves[0].effect < 0.1
    assert first.moves[0].shift > 0.25


def test_healthy_periods_start_nothing() -> None:
    assert not any(decision.streaks for decision in follow([rows(n) for n in range(1, 21)]))


def test_a_period_with_few_rows_keeps_the_streak() -> None:
    decisions = follow([rows(1, shift=0.5), rows(2, 20), rows(3, shift=0.5)])
    assert decisions[1].reason == "not judged: 20 rows, 100 are needed"
    assert not decisions[1].retrain
    assert decisions[2].retrain


def test_a_new_version_begins_anew() -> None:
    first = judge(REFERENCE, rows(1, shift=0.5), "a")
    after = judge(Reference("2", rows(9, 3000, shift=0.5)), rows(2, shift=0.5), "b", first)
    assert after.streaks == {}
    assert after.version == "2"


def test_a_reference_that_slides_along_is_refused() -> None:
    first = judge(REFERENCE, rows(1), "a")
    with pytest.raises(DriftError, match="version 1 has changed since a"):
        judge(Reference("1", rows(1)), rows(2), "b", first)


def test_the_fingerprint_is_blind_to_order_only() -> None:
    mixed = REFERENCE.rows.sample(fraction=1, shuffle=True, seed=3)
    assert Reference("1", mixed).fingerprint == REFERENCE.fingerprint
    other = REFERENCE.rows.with_columns(pl.col("amount") + 1e-9)
    assert Reference("1", other).fingerprint != REFERENCE.fingerprint


@given(st.integers(0, 2**32 - 1), st.integers(5, 60), st.integers(5, 60))
@settings(max_examples=30)
def test_the_order_of_rows_and_the_unit_change_nothing(seed: int, n: int, m: int) -> None:
    then, now = rows(seed, n), rows(seed + 1, m)
    plain = compare(then, now)
    scaled = [
        frame.sample(fraction=1, shuffle=True, seed=1).with_columns(pl.col("amount") * 100 - 7)
        for frame in (then, now)
    ]
    for one, other in zip(plain, compare(*scaled), strict=True):
        assert one.p == pytest.approx(other.p)
        assert one.effect == pytest.approx(other.effect)
        assert one.shift == pytest.approx(other.shift, abs=1e-9)
        assert 0 <= one.effect <= 1
        assert 0 <= one.p <= 1


def test_equal_windows_have_not_moved() -> None:
    for move in compare(REFERENCE.rows, REFERENCE.rows):
        assert (move.effect, move.shift) == (0, 0)
        assert move.p == pytest.approx(1)


def test_effects_are_shares_of_rows() -> None:
    then = pl.DataFrame({"x": [0.0] * 10, "c": ["a"] * 5 + ["b"] * 5})
    now = pl.DataFrame({"x": [0.0] * 7 + [1.0] * 3, "c": ["a"] * 2 + ["b"] * 8})
    x, c = compare(then, now)
    assert x.effect == pytest.approx(0.3)
    assert x.shift == np.inf  # a constant moved
    assert c.effect == pytest.approx(0.3)


def test_infinite_and_single_values_are_compared_by_shape_alone() -> None:
    then = pl.DataFrame({"x": [0.0, 1.0, float("inf")]})
    (move,) = compare(then, pl.DataFrame({"x": [0.5]}))
    assert 0 < move.p <= 1


def test_codes_are_levels_and_a_new_level_is_seen() -> None:
    then = pl.DataFrame({"code": [1] * 50 + [2] * 50})
    now = pl.DataFrame({"code": [1] * 50 + [9] * 50})
    (move,) = compare(then, now, frozenset({"code"}))
    assert move.kind == "categorical"
    assert move.p < 1e-9
    assert move.effect == pytest.approx(0.5)


def test_gaps_are_a_move_of_their_own() -> None:
    then = rows(1)
    now = rows(2).with_columns(
        pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.col("amount")).alias("amount")
    )
    missing = [move for move in compare(then, now) if move.kind == "missing"]
    assert missing == [Move("amount", "missing", missing[0].p, 0.5, 0.5)]
    assert missing[0].p < 1e-9
    assert "empty in +50.0 points" in judge(Reference("1", then), now, "a").reason


@pytest.mark.parametrize(
    ("current", "told"),
    [
        (pl.DataFrame({"amount": [1.0]}), "no column items"),
        (rows(1).with_columns(pl.col("amount").cast(pl.String)), "amount is String"),
        (rows(1).clear(), "no rows"),
    ],
)
def test_windows_that_cannot_be_compared_are_refused(current: pl.DataFrame, told: str) -> None:
    with pytest.raises(DriftError, match=told):
        compare(REFERENCE.rows, current)


def test_unknown_codes_and_wrong_rules_are_refused() -> None:
    with pytest.raises(DriftError, match="no such columns: colour"):
        compare(REFERENCE.rows, rows(1), frozenset({"colour"}))
    with pytest.raises(DriftError, match="fdr"):
        Rules(fdr=0)
    with pytest.raises(DriftError, match="persistence"):
        Rules(persistence=0)


@pytest.mark.skipif(not SHOPPERS.is_file(), reason="needs ../shared/data/online_shoppers")
def test_real_rows_in_random_order_start_nothing() -> None:
    table = pl.read_csv(SHOPPERS, infer_schema_length=None).drop("Revenue")
    table = table.sample(fraction=1, shuffle=True, seed=11)
    reference = Reference("1", table[:4000])
    codes = frozenset({"OperatingSystems", "Browser", "Region", "TrafficType", "Weekend"})
    previous = None
    for start in range(4000, 8000, 500):
        period = table[start : start + 500]
        previous = judge(reference, period, str(start), previous, Rules(categorical=codes))
        assert not previous.retrain
