"""Which detector a stream gets: all candidates on the same held-out part, in time order.

Each series is cut in time: the first part teaches, the rest judges. The measure is VUS-PR, which
has no threshold: on known anomalies where the stream has labels, else on anomalies put in
(:mod:`.synthetic`). One that replaces the champion must be better by more than chance: a paired
permutation test over the differences, one a unit (a series with a stretch or a repetition).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ml.anomaly.errors import AnomalyError
from ml.anomaly.series import MakeDetector
from ml.anomaly.state import Floats
from ml.anomaly.stream import Detector
from ml.anomaly.synthetic import inject
from ml.anomaly.vus import vus_pr

TRAINING = 0.6
"""Share of a series that teaches."""

LEAST_ROWS = 500
"""Rows of a series below which it says nothing."""

LEAST_KNOWN = 8
"""Known anomalies in the held-out parts below which they are put in instead."""

LEAST_UNITS = 8
"""Judgements that are aimed at: fewer series are judged in stretches of time where anomalies are
known, and again with others where they are put in."""

BUFFER = 24
"""Rows of the longest buffer of VUS-PR."""

LEVEL = 0.05
"""How often an equal one may be taken for better."""

_DRAWS = 2_000

Evidence = Literal["labels", "synthetic"]


@dataclass(frozen=True)
class History:
    """A series of the past.

    Attributes:
        series: its name.
        times: shape (rows,), seconds, rising.
        signals: each of shape (rows,), NaN where it has no value.
        labels: shape (rows,), known anomalies.
    """

    series: str
    times: Floats
    signals: Mapping[str, Floats]
    labels: npt.NDArray[np.bool_]

    @property
    def cut(self) -> int:
        """First row of the held-out part."""
        return int(len(self.times) * TRAINING)


@dataclass(frozen=True)
class Judgement:
    """How the candidates did.

    Attributes:
        evidence: ``labels`` (known anomalies) or ``synthetic`` (put in).
        scores: candidate -> VUS-PR, shape (units,), a unit being a series with a stretch or a
            repetition; the same units for all.
        chance: what scores without any sense would get: the anomalies' share.
        anomalies: in all held-out parts and repetitions.
        series: how many were judged.
    """

    evidence: Evidence
    scores: Mapping[str, Floats]
    chance: float
    anomalies: int
    series: int

    def mean(self, candidate: str) -> float:
        """Its VUS-PR."""
        return float(self.scores[candidate].mean())

    @property
    def best(self) -> str:
        """The candidate with the highest mean; of equal ones the first."""
        return max(self.scores, key=self.mean)

    def interval(self, candidate: str) -> tuple[float, float]:
        """Bounds of 90 % for the mean: bootstrap over units."""
        values = self.scores[candidate]
        rng = np.random.default_rng(0)
        drawn = values[rng.integers(0, values.size, (_DRAWS, values.size))].mean(axis=1)
        low, high = np.quantile(drawn, [0.05, 0.95])
        return float(low), float(high)

    def beats(self, candidate: str, other: str) -> bool:
        """Whether it is better by more than chance, at 5 %.

        A paired permutation test: were the two equally good, each difference could as well have
        the other sign. Exact for few units, where a bootstrap claims too much.
        """
        from scipy import stats

        if self.scores[candidate].size < 2:
            return False
        found = stats.permutation_test(
            (self.scores[candidate] - self.scores[other],), np.mean,
            permutation_type="samples", alternative="greater", rng=0,
        )  # fmt: skip
        return bool(found.pvalue <= LEVEL)


def usable(histories: Sequence[History]) -> list[History]:
    """Those that are long enough to be judged."""
    return [one for one in histories if len(one.times) >= LEAST_ROWS]


def judge(
    histories: Sequence[History], candidates: Mapping[str, MakeDetector], seed: int = 0
) -> Judgement:
    """Score every candidate on the same held-out parts.

    Args:
        histories: at least one of :func:`usable`.
        candidates: name -> makers of fresh detectors.
        seed: of anomalies that are put in.

    Raises:
        AnomalyError: there is no candidate or no usable history.
    """
    chosen = usable(histories)
    if not chosen or not candidates:
        raise AnomalyError(
            f"{len(candidates)} candidates and {len(chosen)} histories of {LEAST_ROWS} rows",
            "wait for more points",
        )
    labelled = [one for one in chosen if one.labels[one.cut :].any()]
    known = sum(_runs(one.labels[one.cut :]) for one in labelled)
    blocks = 1
    if known >= LEAST_KNOWN:
        cases = [(one, [(one.signals, one.labels)]) for one in labelled]
        blocks = -(-LEAST_UNITS // len(labelled))
        evidence: Evidence = "labels"
    else:
        repeats = -(-LEAST_UNITS // len(chosen))
        cases = [
            (one, [inject(one.signals, one.cut, seed + 1000 * r + n) for r in range(repeats)])
            for n, one in enumerate(chosen)
        ]
        evidence = "synthetic"
    held_out = [labels[one.cut :] for one, variants in cases for _, labels in variants]
    return Judgement(
        evidence,
        {
            name: np.array(
                [v for one, variants in cases for v in _measured(one, variants, blocks, make)]
            )
            for name, make in candidates.items()
        },
        float(np.mean([labels.mean() for labels in held_out])),
        sum(map(_runs, held_out)),
        len(cases),
    )


def _measured(
    history: History,
    variants: Sequence[tuple[Mapping[str, Floats], npt.NDArray[np.bool_]]],
    blocks: int,
    make: MakeDetector,
) -> list[float]:
    """VUS-PR on each variant of a series' held-out part, by stretches of time.

    The training part is learned once. A stretch without an anomaly has no recall and is left out.
    """
    cut = history.cut
    highest = np.zeros((len(variants), len(history.times) - cut))
    for name, values in history.signals.items():
        taught = make(history.series, name)
        _scores(taught, history.times[:cut], values[:cut])
        memory = taught.state()
        for row, (signals, _) in enumerate(variants):
            detector = make(history.series, name)
            detector.restore(memory)
            found = _scores(detector, history.times[cut:], signals[name][cut:])
            # A series is as strange as its strangest signal.
            highest[row] = np.maximum(highest[row], found)
    stretches = np.array_split(np.arange(len(history.times) - cut), blocks)
    return [
        vus_pr(scores[rows], labels[cut:][rows], BUFFER)
        for scores, (_, labels) in zip(highest, variants, strict=True)
        for rows in stretches
        if labels[cut:][rows].any()
    ]


def _scores(detector: Detector, times: Floats, values: Floats) -> Floats:
    points = zip(times.tolist(), values.tolist(), strict=True)
    return np.array([0.0 if v != v else detector.update(at, v) for at, v in points])  # noqa: PLR0124


def _runs(labels: npt.NDArray[np.bool_]) -> int:
    return int((np.diff(np.concatenate([[False], labels]).astype(np.int8)) == 1).sum())
