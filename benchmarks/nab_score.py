"""The score of the Numenta Anomaly Benchmark, from the formula.

Source: Lavin and Ahmad 2015, "Evaluating Real-time Anomaly Detection Algorithms: the Numenta
Anomaly Benchmark", section III, and for what it leaves open (where a position counts from, the
cap of the probationary period) the benchmark's own scorer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ml.anomaly.errors import AnomalyError
from ml.anomaly.state import Floats

Indices = npt.NDArray[np.intp]
Raw = TypeVar("Raw", float, Floats)

PROBATION = 0.15
"""Share of a series at its start in which no alarm counts."""

PROBATION_ROWS = 5000
"""Rows from which on the probationary period grows no more."""

FAR = 3.0
"""Window lengths after a window from which on a false alarm costs its full weight."""


@dataclass(frozen=True)
class Profile:
    """What hits, misses and false alarms are worth to somebody.

    Attributes:
        hit: weight of a detected window (tpWeight).
        miss: weight of a missed window (fnWeight).
        false_alarm: weight of an alarm outside all windows (fpWeight).
    """

    hit: float
    miss: float
    false_alarm: float


@dataclass(frozen=True)
class Truth:
    """What is known of one series.

    Attributes:
        rows: length of the series.
        windows: first and last row of each anomaly window, both inclusive, in order.
        worth: for each row the unweighted worth of an alarm there: 0 to 1 in a window, -1 to 0
            outside.
        window_of: for each row the number of its window, -1 outside.
    """

    rows: int
    windows: tuple[tuple[int, int], ...]
    worth: Floats = field(init=False, repr=False, compare=False)
    window_of: Indices = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        before = -1
        for first, last in self.windows:
            if not before < first <= last < self.rows:
                raise AnomalyError(
                    f"window {first} to {last} is not in order within {self.rows} rows",
                    "give inclusive row numbers that do not overlap",
                )
            before = last
        worth, window_of = _worth(self.rows, self.windows)
        object.__setattr__(self, "worth", worth)
        object.__setattr__(self, "window_of", window_of)

    @property
    def probation(self) -> int:
        """Rows of the probationary period."""
        return int(PROBATION * min(self.rows, PROBATION_ROWS))

    @property
    def labels(self) -> npt.NDArray[np.bool_]:
        """For each row, whether it lies in a window."""
        return self.window_of >= 0


@dataclass(frozen=True)
class Result:
    """A detector's alarms against the truth, over any number of series.

    Attributes:
        score: 0 is the detector that never alarms, 100 the one that alarms once at the first row
            of each window. It can be negative.
        threshold: of the scores; the same for all series.
        windows: how many there are.
        hits: how many were detected.
        false_alarms: alarms outside all windows.
    """

    score: float
    threshold: float
    windows: int
    hits: int
    false_alarms: int


def scaled_sigmoid(position: Floats) -> Floats:
    """Worth of an alarm by its position: ``2 / (1 + exp(5 y)) - 1``, and -1 from 3 on.

    Args:
        position: any shape; in window lengths from the window's end, negative within.
    """
    inside = 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, FAR))) - 1.0
    return np.where(position >= FAR, -1.0, inside)


def _worth(rows: int, windows: Sequence[tuple[int, int]]) -> tuple[Floats, Indices]:
    worth = np.full(rows, -1.0)
    window_of = np.full(rows, -1, dtype=np.intp)
    # Best possible is the first row of a window, so that perfect alarms give exactly one each.
    best = float(scaled_sigmoid(np.array([-1.0]))[0])
    for number, (first, last) in enumerate(windows):
        length = last - first + 1
        inside = np.arange(first, last + 1)
        worth[inside] = scaled_sigmoid(-(last - inside + 1) / length) / best
        window_of[inside] = number
        after = np.arange(last + 1, rows)
        worth[after] = scaled_sigmoid((after - last) / max(length - 1, 1))
    return worth, window_of


def alarms(scores: Floats, threshold: float, refractory: int = 0) -> Indices:
    """Rows with an alarm: at or above the threshold, and not soon after an alarm.

    Args:
        scores: shape (rows,), higher is stranger.
        threshold: in the scores' unit.
        refractory: rows after an alarm in which there is none; 0 for none such.
    """
    above = np.flatnonzero(scores >= threshold)
    if refractory <= 0 or not above.size:
        return above
    kept = []
    place = 0
    while place < above.size:
        kept.append(above[place])
        place = int(np.searchsorted(above, above[place] + refractory, side="right"))
    return np.array(kept, dtype=np.intp)


@dataclass(frozen=True)
class Count:
    """What alarms in one series come to.

    Attributes:
        raw: their weighted worth, less what was missed.
        windows: how many there are.
        hits: how many were detected.
        false_alarms: alarms outside all windows.
    """

    raw: float
    windows: int
    hits: int
    false_alarms: int


def count(truth: Truth, at: Indices, profile: Profile) -> Count:
    """Judge the alarms at these rows; those in the probationary period do not count."""
    at = at[at >= truth.probation]
    window = truth.window_of[at]
    worth = truth.worth[at]
    outside = window < 0
    # Only the best alarm of a window counts; the others are neither hits nor false.
    best: dict[int, float] = {}
    for number, value in zip(window[~outside].tolist(), worth[~outside].tolist(), strict=True):
        best[number] = max(best.get(number, value), value)
    missed = len(truth.windows) - len(best)
    raw = (
        profile.hit * sum(best.values())
        - profile.miss * missed
        + profile.false_alarm * float(worth[outside].sum())
    )
    return Count(raw, len(truth.windows), len(best), int(outside.sum()))


def normalised(raw: Raw, windows: int, profile: Profile) -> Raw:
    """The score that a raw one comes to: 0 for no alarm at all, 100 for perfect ones.

    Raises:
        AnomalyError: there is no window.
    """
    if not windows:
        raise AnomalyError("no series has an anomaly window", "score series with labels")
    null, perfect = -profile.miss * windows, profile.hit * windows
    return 100.0 * (raw - null) / (perfect - null)


def _normalised(counts: Sequence[Count], profile: Profile) -> float:
    return normalised(
        float(sum(one.raw for one in counts)), sum(one.windows for one in counts), profile
    )


def score_alarms(found: Iterable[tuple[Truth, Indices]], profile: Profile) -> float:
    """The NAB score of alarms: 0 for the null detector, 100 for the perfect one.

    Args:
        found: each series' truth and the rows of its alarms.
        profile: weights.

    Raises:
        AnomalyError: there is no window in any series.
    """
    return _normalised([count(truth, at, profile) for truth, at in found], profile)


@dataclass(frozen=True)
class Sweep:
    """Raw scores of each series at each candidate threshold.

    Attributes:
        names: of the series.
        thresholds: shape (candidates,), rising; the last is above all scores.
        counts: series by candidates.
        profile: weights.
    """

    names: tuple[str, ...]
    thresholds: Floats
    counts: tuple[tuple[Count, ...], ...]
    profile: Profile

    def best(self, rows: Sequence[int] | None = None) -> int:
        """The candidate with the highest score over these series (all if None)."""
        chosen = self.counts if rows is None else [self.counts[row] for row in rows]
        raw = np.array([[one.raw for one in series] for series in chosen]).sum(axis=0)
        # Of equals the highest threshold: fewer alarms for the same score.
        return int(len(raw) - 1 - np.argmax(raw[::-1]))

    def result(self, candidate: int, rows: Sequence[int] | None = None) -> Result:
        """The result of one candidate over these series (all if None; one may come twice)."""
        wanted = range(len(self.counts)) if rows is None else rows
        chosen = [self.counts[row][candidate] for row in wanted]
        return Result(
            _normalised(chosen, self.profile),
            float(self.thresholds[candidate]),
            sum(one.windows for one in chosen),
            sum(one.hits for one in chosen),
            sum(one.false_alarms for one in chosen),
        )

    def held_out(self) -> float:
        """The score where each series' threshold was chosen on all the others.

        Raises:
            AnomalyError: there is one series only.
        """
        everything = range(len(self.counts))
        if len(everything) < 2:
            raise AnomalyError("no other series to choose on", "score two or more")
        counts = [
            self.counts[row][self.best([other for other in everything if other != row])]
            for row in everything
        ]
        return _normalised(counts, self.profile)

    def interval(self, candidate: int, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
        """95 % bootstrap interval of the score over series, the threshold kept.

        Series are drawn with replacement; draws without any window are drawn again.
        """
        generator = np.random.default_rng(seed)
        raw = np.array([series[candidate].raw for series in self.counts])
        windows = np.array([series[candidate].windows for series in self.counts], dtype=float)
        drawn = generator.integers(0, len(raw), (draws, len(raw)))
        total = windows[drawn].sum(axis=1)
        kept = total > 0
        null = -self.profile.miss * total[kept]
        perfect = self.profile.hit * total[kept]
        scores = 100.0 * (raw[drawn].sum(axis=1)[kept] - null) / (perfect - null)
        low, high = np.percentile(scores, [2.5, 97.5])
        return float(low), float(high)


def sweep(
    scored: Mapping[str, tuple[Truth, Floats]],
    profile: Profile,
    refractory: int = 0,
    candidates: int = 400,
) -> Sweep:
    """Score every series at the same candidate thresholds.

    Candidates are quantiles of all scores after the probationary periods, denser towards the top
    (alarms are rare). With a refractory period the alarms depend on the threshold, so each
    candidate is played through.

    Args:
        scored: series' name to its truth and its scores, shape (rows,).
        profile: weights.
        refractory: rows; see :func:`alarms`.
        candidates: how many thresholds to try.

    Raises:
        AnomalyError: a series' scores are not as long as the series, or no window is known.
    """
    for name, (truth, scores) in scored.items():
        if scores.shape != (truth.rows,):
            raise AnomalyError(
                f"series {name} has {truth.rows} rows, its scores have shape {scores.shape}",
                "give one score per row",
            )
    pooled = np.concatenate([scores[truth.probation :] for truth, scores in scored.values()])
    shares = np.concatenate([[0.0], np.geomspace(1.0 / max(pooled.size, 1), 1.0, candidates)])
    thresholds = np.unique(np.quantile(pooled, 1.0 - shares))
    thresholds = np.append(thresholds, np.nextafter(thresholds[-1], np.inf))
    counts = tuple(
        tuple(count(truth, alarms(scores, at, refractory), profile) for at in thresholds)
        for truth, scores in (
            # An alarm within the probationary period must not silence the time after it.
            (truth, np.where(np.arange(truth.rows) < truth.probation, -np.inf, scores))
            for truth, scores in scored.values()
        )
    )
    return Sweep(tuple(scored), thresholds, counts, profile)
