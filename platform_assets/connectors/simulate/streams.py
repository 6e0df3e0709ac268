"""What a stream is: rows drawn for a span of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from platform_assets.connectors.simulate.world import Ints


@dataclass
class Drawn:
    """Good rows of one topic; all lists of one length.

    Attributes:
        times: event times, microseconds.
        after: payload columns.
        ops, before, has_after, has_before: for change topics; see ``avro_codec.Columns``.
    """

    times: Ints
    after: dict[str, list[Any]]
    ops: list[str] | None = None
    before: dict[str, list[Any]] | None = None
    has_after: list[bool] | None = None
    has_before: list[bool] | None = None


class Stream(Protocol):
    """Draws rows of one topic; may keep state from one call to the next."""

    def draw(self, rng: np.random.Generator, count: int, start: int, end: int) -> Drawn:
        """Exactly ``count`` rows with event times in [start, end)."""
        ...
