"""Anomalies put into real values, for streams whose own anomalies nobody has labelled.

Found anomalies of this sort say which detector sees *such* changes on *this* stream's ordinary
values. They say nothing about how many real incidents will be found, so every figure that rests on
them is named ``synthetic``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ml.anomaly.state import Floats

KINDS = ("spike", "level_shift", "flat", "drift")
EVERY_ROWS = 160
"""An anomaly for so many rows, and at least one of each kind."""

_LENGTHS: Mapping[str, tuple[int, int]] = {
    "spike": (1, 3),
    "level_shift": (12, 36),
    "flat": (12, 36),
    "drift": (18, 48),
}
_SMALLEST, _LARGEST = 3.0, 6.0
"""Size in deviations of the series."""


def inject(
    signals: Mapping[str, Floats], first: int, seed: int
) -> tuple[dict[str, Floats], npt.NDArray[np.bool_]]:
    """Copies of a series' signals with anomalies in them, each in one signal.

    Args:
        signals: each of shape (rows,); NaN where a signal has no value.
        first: row from which on anomalies are put in; deviations are taken before it.
        seed: of kinds, places and sizes.

    Returns:
        The changed signals, and a label a row: whether any signal was changed there.
    """
    rng = np.random.default_rng(seed)
    names = sorted(signals)
    changed = {name: signals[name].copy() for name in names}
    rows = len(changed[names[0]])
    labels = np.zeros(rows, dtype=bool)
    scale = {name: _deviation(values[:first]) for name, values in changed.items()}
    count = max(len(KINDS), (rows - first) // EVERY_ROWS)
    # One in each equal stretch, so that none overlap.
    edges = np.linspace(first, rows, count + 1).astype(int)
    for number, (low, high) in enumerate(pairwise(edges)):
        kind = KINDS[number % len(KINDS)]
        least, most = _LENGTHS[kind]
        length = min(int(rng.integers(least, most + 1)), max(1, (high - low) // 2))
        start = int(rng.integers(low, max(low + 1, high - length)))
        name = names[int(rng.integers(len(names)))]
        size = rng.choice([-1.0, 1.0]) * rng.uniform(_SMALLEST, _LARGEST) * scale[name]
        place = slice(start, min(start + length, rows))
        changed[name][place] = _MAKE[kind](changed[name][place], float(size))
        labels[place] = True
    return changed, labels


def _deviation(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.std()) if known.size else 0.0


def _ramp(values: Floats, size: float) -> Floats:
    return values + np.linspace(0.0, size, len(values))


_MAKE: Mapping[str, Callable[[Floats, float], Floats]] = {
    "spike": lambda values, size: values + size,
    "level_shift": lambda values, size: values + size,
    "flat": lambda values, _size: np.full_like(values, values[0]),
    "drift": _ramp,
}
