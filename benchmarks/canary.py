"""How often a challenger that is no better is promoted, and how soon a better one is.

Simulated trials at a share of 5 %, decided after every batch of 2,000 requests by the default
rules. All that is random is drawn: arm sizes, outcomes (right or wrong), failures and latencies.
The baseline of ``canary_aa`` is what people do who peek at a usual z-test; that of ``canary_ab``
the sample of a z-test whose size is fixed beforehand for a power of 80 %, never looked at before.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy import stats

from benchmarks.figures import Figure, Options, middle
from ml.canary.sequential import Rules, Trial, Verdict
from ml.canary.share import DEFAULT_SHARE

BATCH = 2_000
TRIALS = 1_000
PEEKS = 40
"""Batches of a trial: about 4,000 labels of the challenger."""
ALPHA = 0.05
ACCURACY = 0.85
FAILURES = 0.002
LATENCY = (-3.0, 0.5)
"""Of the log of the latency in seconds: mean and standard deviation."""
SIGNIFICANT = float(stats.norm.ppf(1 - ALPHA))
RULES = Rules(alpha=ALPHA, grid=())


@dataclass(frozen=True)
class Effect:
    """What the challenger is like.

    Attributes:
        name: for the figure.
        wanted: the verdict that is right.
        gain: of accuracy.
        failures: its rate of failed requests.
        slower: factor on its latencies.
        trials: simulated at scale 1.
        swing: by how much the level of both arms drifts up and down in the course of the trial.
    """

    name: str
    wanted: Verdict
    gain: float = 0.0
    failures: float = FAILURES
    slower: float = 1.0
    trials: int = TRIALS
    swing: float = 0.0


NULLS = (
    Effect("steady", Verdict.CONTINUE),
    Effect("level drifts by 10 points", Verdict.CONTINUE, trials=300, swing=0.1),
)
EFFECTS = (
    Effect("accuracy +2 points", Verdict.PROMOTE, gain=0.02),
    Effect("accuracy +3 points", Verdict.PROMOTE, gain=0.03),
    Effect("accuracy +5 points", Verdict.PROMOTE, gain=0.05),
    Effect("accuracy -5 points", Verdict.ROLL_BACK, gain=-0.05, trials=250),
    Effect("failures 0.2 to 3 %", Verdict.ROLL_BACK, failures=0.03, trials=250),
    Effect("latency times 1.5", Verdict.ROLL_BACK, slower=1.5, trials=250),
)


@dataclass(frozen=True)
class _Run:
    verdict: Verdict
    labels: int
    """Of the challenger, at the verdict."""
    outcome_shown: bool
    """Whether the outcome test alone would have promoted at some time."""
    naive: bool
    """Whether a z-test would have, at some look."""


def run_aa(options: Options) -> list[Figure]:
    """``canary_aa``: false promotions in %, for a steady level and a drifting one."""
    return [_aa(options, effect, 10 + number) for number, effect in enumerate(NULLS)]


def run_ab(options: Options) -> list[Figure]:
    """``canary_ab``: median labels of the challenger at the right verdict, with the power."""
    return [_ab(options, effect, 20 + number) for number, effect in enumerate(EFFECTS)]


def _aa(options: Options, effect: Effect, seed: int) -> Figure:
    runs = _runs(options, effect, seed, early=False)
    n = len(runs)
    promoted = sum(run.verdict is Verdict.PROMOTE for run in runs)
    shown = sum(run.outcome_shown for run in runs)
    naive = 100 * sum(run.naive for run in runs) / n
    rolled_back = sum(run.verdict is Verdict.ROLL_BACK for run in runs)
    low, high = _interval(promoted, n)
    rate = 100 * promoted / n
    return Figure(
        "canary_aa", rate, "%", naive, rate / naive if naive else None,
        goal="at most 5 % promoted", met=None if options.scale < 1 else rate <= 100 * ALPHA,
        extra={
            "kind": effect.name, "trials": n, "peeks": PEEKS, "promoted": promoted,
            "interval_95_percent": [low, high],
            "outcome_test_alone": shown, "outcome_test_alone_interval": _interval(shown, n),
            "rolled_back": rolled_back, "rolled_back_interval": _interval(rolled_back, n),
        },
    )  # fmt: skip


def _ab(options: Options, effect: Effect, seed: int) -> Figure:
    runs = _runs(options, effect, seed, early=True)
    right = [run for run in runs if run.verdict is effect.wanted]
    counts = Counter(run.verdict.value for run in runs)
    # Trials without the right verdict count as the longest ones.
    labels = [run.labels if run.verdict is effect.wanted else math.inf for run in runs]
    median = middle(labels)
    longest = round(PEEKS * BATCH * DEFAULT_SHARE)
    baseline = _fixed(effect.gain) if effect.gain > 0 else None
    value = min(median, longest)
    return Figure(
        "canary_ab", value, "labels", baseline, value / baseline if baseline else None,
        goal=effect.wanted.value,
        extra={
            "kind": effect.name, "trials": len(runs), "power_percent": 100 * len(right) / len(runs),
            "power_interval_95_percent": _interval(len(right), len(runs)),
            "verdicts": dict(counts), "median_is_a_lower_limit": math.isinf(median),
            "longest": longest,
        },
    )  # fmt: skip


def _runs(options: Options, effect: Effect, seed: int, early: bool) -> list[_Run]:
    rng = np.random.default_rng(seed)
    trials = options.sized(effect.trials, 20)
    options.say(f"{effect.name}: {trials} trials of up to {PEEKS} batches")
    return [_trial(effect, rng, early) for _ in range(trials)]


def _trial(effect: Effect, rng: np.random.Generator, early: bool) -> _Run:
    trial = Trial(RULES)
    sums = np.zeros(4)  # right and all of the champion, of the challenger
    verdict, labels, naive = Verdict.CONTINUE, 0, False
    shown = -math.inf
    for peek in range(PEEKS):
        theirs = int(rng.binomial(BATCH, DEFAULT_SHARE))
        ours = BATCH - theirs
        level = ACCURACY - effect.swing * math.sin(2 * math.pi * peek / PEEKS) ** 2
        champion = _bits(rng, ours, level)
        challenger = _bits(rng, theirs, level + effect.gain)
        trial.add_outcomes(champion, challenger)
        trial.add_errors(_bits(rng, ours, FAILURES), _bits(rng, theirs, effect.failures))
        trial.add_latencies(
            rng.lognormal(*LATENCY, ours), effect.slower * rng.lognormal(*LATENCY, theirs)
        )
        sums += [champion.sum(), ours, challenger.sum(), theirs]
        naive = naive or _z(sums) > SIGNIFICANT
        decision = trial.decide()
        shown = max(shown, decision.evidence[0].good)
        if verdict is Verdict.CONTINUE and decision.verdict is not Verdict.CONTINUE:
            verdict, labels = decision.verdict, int(sums[3])
            if early:
                break
    return _Run(verdict, labels, shown >= -math.log(ALPHA), naive)


def _bits(
    rng: np.random.Generator, n: int, rate: float
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return rng.random(n) < rate


def _z(sums: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    right, n, theirs, m = (float(value) for value in sums)
    pooled = (right + theirs) / (n + m)
    return (theirs / m - right / n) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))


def _fixed(gain: float) -> float:
    """Challenger's sample of a one-sided z-test of fixed size with a power of 80 %."""
    better = ACCURACY + gain
    odds = (1 - DEFAULT_SHARE) / DEFAULT_SHARE
    variance = better * (1 - better) + ACCURACY * (1 - ACCURACY) / odds
    z = SIGNIFICANT + float(stats.norm.ppf(0.8))
    return z * z * variance / gain**2


def _interval(hits: int, n: int) -> list[float]:
    """Clopper-Pearson interval at 95 %, in %."""
    interval = stats.binomtest(hits, n).proportion_ci(0.95, method="exact")
    return [round(100 * float(interval.low), 2), round(100 * float(interval.high), 2)]
