"""What detectors remember: stopping and going on is as never stopping."""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.anomaly.ensemble import DETECTORS
from ml.anomaly.errors import AnomalyError
from ml.anomaly.likelihood import Likelihood
from ml.anomaly.neighbours import LeftProfile, SameTimeOfDay
from ml.anomaly.reconstruction import SHAPES, Network, Reconstruction
from ml.anomaly.robust import RobustZ
from ml.anomaly.state import array, pack, part, unpack, within
from ml.anomaly.stream import Detector
from ml.anomaly.subpca import SubPCA
from ml.anomaly.threshold import Spot

HOUR = 3600.0


def network(hidden: int = 3, seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    sizes = {4: 4 * hidden, 1: 1}
    weights = {}
    for name, shape in SHAPES.items():
        if name.startswith("output"):
            wanted = tuple(hidden if size == 4 else 1 for size in shape)
        else:
            wanted = (sizes[4], *(hidden if size == 4 else 1 for size in shape[1:]))
        weights[name] = rng.normal(scale=0.4, size=wanted)
    return Network(weights)


NETWORK = network()
SMALL: dict[str, Callable[[], Detector]] = {
    "robust_z": lambda: RobustZ(window=20, warm_up=5),
    "sub_pca": lambda: SubPCA(width=4, refit=5),
    "left_profile": lambda: LeftProfile(width=3, memory=15),
    "same_time_of_day": lambda: SameTimeOfDay(width=3, memory=15, tolerance=HOUR),
    "reconstruction": lambda: Reconstruction(NETWORK, (0.0, 10.0)),
    "reconstruction_calibrating": lambda: Reconstruction(NETWORK),
    "likelihood": lambda: Likelihood(LeftProfile(width=2, memory=9), mean_over=3, warm_up=6),
    **DETECTORS,
}


def scores(detector: Detector, values: list[float], first: int = 0) -> list[float]:
    return [detector.update((first + n) * HOUR, value) for n, value in enumerate(values)]


@pytest.mark.parametrize("make", SMALL.values(), ids=SMALL.keys())
@settings(max_examples=15)
@given(
    values=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=70),
    cuts=st.lists(st.integers(0, 70), max_size=3),
)
def test_restored_midway_the_scores_are_those_of_one_that_never_stopped(
    make: Callable[[], Detector], values: list[float], cuts: list[int]
) -> None:
    whole = scores(make(), values)
    found: list[float] = []
    detector = make()
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(values)], strict=True):
        found += scores(detector, values[begin:end], begin)
        fresh = make()
        fresh.restore(unpack(pack(detector.state())))
        detector = fresh
    assert found == whole


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), cut=st.integers(0, 600))
def test_a_restored_threshold_alarms_as_one_that_never_stopped(seed: int, cut: int) -> None:
    values = np.random.default_rng(seed).exponential(size=600).tolist()
    whole, first, second = (Spot(rate=1e-2, warm_up=200) for _ in range(3))
    expected = [(whole.threshold, whole.update(value)) for value in values]
    found = [(first.threshold, first.update(value)) for value in values[:cut]]
    second.restore(unpack(pack(first.state())))
    found += [(second.threshold, second.update(value)) for value in values[cut:]]
    assert found == expected


@pytest.mark.parametrize("name", sorted(SMALL.keys() - DETECTORS.keys()))
def test_what_is_kept_does_not_grow(name: str) -> None:
    detector = SMALL[name]()
    values = np.random.default_rng(1).normal(size=800).tolist()
    sizes = []
    for begin in (0, 400):
        scores(detector, values[begin : begin + 400], begin)
        sizes.append(len(pack(detector.state())))
    assert sizes[0] == sizes[1]


def test_the_default_keeps_little_more_than_its_last_values() -> None:
    detector = DETECTORS["neighbours"]()
    scores(detector, np.random.default_rng(1).normal(size=4100).tolist())
    assert len(pack(detector.state())) < 4 * 8 * 4000


def test_a_part_is_found_again_under_its_name() -> None:
    arrays = {**within("a", {"x": array([1])}), **within("ab", {"x": array([2])})}
    assert part("a", arrays)["x"].tolist() == [1.0]
    assert list(part("a", arrays)) == ["x"]


def test_state_is_no_pickle_and_a_pickle_is_refused() -> None:
    with pytest.raises(AnomalyError, match="cannot be read"):
        unpack(pickle.dumps({"last": [1.0]}))
    buffer = io.BytesIO()
    np.savez(buffer, last=np.array([{"a": 1}], dtype=object))
    with pytest.raises(AnomalyError, match="cannot be read"):
        unpack(buffer.getvalue())
    with pytest.raises(AnomalyError, match="cannot be read"):
        unpack(pack({"last": array([1.0])})[:40])


def test_a_network_without_all_its_weights_or_with_nan_is_refused() -> None:
    with pytest.raises(AnomalyError, match="lacks"):
        Network({})
    weights = dict.fromkeys(SHAPES, np.full((4, 4), math.nan))
    with pytest.raises(AnomalyError, match="is not a number"):
        Network(weights)


def test_a_series_without_statistics_finds_its_own_and_scores_0_until_then() -> None:
    values = np.random.default_rng(2).normal(50, 5, size=400).tolist()
    found = scores(Reconstruction(NETWORK), values)
    assert max(found[:299]) == 0.0
    moments = (float(np.mean(values[:300])), float(np.std(values[:300], ddof=1)))
    expected = scores(Reconstruction(NETWORK, moments), values)
    assert found[300:] == pytest.approx(expected[300:])
