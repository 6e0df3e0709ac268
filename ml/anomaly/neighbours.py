"""Distance to the nearest past window: anywhere, and at the same time of day.

Distances are Euclidean and *not* z-normalised: level and amplitude count.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from ml.anomaly.errors import finite
from ml.anomaly.state import Arrays, Floats, array
from ml.anomaly.stream import Ring

DAY = 86_400.0
MEMORY = 4000
"""Values that a detector remembers."""


class _Windows:
    """The window that ends now, and a queue of those too young to be compared with.

    A window shares values with those that end up to ``width`` rows earlier; its distance to them
    says how smooth the series is, not how strange.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._last: deque[float] = deque(maxlen=width)
        self._young: deque[Floats] = deque()

    def push(self, value: float, tag: float) -> tuple[Floats | None, Floats | None]:
        """Take a value; give the window that ends here, and one that is now old enough.

        The latter has ``tag`` as its last element.
        """
        self._last.append(value)
        if len(self._last) < self._width:
            return None, None
        window = np.array(self._last)
        self._young.append(np.append(window, tag))
        old = self._young.popleft() if len(self._young) > self._width else None
        return window, old

    def state(self, old: Floats) -> Arrays:
        """The values that all windows are made of, and the tags of the young ones.

        Windows overlap, so this is a ``width``-th of what they hold.

        Args:
            old: shape (n, width), the older windows, oldest first.
        """
        young = np.array(self._young).reshape(-1, self._width + 1)
        windows = np.concatenate([old, young[:, :-1]])
        values = array(self._last)
        if len(windows):
            values = np.concatenate([windows[0], windows[1:, -1]])
        return {"values": values, "young": young[:, -1].copy()}

    def restore(self, arrays: Arrays) -> Floats:
        """Take the values over; gives the older windows, shape (n, width), oldest first."""
        values, tags = arrays["values"], arrays["young"]
        self._last.clear()
        self._last.extend(values[-self._width :].tolist())
        windows = np.empty((0, self._width))
        if values.size >= self._width:
            windows = np.lib.stride_tricks.sliding_window_view(values, self._width)
        older = len(windows) - tags.size
        self._young = deque(np.column_stack([windows[older:], tags]))
        return windows[:older]


def _nearest(columns: Floats, window: Floats) -> float:
    difference = columns - window[:, None]
    return float(np.sqrt(np.einsum("ij,ij->j", difference, difference).min()))


class LeftProfile:
    """Distance of the last values to the nearest earlier window of the same length.

    The left matrix profile (Yeh et al. 2016) without z-normalisation, over a bounded past.

    Args:
        width: values of a window.
        memory: windows remembered.
    """

    def __init__(self, width: int = 4, memory: int = MEMORY) -> None:
        self._windows = _Windows(width)
        self._past = Ring(memory, width)

    def update(self, time: float, value: float) -> float:
        """See :class:`.stream.Detector`."""
        window, old = self._windows.push(finite(value, "value"), time)
        if window is None:
            return 0.0
        if old is not None:
            self._past.append(old[:-1])
        return _nearest(self._past.columns, window) if len(self._past) else 0.0

    def state(self) -> Arrays:
        """See :class:`.stream.Detector`."""
        return self._windows.state(self._past.ordered())

    def restore(self, arrays: Arrays) -> None:
        """See :class:`.stream.Detector`."""
        self._past.fill(self._windows.restore(arrays))


class SameTimeOfDay:
    """Distance of the last values to the nearest earlier window that ended at this time of day.

    Only windows are compared whose last value came within ``tolerance`` of the same time of day.
    The first day scores 0.

    Args:
        width: values of a window.
        memory: windows remembered.
        tolerance: seconds.
    """

    def __init__(self, width: int = 12, memory: int = MEMORY, tolerance: float = 900.0) -> None:
        self._windows = _Windows(width)
        self._past = Ring(memory, width)
        self._clock = Ring(memory, 1)
        self._tolerance = tolerance

    def update(self, time: float, value: float) -> float:
        """See :class:`.stream.Detector`."""
        clock = time % DAY
        window, old = self._windows.push(finite(value, "value"), clock)
        if window is None:
            return 0.0
        if old is not None:
            self._past.append(old[:-1])
            self._clock.append(old[-1:])
        apart = np.abs(self._clock.columns[0] - clock)
        # Around midnight the short way leads over it.
        near = np.flatnonzero((apart <= self._tolerance) | (apart >= DAY - self._tolerance))
        if not near.size:
            return 0.0
        return _nearest(self._past.columns[:, near], window)

    def state(self) -> Arrays:
        """See :class:`.stream.Detector`."""
        clock = self._clock.ordered()[:, 0]
        return {**self._windows.state(self._past.ordered()), "clock": clock}

    def restore(self, arrays: Arrays) -> None:
        """See :class:`.stream.Detector`."""
        self._past.fill(self._windows.restore(arrays))
        self._clock.fill(arrays["clock"][:, None])
