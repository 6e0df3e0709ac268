"""What an alert, an incident and a silence are; plain values, times in seconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from platform_assets.core.errors import WeirError
from platform_assets.messaging.matchers import Matcher, all_fit

Steps = tuple[tuple[float, tuple[str, ...]], ...]
"""Seconds after the first message, and the places that are told then."""


class AlertError(WeirError):
    """What was asked of an incident or a silence is not possible; says why."""


class Kind(StrEnum):
    """What happened."""

    OPENED = "opened"
    UPDATED = "updated"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    EXPIRED = "expired"
    RECOVERED = "recovered"


class Scope(StrEnum):
    """What it happened to."""

    ALERT = "alert"
    INCIDENT = "incident"
    SILENCE = "silence"


@dataclass(frozen=True)
class Raised:
    """Something happened to an alert: what a detector hands over.

    Attributes:
        id: equal whenever the same is handed over again.
        kind: opened, updated or recovered.
        alert: its name, equal for all its events.
        at: of the data.
        opened_at: of the data: when it began.
        stream, series: where.
        signal: the one that is furthest above its threshold; value, score and threshold are its.
        severity, owner, source: for the rules of :mod:`platform_assets.messaging.routing`.
        title: one line.
        body: what is said where the alert stands alone.
        link: where to read more.
        value: in ``unit``.
        score: strange above the threshold.
        threshold: None while there is none.
        ratio: score to threshold at the alert's peak.
        signals: every signal of the series: signal, value, unit, score, threshold, ratio, share.
        detector: what scored.
    """

    id: str
    kind: Kind
    alert: str
    at: float
    opened_at: float
    stream: str
    series: str
    signal: str
    severity: str
    owner: str
    source: str
    title: str
    body: str
    link: str
    value: float
    unit: str
    score: float
    threshold: float | None
    ratio: float
    signals: tuple[Mapping[str, Any], ...] = ()
    detector: str = ""


@dataclass
class Alert:
    """An alert as the board has it; fields as in :class:`Raised`.

    Attributes:
        incident: the one that it belongs to.
        peak: highest ratio so far.
        changed_at: of the data: its last event.
        joined_at: when it came.
        ended_at: when its recovery came.
        told: whether a message counted it.
        worse: whether it got worse since.
        muted_by: the silence that mutes it, ``inhibited``, or empty.
    """

    id: str
    incident: str
    stream: str
    series: str
    signal: str
    severity: str
    owner: str
    source: str
    title: str
    unit: str
    link: str
    value: float
    score: float
    threshold: float | None
    peak: float
    opened_at: float
    changed_at: float
    joined_at: float
    ended_at: float | None = None
    told: bool = False
    worse: bool = False
    muted_by: str = ""

    @property
    def firing(self) -> bool:
        """Whether it has not recovered."""
        return self.ended_at is None

    @property
    def labels(self) -> dict[str, str]:
        """What it can be matched and grouped by."""
        return labels_of(self)


@dataclass
class Incident:
    """An incident as the board has it.

    Attributes:
        id: follows from its group and its first alert.
        group_key: what its alerts share.
        places: where its messages go; grows with each escalation.
        escalate: steps that are left.
        opened_at: when its first alert came.
        joined_at: when its newest alert came.
        first_told_at: when the first message was made.
        told_at: when the last one with news was made.
        updates: messages with news after the first.
        messages: all of them.
        escalations: steps taken.
        escalate_by: who asks for the next step now.
        acked_at, acked_by, ack_comment: that somebody looks after it.
        ack_told: whether the places know.
        ended_at: when it was over.
    """

    id: str
    group_key: str
    places: tuple[str, ...]
    escalate: Steps
    opened_at: float
    joined_at: float
    first_told_at: float | None = None
    told_at: float | None = None
    updates: int = 0
    messages: int = 0
    escalations: int = 0
    escalate_by: str = ""
    acked_at: float | None = None
    acked_by: str = ""
    ack_comment: str = ""
    ack_told: bool = False
    ended_at: float | None = None

    @property
    def state(self) -> str:
        """In a word."""
        if self.ended_at is not None:
            return "recovered"
        if self.acked_at is not None:
            return "acknowledged"
        if self.first_told_at is None:
            return "muted"
        return "escalated" if self.escalations else "open"


@dataclass(frozen=True)
class Silence:
    """Alerts that nobody is told of for a while.

    Attributes:
        id: its name.
        matchers: all must fit.
        starts_at, ends_at: it ends by itself.
        created_at: when it was made.
        created_by: who made it.
        comment: why.
    """

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: float
    ends_at: float
    created_at: float = 0.0
    created_by: str = ""
    comment: str = ""

    def state(self, now: float) -> str:
        """``pending``, ``active`` or ``expired``."""
        if now >= self.ends_at:
            return "expired"
        return "active" if now >= self.starts_at else "pending"

    def mutes(self, labels: Mapping[str, str]) -> bool:
        """Whether it is about an alert with these labels."""
        return all_fit(self.matchers, labels)


@dataclass(frozen=True)
class Happened:
    """An event for the record and the topic; see the contract ``alerts.events``."""

    id: str
    scope: Scope
    kind: Kind
    at: float
    recorded_at: float
    incident: str | None = None
    alert: str | None = None
    actor: str = ""
    comment: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def labels_of(one: Alert | Raised) -> dict[str, str]:
    """The labels of an alert."""
    return {
        "stream": one.stream,
        "series": one.series,
        "signal": one.signal,
        "severity": one.severity,
        "owner": one.owner,
        "source": one.source,
    }
