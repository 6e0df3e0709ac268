"""Two rankings to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

RRF_K = 60
"""The constant of the paper; it damps the first ranks."""


def reciprocal_ranks(rankings: Sequence[Mapping[str, float]], k: int = RRF_K) -> dict[str, float]:
    """Reciprocal rank fusion: the sum of ``1 / (k + rank)``, ranks from 1.

    Source: Cormack, Clarke and Buettcher, Reciprocal Rank Fusion outperforms Condorcet and
    individual Rank Learning Methods, SIGIR 2009. Equal scores rank by id, so that the result
    is one.

    Args:
        rankings: id -> score, higher is better, one a ranker.
        k: the constant.
    """
    fused: dict[str, float] = {}
    for scores in rankings:
        ranked = sorted(scores, key=lambda name: (-scores[name], name))
        for rank, name in enumerate(ranked, start=1):
            fused[name] = fused.get(name, 0.0) + 1 / (k + rank)
    return fused


def min_max(rankings: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of scores scaled to 0..1 by the least and greatest of each ranking.

    Source: convex combination with min-max scaling and equal weights, Bruch, Gai and Ingber,
    An Analysis of Fusion Functions for Hybrid Retrieval, TOIS 2023. What a ranker did not find
    counts 0 there; where all scores of a ranker are equal they count 1.

    Args:
        rankings: id -> score, higher is better, one a ranker.
    """
    fused: dict[str, float] = {}
    for scores in rankings:
        if not scores:
            continue
        least, greatest = min(scores.values()), max(scores.values())
        span = greatest - least
        for name, score in scores.items():
            scaled = (score - least) / span if span > 0 else 1.0
            fused[name] = fused.get(name, 0.0) + scaled / len(rankings)
    return fused
