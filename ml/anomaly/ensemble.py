"""The detectors by name, each with its likelihood, and the ensemble of the neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ml.anomaly.errors import AnomalyError
from ml.anomaly.likelihood import Likelihood
from ml.anomaly.neighbours import LeftProfile, SameTimeOfDay
from ml.anomaly.ranks import Ranks
from ml.anomaly.robust import RobustZ
from ml.anomaly.state import Arrays, part, within
from ml.anomaly.stream import Detector
from ml.anomaly.subpca import SubPCA


class Mean:
    """The mean of several detectors' scores, equal weights.

    Args:
        detectors: their scores must be comparable, as those of :class:`.ranks.Ranks` are.
        power: the mean is raised to it. It changes no order; above 1 it spreads the scores of
            ranks, which are all small numbers, so that "half as strange again" is within reach.
        fixed: the mean that the power leaves as it is.

    Raises:
        AnomalyError: there is none.
    """

    def __init__(
        self, detectors: Sequence[Detector], power: float = 1.0, fixed: float = 1.0
    ) -> None:
        if not detectors:
            raise AnomalyError("an ensemble of no detector", "give at least one")
        self._detectors = tuple(detectors)
        self._power = power
        self._fixed = fixed

    def update(self, time: float, value: float) -> float:
        """See :class:`.stream.Detector`."""
        scores = [detector.update(time, value) for detector in self._detectors]
        mean = sum(scores) / len(scores)
        return float(self._fixed * (mean / self._fixed) ** self._power)

    def state(self) -> Arrays:
        """See :class:`.stream.Detector`."""
        parts = [within(str(n), detector.state()) for n, detector in enumerate(self._detectors)]
        return {name: kept for one in parts for name, kept in one.items()}

    def restore(self, arrays: Arrays) -> None:
        """See :class:`.stream.Detector`."""
        for number, detector in enumerate(self._detectors):
            detector.restore(part(str(number), arrays))


DETECTORS: Mapping[str, Callable[[], Detector]] = {
    "robust_z": lambda: Likelihood(RobustZ()),
    "sub_pca": lambda: Likelihood(SubPCA()),
    "left_profile": lambda: Likelihood(LeftProfile()),
    "same_time_of_day": lambda: Likelihood(SameTimeOfDay()),
    "neighbours": lambda: Mean(
        [Ranks(LeftProfile()), Ranks(SameTimeOfDay())], power=2.0, fixed=2.1
    ),
}
"""Makers of a fresh detector for one series; ``neighbours`` is the ensemble and the default."""
