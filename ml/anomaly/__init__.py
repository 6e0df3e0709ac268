"""Anomalies in a stream of values: detectors, thresholds, incidents, and how good they are.

Belongs here: scoring points as they come, in constant memory, and judging the scores. Does not
belong here: when a stream is read (``sensors/``), where scores are kept (``serving/``) and who is
told. A library of its own, without Dagster. Start reading at :mod:`.stream` (what a detector is);
the way of a point is :mod:`.ensemble` (its score) -> :mod:`.threshold` (strange or not) ->
:mod:`.incidents` (what to tell). :mod:`.nab` and :mod:`.vus` judge.
"""

from ml.anomaly.ensemble import DETECTORS, Mean
from ml.anomaly.errors import AnomalyError
from ml.anomaly.incidents import Event, Incident, Kind, Rule, State, step
from ml.anomaly.likelihood import Likelihood
from ml.anomaly.stream import Detector
from ml.anomaly.threshold import DSpot, Spot

__all__ = [
    "DETECTORS",
    "AnomalyError",
    "DSpot",
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
