"""The measure of retrieval and the reading of its collection."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import retrieval
from benchmarks.retrieval import CACM, interval, ndcg

names = [f"d{number}" for number in range(15)]


def test_ndcg_by_hand() -> None:
    gain = 1 / math.log2(2) + 1 / math.log2(4)
    ideal = 1 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    assert ndcg(["a", "x", "b", "y"], {"a", "b", "c"}, 10) == pytest.approx(gain / ideal)
    assert ndcg(["x", "y", "a"], {"a"}, 2) == 0


@given(st.permutations(names), st.sets(st.sampled_from(names), min_size=1), st.integers(1, 15))
def test_ndcg_is_1_only_for_a_perfect_ranking(
    ranked: list[str], relevant: set[str], depth: int
) -> None:
    value = ndcg(ranked, relevant, depth)
    first = ranked[: min(depth, len(relevant))]
    assert 0 <= value <= 1 + 1e-12
    assert (value > 1 - 1e-12) == (set(first) <= relevant)


@given(st.permutations(names), st.sets(st.sampled_from(names), min_size=1), st.integers(0, 13))
def test_moving_a_relevant_document_up_never_harms(
    ranked: list[str], relevant: set[str], at: int
) -> None:
    swapped = list(ranked)
    swapped[at], swapped[at + 1] = swapped[at + 1], swapped[at]
    if ranked[at + 1] in relevant and ranked[at] not in relevant:
        assert ndcg(swapped, relevant, 10) >= ndcg(ranked, relevant, 10)


def test_the_interval_holds_the_mean_difference() -> None:
    random = np.random.default_rng(1)
    others = random.random(50)
    values = others + 0.2 + random.normal(0, 0.05, 50)
    low, high = interval(list(values), list(others))
    assert low < float((values - others).mean()) < high
    assert low > 0.15
    assert high < 0.25
    assert interval(list(others), list(others)) == (0.0, 0.0)


@pytest.mark.skipif(not CACM.is_dir(), reason="needs ../shared/data/cacm")
def test_the_collection_is_read_whole() -> None:
    records = dict(retrieval.cacm_records())
    judged = retrieval._judgements()
    assert len(records) == 3204
    assert len(judged) == 52
    assert sum(map(len, judged.values())) == 796
    assert set().union(*judged.values()) <= set(records)
    assert set(judged) <= set(retrieval._questions())
    first = records["CACM-0001"]
    assert first.startswith("# Preliminary Report-International Algebraic Language\n\nCACM")
    assert "Perlis, A. J. Samelson,K." in first
    assert "5\t1" not in first
    assert "CA581203" not in first
    assert retrieval._questions()["1"].startswith("What articles exist which deal with TSS")
