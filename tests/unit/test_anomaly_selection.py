"""Choosing a detector: in time order, on known anomalies or ones put in, and not by chance."""

from __future__ import annotations

import numpy as np
import pytest

from ml.anomaly.errors import AnomalyError
from ml.anomaly.model import maker
from ml.anomaly.selection import LEAST_ROWS, History, Judgement, judge, usable
from ml.anomaly.state import Floats
from ml.anomaly.stream import Detector
from ml.anomaly.synthetic import inject

QUARTER = 900.0


class Away:
    """Sees any value far from 0."""

    def update(self, time: float, value: float) -> float:
        return abs(value)

    def state(self) -> dict[str, Floats]:
        return {}

    def restore(self, arrays: object) -> None:
        """There is nothing."""


class Blind(Away):
    """Scores without any sense."""

    def update(self, time: float, value: float) -> float:
        return (time * 7919.0) % 101.0


def away(*_: str) -> Detector:
    return Away()


def blind(*_: str) -> Detector:
    return Blind()


def history(rows: int = 900, seed: int = 0, *, labelled: bool = False) -> History:
    values = np.random.default_rng(seed).normal(scale=0.5, size=rows)
    labels = np.zeros(rows, bool)
    if labelled:
        for start in range(int(rows * 0.6) + 20, rows - 20, 40):
            values[start : start + 6] += 6.0
            labels[start : start + 6] = True
    return History(f"s{seed}", np.arange(rows) * QUARTER, {"x": values}, labels)


def test_the_one_that_sees_wins_on_labels_and_on_synthetic_ones() -> None:
    for labelled, evidence in ((True, "labels"), (False, "synthetic")):
        histories = [history(seed=n, labelled=labelled) for n in range(3)]
        found = judge(histories, {"blind": blind, "away": away})
        assert found.evidence == evidence
        assert found.best == "away"
        assert found.beats("away", "blind")
        assert not found.beats("blind", "away")


def test_one_series_is_judged_more_than_once() -> None:
    found = judge([history()], {"away": away})
    assert found.scores["away"].size >= 8
    assert found.series == 1


def test_what_is_equal_does_not_beat() -> None:
    same = judge([history(seed=n) for n in range(2)], {"a": away, "b": away})
    assert np.array_equal(same.scores["a"], same.scores["b"])
    assert not same.beats("a", "b")


def test_a_lead_by_chance_beats_as_rarely_as_is_said() -> None:
    rng = np.random.default_rng(0)
    wins = 0
    for _ in range(150):
        base = rng.uniform(0.3, 0.6, 8)
        scores = {"a": base, "b": base + rng.normal(scale=0.05, size=8)}
        wins += Judgement("labels", scores, 0.1, 20, 8).beats("b", "a")
    # 5 % of 150 are 7.5; 14 or more come once in a hundred times.
    assert wins < 14


def test_a_lead_in_every_series_beats() -> None:
    base = np.linspace(0.3, 0.6, 8)
    found = Judgement("labels", {"a": base, "b": base + 0.01}, 0.1, 20, 8)
    assert found.beats("b", "a")
    assert not Judgement("labels", {"a": base[:1], "b": base[:1] + 1}, 0.1, 2, 1).beats("b", "a")


def test_the_past_alone_teaches() -> None:
    # What lies in the held-out part cannot reach back: a change there leaves the taught part's
    # scores, and so the memory, as they were.
    one = history(labelled=True)
    changed = {"x": one.signals["x"].copy()}
    changed["x"][one.cut :] = 0.0
    assert one.cut == 540
    detectors = [maker("robust_z")("", "") for _ in range(2)]
    for detector, values in zip(detectors, (one.signals["x"], changed["x"]), strict=True):
        for n in range(one.cut):
            detector.update(n * QUARTER, float(values[n]))
    first, second = (detector.state() for detector in detectors)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_short_series_are_left_out_and_none_is_said() -> None:
    assert usable([history(LEAST_ROWS - 1), history(LEAST_ROWS)])[0].times.size == LEAST_ROWS
    with pytest.raises(AnomalyError, match="wait for more points"):
        judge([history(50)], {"away": away})


def test_points_without_a_value_are_not_scored() -> None:
    one = history()
    one.signals["x"][::7] = np.nan
    assert np.isfinite(judge([one], {"away": away}).scores["away"]).all()


@pytest.mark.parametrize("seed", range(10))
def test_anomalies_are_put_into_the_held_out_part_alone(seed: int) -> None:
    signals = {"x": np.random.default_rng(seed).normal(size=1000), "y": np.arange(1000.0)}
    changed, labels = inject(signals, 600, seed)
    touched = np.zeros(1000, bool)
    for name, values in signals.items():
        assert np.array_equal(changed[name][:600], values[:600])
        touched |= changed[name] != values
    # A ramp begins with 0, a flat stretch with its own first value.
    assert not (touched & ~labels).any()
    assert labels[600:].sum() >= 4
    again, _ = inject(signals, 600, seed)
    assert all(np.array_equal(again[name], changed[name]) for name in signals)
