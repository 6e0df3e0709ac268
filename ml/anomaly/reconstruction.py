"""How badly an LSTM autoencoder rebuilds the newest values: the detector, in NumPy alone.

The network is an encoder-decoder after Malhotra et al. 2016, "LSTM-based Encoder-Decoder for
Multi-sensor Anomaly Detection": an LSTM reads the window, a second one writes it from the first
one's last state, newest value first. So the newest values are rebuilt in a few steps.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

import numpy as np

from ml.anomaly.errors import AnomalyError, finite
from ml.anomaly.likelihood import Expanding
from ml.anomaly.state import Arrays, Floats, array, part, within

WIDTH = 24
"""Values of a window."""

NEWEST = 4
"""Values at a window's end whose error is the score."""

CALIBRATION = 300
"""Points whose mean and deviation standardise a series that brings no statistics of its own."""

_LIMIT = 20.0
"""Standardised values are cut here: an LSTM saturates long before."""

SHAPES = {
    "encoder.weight_ih_l0": (4, 1),
    "encoder.weight_hh_l0": (4, 4),
    "encoder.bias_ih_l0": (4,),
    "encoder.bias_hh_l0": (4,),
    "decoder.weight_ih_l0": (4, 4),
    "decoder.weight_hh_l0": (4, 4),
    "decoder.bias_ih_l0": (4,),
    "decoder.bias_hh_l0": (4,),
    "output.weight": (1, 4),
    "output.bias": (1,),
}
"""Names of the weights, as the trained module gives them; 4 stands for gates or hidden units."""


class Network:
    """The trained network.

    Args:
        weights: name -> array, those of :data:`SHAPES`.

    Raises:
        AnomalyError: a weight is missing, or not a number.
    """

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        if missing := SHAPES.keys() - weights.keys():
            raise AnomalyError(f"the network lacks {sorted(missing)}", "train the model again")
        exact = {name: np.asarray(weights[name], dtype=np.float64) for name in SHAPES}
        if not all(np.isfinite(value).all() for value in exact.values()):
            raise AnomalyError("a weight of the network is not a number", "train the model again")
        self._encoder, self._decoder = _Cell("encoder", exact), _Cell("decoder", exact)
        self._out, self._bias = exact["output.weight"][0], float(exact["output.bias"][0])

    def rebuilt(self, window: Floats, count: int) -> Floats:
        """The newest values as the network writes them.

        Args:
            window: shape (width,), standardised, oldest first.
            count: how many.

        Returns:
            Shape (count,), newest first.
        """
        hidden = np.zeros(self._out.size)
        cell = np.zeros(self._out.size)
        for driven in self._encoder.driven(window[:, None]):
            hidden, cell = self._encoder.step(driven, hidden, cell)
        driven = self._decoder.driven(hidden[None, :])[0]
        hidden, cell = np.zeros_like(hidden), np.zeros_like(cell)
        values = np.empty(count)
        for place in range(count):
            hidden, cell = self._decoder.step(driven, hidden, cell)
            values[place] = self._out @ hidden + self._bias
        return values


class _Cell:
    """One LSTM, gates in the order input, forget, cell, output."""

    def __init__(self, name: str, weights: Mapping[str, Floats]) -> None:
        self._input = weights[f"{name}.weight_ih_l0"].T
        self._hidden = weights[f"{name}.weight_hh_l0"]
        self._bias = weights[f"{name}.bias_ih_l0"] + weights[f"{name}.bias_hh_l0"]
        size = self._hidden.shape[1]
        self._size = size
        # A sigmoid is a tanh of half the argument, halved and raised: one call for all gates.
        self._slope = np.repeat([0.5, 0.5, 1.0, 0.5], size)
        self._shift = np.repeat([0.5, 0.5, 0.0, 0.5], size)

    def driven(self, inputs: Floats) -> Floats:
        """What inputs of shape (steps, features) do to the gates, shape (steps, 4 * hidden)."""
        return inputs @ self._input + self._bias

    def step(self, driven: Floats, hidden: Floats, cell: Floats) -> tuple[Floats, Floats]:
        """The next hidden and cell state."""
        size = self._size
        gates = np.tanh((driven + self._hidden @ hidden) * self._slope) * self._slope + self._shift
        cell = gates[size : 2 * size] * cell + gates[:size] * gates[2 * size : 3 * size]
        return gates[3 * size :] * np.tanh(cell), cell


class Reconstruction:
    """Root mean square error of the newest values, in standard deviations of the series.

    Args:
        network: trained on windows of :data:`WIDTH` values.
        moments: mean and deviation that the series was trained with; without them those of its
            first :data:`CALIBRATION` points are taken, which score 0.
    """

    def __init__(self, network: Network, moments: tuple[float, float] | None = None) -> None:
        self._network = network
        self._last: deque[float] = deque(maxlen=WIDTH)
        self._first = Expanding()
        self._moments = moments

    def update(self, time: float, value: float) -> float:  # noqa: ARG002
        """See :class:`.stream.Detector`."""
        self._last.append(finite(value, "value"))
        if self._moments is None:
            self._first.add(value)
            if self._first.count < CALIBRATION:
                return 0.0
            self._moments = (self._first.mean, self._first.deviation)
        if len(self._last) < WIDTH:
            return 0.0
        window = standardised(array(self._last), self._moments)
        error = self._network.rebuilt(window, NEWEST) - window[: -NEWEST - 1 : -1]
        return math.sqrt(float(error @ error) / NEWEST)

    def state(self) -> Arrays:
        """See :class:`.stream.Detector`."""
        moments = array(self._moments or ())
        return {
            "last": array(self._last),
            "moments": moments,
            **within("first", self._first.state()),
        }

    def restore(self, arrays: Arrays) -> None:
        """See :class:`.stream.Detector`."""
        self._last.clear()
        self._last.extend(arrays["last"].tolist())
        self._first.restore(part("first", arrays))
        known = arrays["moments"].tolist()
        self._moments = (known[0], known[1]) if known else None


def standardised(values: Floats, moments: tuple[float, float]) -> Floats:
    """Values less their mean, in deviations, cut where the network is saturated anyway."""
    mean, deviation = moments
    # A constant series has no deviation: what differs from it at all is far away.
    scale = max(deviation, 1e-9 * max(1.0, abs(mean)))
    return np.clip((values - mean) / scale, -_LIMIT, _LIMIT)
