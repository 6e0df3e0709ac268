"""A change of the shop's visitors from a moment on, to see drift and retraining at work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

import numpy as np

from platform_assets.connectors.envelope import micros
from platform_assets.connectors.simulate.world import Floats, Ints
from platform_assets.core.errors import WeirError


@dataclass(frozen=True)
class Shift:
    """From ``moment`` on the clickstream is another; other topics stay as they are.

    Attributes:
        moment: event time, with a zone.
        conversion: factor of the share of views that become carts, and so purchases.
        activity: factor of events in a time. A history keeps its number of records: more of them
            lie after the moment. Live, the rate of the topic is multiplied.
        price: factor of what purchases cost.

    Raises:
        WeirError: a factor is not above 0, or the moment has no zone.
    """

    moment: datetime
    conversion: float = 1.0
    activity: float = 1.0
    price: float = 1.0

    def __post_init__(self) -> None:
        for name in ("conversion", "activity", "price"):
            factor = getattr(self, name)
            if not (math.isfinite(factor) and factor > 0):
                raise WeirError(f"shift of {name}: expected a factor above 0, got {factor}")
        if self.moment.tzinfo is None:
            raise WeirError(f"shift from {self.moment}: the moment has no zone", "e.g. add +00:00")

    @property
    def micros(self) -> int:
        """The moment, microseconds since 1970."""
        return micros(self.moment)

    def factor(self, name: str, times: Ints) -> Floats:
        """1 before the moment and the factor from it on; shape of ``times`` (microseconds)."""
        return np.where(times >= self.micros, float(getattr(self, name)), 1.0)

    def share(self, start: int, end: int, until: int) -> Fraction:
        """Share of the events of [start, end) that lie before ``until`` (all microseconds)."""

        def weight(moment: int) -> Fraction:
            after = max(0, moment - max(start, self.micros))
            return moment - start - after + Fraction(self.activity) * after

        return weight(until) / weight(end)
