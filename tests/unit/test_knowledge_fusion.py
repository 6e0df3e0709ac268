"""The laws of fusion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.knowledge.fusion import min_max, reciprocal_ranks

names = st.sampled_from([f"p{number}" for number in range(12)])
scores = st.dictionaries(names, st.integers(-1000, 1000).map(float), max_size=12)


def order(fused: dict[str, float]) -> list[str]:
    return sorted(fused, key=lambda name: (-round(fused[name], 9), name))


@given(scores, scores)
def test_what_any_ranker_found_is_ranked_once(a: dict[str, float], b: dict[str, float]) -> None:
    for fuse in (min_max, reciprocal_ranks):
        assert set(fuse([a, b])) == set(a) | set(b)


@given(scores, scores)
def test_no_ranker_comes_first(a: dict[str, float], b: dict[str, float]) -> None:
    for fuse in (min_max, reciprocal_ranks):
        assert fuse([a, b]) == pytest.approx(fuse([b, a]))


@given(scores, scores, st.integers(1, 50), st.integers(-500, 500))
def test_min_max_does_not_see_a_rankers_scale(
    a: dict[str, float], b: dict[str, float], factor: int, shift: int
) -> None:
    scaled = {name: score * factor + shift for name, score in a.items()}
    assert min_max([scaled, b]) == pytest.approx(min_max([a, b]))


@given(scores, scores)
def test_reciprocal_ranks_see_ranks_alone(a: dict[str, float], b: dict[str, float]) -> None:
    bent = {name: score**3 for name, score in a.items()}
    assert reciprocal_ranks([bent, b]) == reciprocal_ranks([a, b])


@given(scores)
def test_rankers_that_agree_are_followed(a: dict[str, float]) -> None:
    ranked = sorted(a, key=lambda name: (-a[name], name))
    assert order(min_max([a, a])) == ranked
    assert order(reciprocal_ranks([a, a])) == ranked


@given(scores, scores)
def test_min_max_stays_between_0_and_1(a: dict[str, float], b: dict[str, float]) -> None:
    assert all(0 <= score <= 1 + 1e-12 for score in min_max([a, b]).values())


def test_the_papers_formulas_by_hand() -> None:
    words, meaning = {"a": 9.0, "b": 3.0, "c": 6.0}, {"b": 0.9, "d": 0.1}
    assert min_max([words, meaning]) == pytest.approx({"a": 0.5, "b": 0.5, "c": 0.25, "d": 0.0})
    assert reciprocal_ranks([words, meaning]) == pytest.approx(
        {"a": 1 / 61, "c": 1 / 62, "b": 1 / 63 + 1 / 61, "d": 1 / 62}
    )
