"""One series under watch: a detector and a threshold for each signal, and its incident.

A series has one incident, whatever the number of its signals: its strangeness is the largest ratio
of a signal's score to that signal's threshold, and it is strange above 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ml.anomaly.definition import Stream
from ml.anomaly.errors import OtherFormError
from ml.anomaly.incidents import Event, Incident, Kind, State, step
from ml.anomaly.likelihood import surprise_at
from ml.anomaly.state import Floats, pack, part, unpack, within
from ml.anomaly.stream import Detector
from ml.anomaly.threshold import Spot

MakeDetector = Callable[[str, str], Detector]
"""Series and signal -> a fresh detector."""


@dataclass(frozen=True)
class Reading:
    """What one signal said at one point.

    Attributes:
        signal: its name.
        value: in the signal's unit.
        score: see :class:`.stream.Detector`.
        threshold: the score was strange above it; above 0, infinite during the warm-up.
    """

    signal: str
    value: float
    score: float
    threshold: float

    @property
    def ratio(self) -> float:
        """Score to threshold; strange above 1; 0 during the warm-up."""
        return self.score / self.threshold


@dataclass(frozen=True)
class Happened:
    """An incident's event with the readings that go with it, the strangest first.

    For an end these are the readings of its peak.
    """

    event: Event
    readings: tuple[Reading, ...]


class Series:
    """See the module.

    Args:
        stream: its definition.
        name: value of the key; the stream's name where there is none.
        make: makes its detectors.
    """

    def __init__(self, stream: Stream, name: str, make: MakeDetector) -> None:
        self.name = name
        self._rule = stream.rule.rule()
        self._least = surprise_at(stream.rate)
        self._signals = {
            signal.name: (make(name, signal.name), Spot(stream.rate, stream.warm_up))
            for signal in stream.signals
        }
        self._state = State(name if not stream.key else f"{stream.name}/{name}")
        self._peak: tuple[Reading, ...] = ()

    @property
    def open(self) -> bool:
        """Whether an incident has been told and has not ended."""
        return self._state.opened

    def score(self, at: float, values: Mapping[str, float]) -> list[Reading]:
        """Score a point and learn from it.

        Args:
            at: its time, later than all before.
            values: finite, by signal; a signal without a value at this time is left out.
        """
        readings = []
        for name, value in values.items():
            detector, limit = self._signals[name]
            score = detector.update(at, value)
            readings.append(Reading(name, value, score, max(limit.threshold, self._least)))
            limit.update(score)
        return readings

    def tell(self, at: float, readings: list[Reading]) -> list[Happened]:
        """What is to be told after a scored point; mostly nothing."""
        ordered = tuple(sorted(readings, key=lambda one: -one.ratio))
        ratio = ordered[0].ratio if ordered else 0.0
        before, peak = self._state, self._peak
        self._state, events = step(before, at, ratio, 1.0, self._rule)
        now = self._state.incident
        if now is None:
            self._peak = ()
        elif now.peak_at == at:
            self._peak = ordered
        return [
            Happened(event, peak if event.kind is Kind.RECOVERED else ordered) for event in events
        ]

    def memory(self) -> bytes:
        """Detectors and thresholds, see :mod:`.state`."""
        arrays: dict[str, Floats] = {}
        for name, (detector, limit) in self._signals.items():
            arrays |= within(f"{name}/detector", detector.state())
            arrays |= within(f"{name}/limit", limit.state())
        return pack(arrays)

    def remember(self, memory: bytes) -> None:
        """Take over what :meth:`memory` gave.

        Raises:
            AnomalyError: the bytes are damaged.
            OtherFormError: another form of the detectors wrote them; this series is of no use then.
        """
        arrays = unpack(memory)
        try:
            for name, (detector, limit) in self._signals.items():
                detector.restore(part(f"{name}/detector", arrays))
                limit.restore(part(f"{name}/limit", arrays))
        except KeyError as missing:
            raise OtherFormError(
                f"the memory of series {self.name} lacks {missing}: another form of its detector "
                "wrote it",
                "let it learn its history again: Store.disown",
            ) from missing

    def standing(self) -> dict[str, Any]:
        """Where its incident stands, as JSON values."""
        state = asdict(self._state)
        # JSON has no infinity.
        seen = state["seen_at"] if math.isfinite(self._state.seen_at) else None
        return {**state, "seen_at": seen, "peak_readings": [asdict(one) for one in self._peak]}

    def stand(self, standing: Mapping[str, Any]) -> None:
        """Take over what :meth:`standing` gave."""
        kept = dict(standing)
        self._peak = tuple(Reading(**one) for one in kept.pop("peak_readings"))
        incident = Incident(**kept["incident"]) if kept["incident"] else None
        seen = -math.inf if kept["seen_at"] is None else kept["seen_at"]
        self._state = replace(self._state, **{**kept, "incident": incident, "seen_at": seen})
