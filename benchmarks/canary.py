"""How often a challenger that is no better is promoted, and how soon a better one is.

Simulated trials at a share of 5 %, decided after every batch of 2,000 requests by the default
rules. All that is random is drawn: arms, outcomes (right or wrong), failures and latencies. In some
cases the level of both arms changes together in the course of the trial and within its batches: at
full load 10 points fewer answers are right, 5 % more requests fail, and each takes three times as
long.
The baseline of ``canary_aa`` is what people do who peek at a usual z-test; that of ``canary_ab``
the sample of a z-test whose size is fixed beforehand for a power of 80 %, never looked at before.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
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
RULES = Rules(alpha=ALPHA, grid=(), ratios=())
DAMAGE, BROKEN, SLOWNESS = 0.1, 0.05, 2.0
"""What full load does: accuracy lost, failures added, and by how much latencies grow."""

Floats = npt.NDArray[np.float64]


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
        load: from 0 to 1 by batches since the beginning, the same for both arms.
    """

    name: str
    wanted: Verdict
    gain: float = 0.0
    failures: float = FAILURES
    slower: float = 1.0
    trials: int = TRIALS
    load: Callable[[Floats], Floats] = np.zeros_like


NULLS = (
    Effect("steady", Verdict.CONTINUE),
    Effect(
        "daily cycle", Verdict.CONTINUE, trials=300,
        load=lambda at: np.sin(2 * np.pi * at / PEEKS) ** 2,
    ),
    Effect("step", Verdict.CONTINUE, trials=300, load=lambda at: (at > PEEKS / 2 + 0.5) * 1.0),
    Effect("slow moments", Verdict.CONTINUE, trials=300, load=lambda at: (at % 4 < 0.3) * 1.0),
    Effect("trend", Verdict.CONTINUE, trials=300, load=lambda at: at / PEEKS),
)  # fmt: skip
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
    """``canary_aa``: wrong verdicts in %, on a level that is steady or changes for both arms."""
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
    rate = 100 * max(promoted, rolled_back) / n
    return Figure(
        "canary_aa", rate, "%", naive, rate / naive if naive else None,
        goal="at most 5 % promoted, at most 5 % rolled back",
        met=None if options.scale < 1 else rate <= 100 * ALPHA,
        extra={
            "kind": effect.name, "trials": n, "peeks": PEEKS,
            "promoted": promoted, "promoted_interval": _interval(promoted, n),
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
        load = effect.load(peek + np.sort(rng.random(BATCH)))
        theirs = rng.random(BATCH) < DEFAULT_SHARE
        right = rng.random(BATCH) < ACCURACY - DAMAGE * load + effect.gain * theirs
        failures = FAILURES + BROKEN * load + (effect.failures - FAILURES) * theirs
        failed = rng.random(BATCH) < failures
        slower = np.where(theirs, effect.slower, 1.0) * (1 + SLOWNESS * load)
        seconds = slower * rng.lognormal(*LATENCY, BATCH)
        trial.add_outcomes(right[~theirs], right[theirs])
        trial.add_errors(failed[~theirs], failed[theirs])
        trial.add_latencies(seconds[~theirs], seconds[theirs])
        sums += [right[~theirs].sum(), (~theirs).sum(), right[theirs].sum(), theirs.sum()]
        naive = naive or _z(sums) > SIGNIFICANT
        decision = trial.decide()
        shown = max(shown, decision.evidence[0].good)
        if verdict is Verdict.CONTINUE and decision.verdict is not Verdict.CONTINUE:
            verdict, labels = decision.verdict, int(sums[3])
            if early:
                break
    return _Run(verdict, labels, shown >= -math.log(ALPHA), naive)


def _z(sums: Floats) -> float:
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
