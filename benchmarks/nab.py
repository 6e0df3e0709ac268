"""How good the streaming anomaly detectors are on the given NAB series, and how fast.

Every detector has one configuration for all series. The figure is the NAB score *left out by
folder*: refractory period and threshold are chosen on the other folders (:mod:`.nab_choice`), so
neither was chosen on what it is scored on. ``same_series_score`` has both chosen on the very series
that are scored, as the benchmark itself does with the threshold. ``incidents_*`` come from peaks
over threshold, which see no label. The design of the detectors was compared while looking at these
folders, so a figure for series that nobody has seen may be lower. Point-adjusted F1 is not
reported: it rewards noise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from benchmarks.figures import Figure, Options
from benchmarks.nab_choice import folder_of, left_out
from benchmarks.nab_corpus import Series, read_profiles, read_series
from benchmarks.nab_score import Profile, sweep
from ml.anomaly.autoencoder import moments, train, windows
from ml.anomaly.ensemble import DETECTORS
from ml.anomaly.incidents import Kind, Rule, State, step
from ml.anomaly.likelihood import Likelihood, surprise_at
from ml.anomaly.reconstruction import Network, Reconstruction
from ml.anomaly.state import Floats
from ml.anomaly.stream import Detector
from ml.anomaly.threshold import Spot
from ml.anomaly.vus import vus_pr
from platform_assets.core.settings import REPOSITORY

DATA = REPOSITORY.parent / "shared" / "data" / "nab"

REFRACTORY = 150
"""Rows without a second alarm in ``same_series_score``, which is chosen on what it is scored on."""

BUFFER = 100
"""Rows of the longest buffer of VUS-PR."""

RATE = 1e-3
"""Wanted share of ordinary points in alarm, for incidents. Chosen of four on these series."""

PAUSE = Rule(recover_after=4 * 3600.0)

GOAL = 75.0
CHOSEN = "neighbours"
AUTOENCODER = "lstm_autoencoder"


def run(options: Options) -> list[Figure]:
    """``nab``, ``vus_pr`` and ``anomaly_stream``: a figure for each detector."""
    profiles = read_profiles(DATA)
    series = read_series(DATA)
    # Of each folder some: one is left out from the others.
    series = _spread(series)[: options.sized(len(series), least=6)]
    figures: list[Figure] = []
    makers: dict[str, Callable[[Series], Detector]] = {
        **{name: partial(_fresh, make) for name, make in DETECTORS.items()},
        AUTOENCODER: _trained,
    }
    for name, make in makers.items():
        scores, rate = _stream(series, make)
        options.say(f"{name}: {rate:,.0f} points/s")
        figures += _judged(name, series, scores, profiles, options.scale >= 1)
        figures.append(
            Figure(
                "anomaly_stream", rate, "points/s", goal="measured",
                extra={
                    "kind": "detector", "detector": name, "points": sum(map(len, scores)),
                    "cores": 1,
                },
            )
        )  # fmt: skip
    return figures


def _spread(series: Sequence[Series]) -> list[Series]:
    """Folder after folder in turn, those with anomalies first."""
    turns: dict[str, int] = {}
    keyed = []
    for one in sorted(series, key=lambda one: not one.truth.windows):
        turn = turns[folder_of(one)] = turns.get(folder_of(one), 0) + 1
        keyed.append((turn, one))
    return [one for _, one in sorted(keyed, key=lambda pair: pair[0])]


def _fresh(make: Callable[[], Detector], _series: Series) -> Detector:
    return make()


def _trained(series: Series) -> Detector:
    """The LSTM autoencoder, trained on the probationary part of the series and nothing else.

    Its scores within that part come from weights that have seen it; no alarm counts there.
    """
    probation = series.values[: series.truth.probation]
    network = Network(train(windows([probation])).weights)
    return Likelihood(Reconstruction(network, moments(probation)))


def _stream(
    series: Sequence[Series], make: Callable[[Series], Detector]
) -> tuple[list[Floats], float]:
    """Scores of each series by a fresh detector, and points a second on one core.

    Training, where a detector needs any, is not in the rate.
    """
    scores, seconds = [], 0.0
    for one in series:
        detector = make(one)
        began = time.process_time()
        points = zip(one.times.tolist(), one.values.tolist(), strict=True)
        scores.append(np.array([detector.update(at, value) for at, value in points]))
        seconds += time.process_time() - began
    return scores, sum(map(len, scores)) / seconds


def _judged(
    name: str,
    series: Sequence[Series],
    scores: Sequence[Floats],
    profiles: dict[str, Profile],
    complete: bool,
) -> list[Figure]:
    scored = {one.name: (one.truth, score) for one, score in zip(series, scores, strict=True)}
    swept = {kind: sweep(scored, profile, REFRACTORY) for kind, profile in profiles.items()}
    standard = swept["standard"]
    result = standard.result(standard.best())
    honest = left_out(series, scores, profiles["standard"])
    found, false = _incidents(series, scores)
    volumes = [
        vus_pr(score[one.truth.probation :], one.truth.labels[one.truth.probation :], BUFFER)
        for one, score in zip(series, scores, strict=True)
        if one.truth.windows
    ]
    share = [one.truth.labels[one.truth.probation :].mean() for one in series if one.truth.windows]
    return [
        Figure(
            "nab", honest.score, "NAB score",
            goal=f"above {GOAL:g}" if name == CHOSEN else "measured",
            met=honest.score > GOAL if name == CHOSEN and complete else None,
            extra={
                "kind": "detector", "detector": name, "profile": "standard",
                "left_out": {name: round(score, 1) for name, score in honest.folders.items()},
                "chosen_without": {
                    name: [one.hours, round(one.threshold, 2)]
                    for name, one in honest.chosen.items()
                },
                "chosen_on_all": [honest.final.hours, round(honest.final.threshold, 2)],
                "series": len(series), "windows": result.windows,
                "same_series_score": round(result.score, 1),
                "same_series_hits": result.hits, "same_series_false": result.false_alarms,
                "incidents_rate": RATE, "incidents_hits": found, "incidents_false": false,
                **{
                    kind: round(other.result(other.best()).score, 1)
                    for kind, other in swept.items()
                    if kind != "standard"
                },
            },
        ),
        Figure(
            "vus_pr", float(np.mean(volumes)), "VUS-PR", float(np.mean(share)),
            float(np.mean(volumes) / np.mean(share)), goal="measured",
            extra={
                "kind": "detector", "detector": name, "series": len(volumes),
                "longest_buffer": BUFFER,
                "lowest": round(min(volumes), 3), "highest": round(max(volumes), 3),
            },
        ),
    ]  # fmt: skip


def _incidents(series: Sequence[Series], scores: Sequence[Floats]) -> tuple[int, int]:
    """Windows in which an incident opened, and incidents that opened outside all windows."""
    hits: set[tuple[str, int]] = set()
    false = 0
    for one, score in zip(series, scores, strict=True):
        limit, state = Spot(RATE), State(one.name)
        points = zip(one.times.tolist(), score.tolist(), one.truth.window_of.tolist(), strict=True)
        for at, value, window in points:
            threshold = max(limit.threshold, surprise_at(RATE))
            limit.update(value)
            state, events = step(state, at, value, threshold, PAUSE)
            if any(event.kind is Kind.OPENED for event in events):
                hits |= {(one.name, window)} if window >= 0 else set()
                false += window < 0
    return len(hits), false
