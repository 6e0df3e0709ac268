"""Anomalies in a stream of values: detectors, thresholds, incidents, and how good they are.

Belongs here: scoring points as they come, in constant memory (:mod:`.series`), doing so over a
table of silver (:mod:`.watch`, :mod:`.points`), what is kept of it (:mod:`.store`, :mod:`.outbox`),
and which detector a stream gets (:mod:`.selection`, :mod:`.training`). Does not belong here:
Dagster (``ml/assets/anomaly.py``), who is told (``sensors/anomalies.py``). Start reading at
:mod:`.stream` (what a detector is); the way of a point is :mod:`.ensemble` (its score) ->
:mod:`.threshold` (strange or not) -> :mod:`.incidents` (what to tell). :mod:`.vus`
judges; the Numenta Anomaly Benchmark is in ``benchmarks/nab.py``.
"""

from ml.anomaly.ensemble import DETECTORS, Mean
from ml.anomaly.errors import AnomalyError
from ml.anomaly.incidents import Event, Incident, Kind, Rule, State, step
from ml.anomaly.likelihood import Likelihood
from ml.anomaly.stream import Detector
from ml.anomaly.threshold import Spot

__all__ = [
    "DETECTORS",
    "AnomalyError",
    "Detector",
    "Event",
    "Incident",
    "Kind",
    "Likelihood",
    "Mean",
    "Rule",
    "Spot",
    "State",
    "step",
]
