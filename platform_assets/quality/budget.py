"""Whether the whole suite fits into a batch's time.

The rule: the whole suite runs on a micro-batch where it costs under a tenth of the batch's
own time (and always when a partition's window closes). A suite costs a constant (the graph
of metrics) and a part for each row, so the cost is a line through the past timings.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

SHARE = 0.1
"""The greatest share of a batch's own time that the suite may cost."""

KEEP = 32
"""Timings that the line is fitted to; older ones are forgotten."""


@dataclass(frozen=True)
class Timing:
    """One run of the suite: rows looked at and seconds taken."""

    rows: int
    seconds: float


@dataclass
class SuiteBudget:
    """Predicts what a suite costs, and says whether that fits.

    Without a timing nothing is known, so nothing fits: the first timing comes from the check
    of a closing window. Not thread-safe: one instance for each topic's loop.

    Attributes:
        share: the greatest share of the batch's own time.
    """

    share: float = SHARE
    _timings: deque[Timing] = field(default_factory=lambda: deque(maxlen=KEEP))

    def record(self, rows: int, seconds: float) -> None:
        """Remember one run of the suite.

        Raises:
            ValueError: a negative number of rows or seconds.
        """
        if rows < 0 or seconds < 0:
            raise ValueError(
                f"suite timing of {rows} rows in {seconds} s: neither can be negative; "
                "measure with a monotonic clock"
            )
        self._timings.append(Timing(rows, seconds))

    def predict(self, rows: int) -> float | None:
        """Predict the seconds that the suite takes over ``rows``; None without timings.

        The line has no negative slope and no negative constant, so the prediction never
        falls as rows grow and is never below zero.
        """
        if not self._timings:
            return None
        count = len(self._timings)
        mean_rows = sum(timing.rows for timing in self._timings) / count
        mean_seconds = sum(timing.seconds for timing in self._timings) / count
        spread = sum((timing.rows - mean_rows) ** 2 for timing in self._timings)
        if spread <= 0:
            # One size says nothing of constant and slope: take the cautious reading on either
            # side, all constant for fewer rows and all slope for more.
            return mean_seconds * max(1.0, rows / mean_rows) if mean_rows else mean_seconds
        slope = (
            sum(
                (timing.rows - mean_rows) * (timing.seconds - mean_seconds)
                for timing in self._timings
            )
            / spread
        )
        slope = max(0.0, min(slope, mean_seconds / mean_rows))
        return max(0.0, mean_seconds - slope * mean_rows) + slope * rows

    def fits(self, rows: int, batch_seconds: float) -> bool:
        """Whether the suite over ``rows`` costs under the share of the batch's own time."""
        predicted = self.predict(rows)
        return predicted is not None and predicted < self.share * batch_seconds
