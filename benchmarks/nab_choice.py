"""Refractory period and threshold of a detector, chosen on some folders and judged on others.

A constant that is chosen on what it is scored on flatters. So each folder of the corpus is left out
in turn, both constants are chosen on the others by :func:`choose`, and only the folder that was
left out is scored. The two folders of artificial series are one: their series are of one kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.nab_corpus import Series
from benchmarks.nab_score import Indices, Profile, count, normalised
from ml.anomaly.state import Floats

HOURS = (3.0, 6.0, 12.0, 24.0, 48.0)
"""Refractory periods tried. At five minutes a row, which most series have, the first is a little
longer than what a score looks back at."""

THRESHOLDS: Floats = np.arange(1.0, 7.0, 0.05) ** 2 / 2.1
"""Thresholds tried: equal steps of the mean rank, whose square the default detector's score is."""

SMOOTH = 2
"""Neighbours on either side that a threshold's score is averaged with: of two equal peaks the
broader one is more likely to be there on other series."""

_DRAWS = 1_000


@dataclass(frozen=True)
class Constants:
    """What is chosen.

    Attributes:
        hours: refractory period.
        threshold: of the scores.
    """

    hours: float
    threshold: float


@dataclass(frozen=True)
class LeftOut:
    """A detector's score on each folder, with constants chosen on the other folders.

    Attributes:
        score: over all folders.
        folders: folder -> its score.
        chosen: folder -> what was chosen without it.
        final: what is chosen on all folders; no score belongs to it.
    """

    score: float
    folders: dict[str, float]
    chosen: dict[str, Constants]
    final: Constants


def folder_of(series: Series) -> str:
    """The folder that a series is left out with."""
    folder = series.name.split("/")[0]
    return "artificial" if folder.startswith("artificial") else folder


def alarms_apart(times: Floats, scores: Floats, threshold: float, hours: float) -> Indices:
    """Rows with an alarm: at or above the threshold, and not soon after an alarm.

    Args:
        times: shape (rows,), seconds.
        scores: shape (rows,).
        threshold: in the scores' unit.
        hours: after an alarm in which there is none.
    """
    kept: list[int] = []
    last = -np.inf
    for row in np.flatnonzero(scores >= threshold).tolist():
        if times[row] - last > hours * 3600.0:
            kept.append(row)
            last = times[row]
    return np.array(kept, dtype=np.intp)


def left_out(series: Sequence[Series], scores: Sequence[Floats], profile: Profile) -> LeftOut:
    """Leave each folder out in turn.

    Args:
        series: of at least two folders with anomaly windows.
        scores: of each series, shape (rows,).
        profile: weights.
    """
    raw = np.array([_raw(one, score, profile) for one, score in zip(series, scores, strict=True)])
    windows = np.array([len(one.truth.windows) for one in series])
    names = np.array([folder_of(one) for one in series])
    folders, chosen, total = {}, {}, 0.0
    for name in dict.fromkeys(names.tolist()):
        here = names == name
        row, column = choose(raw[~here], windows[~here], profile)
        chosen[name] = Constants(HOURS[row], float(THRESHOLDS[column]))
        found = float(raw[here, row, column].sum())
        total += found
        if windows[here].any():
            folders[name] = normalised(found, int(windows[here].sum()), profile)
    row, column = choose(raw, windows, profile)
    return LeftOut(
        normalised(total, int(windows.sum()), profile),
        folders,
        chosen,
        Constants(HOURS[row], float(THRESHOLDS[column])),
    )


def choose(raw: Floats, windows: Indices, profile: Profile) -> tuple[int, int]:
    """The shortest refractory period within a standard error of the best, and its threshold.

    The rule of the purchase model's choice: of what cannot be told apart, the simplest. A short
    period hides the least.

    Args:
        raw: raw scores, shape (series, refractory periods, thresholds).
        windows: of each series.
        profile: weights.

    Returns:
        Positions in :data:`HOURS` and :data:`THRESHOLDS`.
    """
    total = normalised(raw.sum(axis=0), int(windows.sum()), profile)
    padded = np.pad(total, ((0, 0), (SMOOTH, SMOOTH)), mode="edge")
    width = 2 * SMOOTH + 1
    smooth = np.mean([padded[:, n : n + total.shape[1]] for n in range(width)], axis=0)
    best = np.unravel_index(int(smooth.argmax()), smooth.shape)
    drawn = np.random.default_rng(0).integers(0, len(raw), (_DRAWS, len(raw)))
    many = windows[drawn].sum(axis=1)
    sums = raw[:, best[0], best[1]][drawn].sum(axis=1)
    error = float(np.std([normalised(a, int(b), profile) for a, b in zip(sums, many) if b]))  # noqa: B905
    enough = smooth.max(axis=1) >= smooth[best] - error
    row = int(np.flatnonzero(enough)[0])
    return row, int(smooth[row].argmax())


def _raw(series: Series, scores: Floats, profile: Profile) -> Floats:
    truth = series.truth
    # An alarm within the probationary period must not silence the time after it.
    counted = np.where(np.arange(truth.rows) < truth.probation, -np.inf, scores)
    return np.array(
        [
            [
                count(truth, alarms_apart(series.times, counted, threshold, hours), profile).raw
                for threshold in THRESHOLDS.tolist()
            ]
            for hours in HOURS
        ]
    )
