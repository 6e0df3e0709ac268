"""What changes for both arms is no fault of either: slow moments, days, steps, incidents.

Belongs here: levels that change in the course of a trial, at fixed seeds. Does not belong here:
rates at full scale (``python -m benchmarks --only canary_aa``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest

from ml.canary.betting import Floats
from ml.canary.sequential import Rules, Trial, Verdict

Level = Callable[[Floats], Floats]
What = Literal["latency", "errors", "outcomes"]

LEVELS: dict[str, Level] = {
    "daily cycle": lambda at: 1 + 2 * np.sin(np.pi * at / 10) ** 2,
    "step": lambda at: np.where(at > 10.5, 3.0, 1.0),
    "slow moments": lambda at: np.where(at % 3 < 0.37, 8.0, 1.0),
    "trend": lambda at: 1 + at / 5,
}


def verdict(
    seed: int,
    level: Level,
    what: What,
    *,
    requests: int = 2000,
    share: float = 0.05,
    slower: float = 1.0,
    batches: int = 20,
) -> Verdict:
    """The verdict on a challenger whose level is the champion's at every moment."""
    rng = np.random.default_rng(seed)
    trial = Trial(Rules(grid=(), ratios=()))
    for batch in range(batches):
        at = batch + np.sort(rng.random(requests))
        theirs = rng.random(requests) < share
        factor = level(at)
        if what == "latency":
            values = factor * rng.lognormal(-3, 0.5, requests) * np.where(theirs, slower, 1.0)
            trial.add_latencies(values[~theirs], values[theirs])
        else:
            failed = rng.random(requests) < np.clip(0.12 * factor, 0, 1)
            if what == "errors":
                trial.add_errors(failed[~theirs], failed[theirs])
            else:
                trial.add_outcomes(~failed[~theirs], ~failed[theirs])
        decision = trial.decide()
        if decision.verdict is not Verdict.CONTINUE:
            return decision.verdict
    return Verdict.CONTINUE


@pytest.mark.parametrize("level", LEVELS.values(), ids=list(LEVELS))
@pytest.mark.parametrize(("requests", "share"), [(2000, 0.05), (40, 0.3)])
def test_both_arms_slow_down_together(level: Level, requests: int, share: float) -> None:
    verdicts = [
        verdict(seed, level, "latency", requests=requests, share=share) for seed in range(20)
    ]
    # Each of them was rolled back while each arm was bounded over the whole trial.
    assert verdicts == [Verdict.CONTINUE] * 20


@pytest.mark.parametrize("level", LEVELS.values(), ids=list(LEVELS))
@pytest.mark.parametrize("what", ["errors", "outcomes"])
def test_both_arms_fail_together(level: Level, what: What) -> None:
    verdicts = [verdict(seed, level, what) for seed in range(20)]
    # At most 5 % by law, 1 of 20; the seeds are fixed, so this passes always or never.
    assert sum(found is not Verdict.CONTINUE for found in verdicts) <= 1


@pytest.mark.parametrize("what", ["errors", "outcomes"])
def test_an_incident_within_a_large_block(what: What) -> None:
    # Everything fails for a part of each fifth batch. In order of time the arm that has more of
    # its requests in that part shows a run of failures; 9 of 20 trials were rolled back.
    def level(at: Floats) -> Floats:
        return np.where(at % 5 < 0.37, 1.0, 0.001) / 0.12

    verdicts = [
        verdict(seed, level, what, requests=5000, share=0.49, batches=40) for seed in range(20)
    ]
    assert Verdict.ROLL_BACK not in verdicts
    assert Verdict.PROMOTE not in verdicts


@pytest.mark.parametrize("level", LEVELS.values(), ids=list(LEVELS))
def test_a_slow_challenger_is_found_on_any_level(level: Level) -> None:
    verdicts = [verdict(seed, level, "latency", slower=1.7) for seed in range(10)]
    assert verdicts == [Verdict.ROLL_BACK] * 10


def test_an_arm_is_never_paired_with_another_time() -> None:
    trial = Trial(Rules(grid=(), ratios=()))
    for _ in range(300):
        # While the level is bad only the challenger is asked, while it is good only the champion.
        trial.add_errors(np.zeros(0), np.ones(30))
        trial.add_errors(np.zeros(30), np.zeros(0))
        trial.add_latencies(np.zeros(0), np.full(30, 9.0))
        trial.add_latencies(np.full(30, 0.1), np.zeros(0))
    assert trial.decide().verdict is Verdict.CONTINUE
