"""The simulator: seeded history flat out, then live data at a chosen rate.

Belongs here: made-up sources and their faults. Does not belong here: what becomes of the
records. Surface: :func:`records` (pure), :func:`simulate_history`, :func:`simulate_live`.
"""

from platform_assets.connectors.simulate.history import records, simulate_history, whole_hour
from platform_assets.connectors.simulate.live import simulate_live
from platform_assets.connectors.simulate.plan import DEFAULT_TOPICS
from platform_assets.connectors.simulate.result import SimulationResult
from platform_assets.connectors.simulate.shift import Shift
from platform_assets.connectors.simulate.weave import Shares, TopicCounts

__all__ = [
    "DEFAULT_TOPICS",
    "Shares",
    "Shift",
    "SimulationResult",
    "TopicCounts",
    "records",
    "simulate_history",
    "simulate_live",
    "whole_hour",
]
