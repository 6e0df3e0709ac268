"""Many points above a threshold become one incident: opened, updated, recovered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from ml.anomaly.errors import AnomalyError, finite


class Kind(StrEnum):
    """What happened to an incident."""

    OPENED = "opened"
    UPDATED = "updated"
    RECOVERED = "recovered"


@dataclass(frozen=True)
class Rule:
    """When an incident begins, is told again, and ends.

    Attributes:
        open_after: strange points in a row before one opens; 1 is at once.
        recover_after: seconds without a strange point before it ends. A shorter pause belongs to
            the incident; this is also what keeps a flickering score from opening many.
        update_every: least seconds between two events while it is open.
        worse_by: an update is told when the peak score has grown by this factor since last told.
    """

    open_after: int = 1
    recover_after: float = 3600.0
    update_every: float = 900.0
    worse_by: float = 1.5

    def __post_init__(self) -> None:
        if self.open_after < 1 or self.recover_after <= 0 or self.update_every < 0:
            raise AnomalyError(f"{self} can not work", "give points and seconds above 0")
        if self.worse_by <= 1.0:
            raise AnomalyError(f"worse_by is {self.worse_by}", "give a factor above 1")


@dataclass(frozen=True)
class Incident:
    """One stretch of strange points.

    Attributes:
        series: whose.
        opened_at: time of the first strange point, seconds since 1970; with the series it names
            the incident for ever.
        last_at: time of the last strange point.
        peak: highest score.
        peak_at: its time.
        points: strange points so far.
    """

    series: str
    opened_at: float
    last_at: float
    peak: float
    peak_at: float
    points: int

    @property
    def id(self) -> str:
        """The same on every replay of the same points."""
        return f"{self.series}@{self.opened_at:.3f}"


@dataclass(frozen=True)
class Event:
    """Something to tell.

    Attributes:
        kind: what happened.
        at: time of the point that made it known.
        incident: as it was then.
    """

    kind: Kind
    at: float
    incident: Incident


@dataclass(frozen=True)
class State:
    """Where a series stands. Small and plain, so that it can be kept between runs.

    Attributes:
        series: whose.
        incident: the open one, or one that has not yet lasted for ``open_after`` points.
        opened: whether it was told.
        told_at: time of the last event.
        told_peak: peak when last told.
        seen_at: time of the last point.
    """

    series: str
    incident: Incident | None = None
    opened: bool = False
    told_at: float = 0.0
    told_peak: float = 0.0
    seen_at: float = float("-inf")


def step(
    state: State, time: float, score: float, threshold: float, rule: Rule
) -> tuple[State, tuple[Event, ...]]:
    """Take one scored point.

    Args:
        state: before the point.
        time: seconds since 1970. A point that is not later than the last one changes nothing:
            a replay tells nothing twice.
        score: of the point.
        threshold: the point is strange above it; may be infinite (warm-up).
        rule: when to tell.

    Returns:
        The state after the point, and what to tell: mostly nothing, at most the end of an incident
        and the beginning of the next (after a silence of the stream).

    Raises:
        AnomalyError: the score is NaN or infinite.
    """
    finite(score, "score")
    if time <= state.seen_at:
        return state, ()
    state = replace(state, seen_at=time)
    if score > threshold:
        return _strange(state, time, score, rule)
    return _ordinary(state, time, rule)


def _strange(
    state: State, time: float, score: float, rule: Rule
) -> tuple[State, tuple[Event, ...]]:
    old = state.incident
    if old is not None and time - old.last_at >= rule.recover_after:
        # The stream was silent for longer than a recovery takes: that incident is over.
        ended = (Event(Kind.RECOVERED, time, old),) if state.opened else ()
        fresh, begun = _strange(State(state.series, seen_at=time), time, score, rule)
        return fresh, (*ended, *begun)
    incident = _first(state.series, time, score) if old is None else _grown(old, time, score)
    state = replace(state, incident=incident)
    if not state.opened:
        if incident.points < rule.open_after:
            return state, ()
        return _told(state, Kind.OPENED, time, incident)
    worse = incident.peak > state.told_peak and incident.peak >= state.told_peak * rule.worse_by
    if worse and time - state.told_at >= rule.update_every:
        return _told(state, Kind.UPDATED, time, incident)
    return state, ()


def _ordinary(state: State, time: float, rule: Rule) -> tuple[State, tuple[Event, ...]]:
    incident = state.incident
    if incident is None:
        return state, ()
    if not state.opened:
        # "In a row": an ordinary point starts the count again.
        return State(state.series, seen_at=time), ()
    if time - incident.last_at < rule.recover_after:
        return state, ()
    return State(state.series, seen_at=time), (Event(Kind.RECOVERED, time, incident),)


def _first(series: str, time: float, score: float) -> Incident:
    return Incident(series, time, time, score, time, 1)


def _grown(incident: Incident, time: float, score: float) -> Incident:
    higher = score > incident.peak
    return replace(
        incident,
        last_at=time,
        peak=score if higher else incident.peak,
        peak_at=time if higher else incident.peak_at,
        points=incident.points + 1,
    )


def _told(
    state: State, kind: Kind, time: float, incident: Incident
) -> tuple[State, tuple[Event, ...]]:
    told = replace(state, opened=True, told_at=time, told_peak=incident.peak)
    return told, (Event(kind, time, incident),)
