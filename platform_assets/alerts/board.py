"""Which alerts are one incident, and which message is due: pure, with the clock as an argument.

Alerts that go to the same places, share the labels of ``group_by`` and come close in time are one
incident. Its first message comes at once, further ones at intervals that double, and the last when
its alerts have been over for a while. What is muted is not told; it is when the muting ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from platform_assets.alerts.model import (
    Alert,
    Happened,
    Incident,
    Kind,
    Raised,
    Scope,
    Silence,
    labels_of,
)
from platform_assets.messaging import Severity
from platform_assets.messaging.grouping import Grouping, Inhibition
from platform_assets.messaging.routing import Destination

INHIBITED = "inhibited"
NAMED = 5
"""Alerts that a message names: the worst ones."""


@dataclass(frozen=True)
class Counts:
    """An incident's alerts in numbers.

    Attributes:
        alerts: all of them.
        firing: not recovered, the muted ones included.
        muted: firing, and nobody is told.
        news: told of for the first time, or worse than when last told.
        series: distinct ones.
        streams: distinct series by stream, most first.
        severity: the highest of those that are known.
        owner: of all of them; empty where they have several.
    """

    alerts: int
    firing: int
    muted: int
    news: int
    series: int
    streams: tuple[tuple[str, int], ...]
    severity: Severity
    owner: str


@dataclass(frozen=True)
class Due:
    """A message to make.

    Attributes:
        incident: as it stands after the message.
        kind: what it says.
        ordinal: 0 for the first of its incident.
        places: where it goes.
        worst: the alerts to name, worst first; at least one.
        counts: of all.
        at: when it was decided.
    """

    incident: Incident
    kind: Kind
    ordinal: int
    places: tuple[str, ...]
    worst: tuple[Alert, ...]
    counts: Counts
    at: float

    @property
    def lone(self) -> bool:
        """Whether the incident is one alert."""
        return self.counts.alerts == 1


@dataclass
class Board:
    """Open incidents and their alerts; changes in place and notes what it changed.

    Attributes:
        grouping: the rules of time.
        inhibit_rules: which alerts mute which.
        incidents: open ones, by id.
        alerts: theirs, by id.
        silences: active ones.
        changed: ids of incidents and alerts that are not as they were read.
        happened: events for the record.
        bodies: what is said where an alert stands alone, of those that changed.
    """

    grouping: Grouping
    inhibit_rules: Sequence[Inhibition] = ()
    incidents: dict[str, Incident] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    silences: Sequence[Silence] = ()
    changed: set[str] = field(default_factory=set)
    happened: list[Happened] = field(default_factory=list)
    bodies: dict[str, str] = field(default_factory=dict)

    def take(self, raised: Raised, destination: Destination, now: float) -> None:
        """Take in what happened to an alert. Each event is to be given once.

        Args:
            raised: the event; a recovery of an alert that is not known changes nothing.
            destination: where messages about the alert go.
            now: seconds since 1970.
        """
        alert = self.alerts.get(raised.alert)
        if alert is None:
            if raised.kind is Kind.RECOVERED:
                return
            alert = self._joined(raised, destination, now)
        elif raised.kind is Kind.RECOVERED:
            alert.ended_at, alert.worse = now, False
        else:
            alert.worse = True
        alert.signal, alert.unit, alert.value = raised.signal, raised.unit, raised.value
        alert.score, alert.threshold = raised.score, raised.threshold
        alert.peak, alert.changed_at = max(alert.peak, raised.ratio), raised.at
        self.bodies[alert.id] = raised.body
        self.changed.add(alert.id)
        self.happened.append(_of_alert(raised, alert.incident, now))

    def look(self, now: float) -> list[Due]:
        """Mute, tell, escalate and end: the messages that are due."""
        self._mute(now)
        of: dict[str, list[Alert]] = {name: [] for name in self.incidents}
        for alert in self.alerts.values():
            of[alert.incident].append(alert)
        return [
            due for incident in list(self.incidents.values())
            for due in self._due(incident, of[incident.id], now)
        ]  # fmt: skip

    def _joined(self, raised: Raised, destination: Destination, now: float) -> Alert:
        labels = labels_of(raised)
        # Muted ones stand apart: they must not keep the incident open that people know of.
        muted = any(one.mutes(labels) for one in self._active(now))
        group = [*destination.places, *(labels[name] for name in self.grouping.group_by)]
        key = json.dumps([*group, "muted"] if muted else group)
        window = self.grouping.group_window.total_seconds()
        close = [
            one for one in self.incidents.values()
            if one.group_key == key and now - one.joined_at <= window
        ]  # fmt: skip
        if close:
            incident = max(close, key=lambda one: one.joined_at)
            incident.joined_at = max(incident.joined_at, now)
        else:
            name = sha256(f"{key}\n{raised.alert}".encode()).hexdigest()[:10]
            incident = Incident(name, key, destination.places, destination.escalate, now, now)
            self.incidents[name] = incident
        self.changed.add(incident.id)
        alert = Alert(
            raised.alert, incident.id, raised.stream, raised.series, raised.signal,
            raised.severity, raised.owner, raised.source, raised.title, raised.unit, raised.link,
            raised.value, raised.score, raised.threshold, raised.ratio, raised.opened_at,
            raised.at, now,
        )  # fmt: skip
        self.alerts[alert.id] = alert
        return alert

    def _active(self, now: float) -> Iterable[Silence]:
        return (one for one in self.silences if one.state(now) == "active")

    def _mute(self, now: float) -> None:
        active = list(self._active(now))
        sources = [
            {rule.key(a.labels) for a in self.alerts.values() if a.firing and rule.mutes(a.labels)}
            for rule in self.inhibit_rules
        ]
        for alert in self.alerts.values():
            if not alert.firing and alert.told:
                continue
            labels = alert.labels
            by = next((one.id for one in active if one.mutes(labels)), "")
            if not by and any(
                rule.muted(labels) and rule.key(labels) in keys
                for rule, keys in zip(self.inhibit_rules, sources, strict=True)
            ):
                by = INHIBITED
            if by != alert.muted_by:
                alert.muted_by = by
                self.changed.add(alert.id)
                if by:
                    self.happened.append(_silenced(alert, by, now))
            if by and not alert.firing:
                # Over before anybody was to know of it.
                alert.told = True
                self.changed.add(alert.id)

    def _due(self, incident: Incident, alerts: list[Alert], now: float) -> list[Due]:
        firing = [one for one in alerts if one.firing]
        loud = [one for one in firing if not one.muted_by]
        news = [one for one in alerts if not one.muted_by and (not one.told or one.worse)]
        interval = self.grouping.group_interval.total_seconds()
        ended = max((one.ended_at or 0.0 for one in alerts), default=0.0)
        over = not firing and now - ended >= interval
        if incident.told_at is None:
            if news and now - incident.opened_at >= self.grouping.group_wait.total_seconds():
                return [self._told(incident, Kind.OPENED, alerts, news, now)]
            if over and not news:
                self._end(incident, now)
            return []
        found = []
        if incident.acked_at is not None and not incident.ack_told:
            incident.ack_told = True
            found.append(self._made(incident, Kind.ACKNOWLEDGED, incident.places, alerts, 0, now))
        if over:
            self._end(incident, now)
            return [*found, self._told(incident, Kind.RECOVERED, alerts, news, now)]
        waited = now - incident.told_at
        unchanged = incident.acked_at is None and bool(loud)
        if (news and firing and waited >= self.grouping.spacing(incident.updates)) or (
            unchanged and waited >= self.grouping.repeat_interval.total_seconds()
        ):
            incident.updates += 1
            found.append(self._told(incident, Kind.UPDATED, alerts, news, now))
        # Last: who is told of an incident now needs no update of it.
        return [*found, *self._escalated(incident, alerts, loud, now)]

    def _escalated(
        self, incident: Incident, alerts: list[Alert], loud: list[Alert], now: float
    ) -> list[Due]:
        by, incident.escalate_by = incident.escalate_by, ""
        if by:
            self.changed.add(incident.id)
        if not incident.escalate or not loud or incident.first_told_at is None:
            return []
        after, places = incident.escalate[0]
        if not by and (incident.acked_at is not None or now - incident.first_told_at < after):
            return []
        incident.escalate = incident.escalate[1:]
        incident.escalations += 1
        incident.places = tuple(dict.fromkeys((*incident.places, *places)))
        return [self._made(incident, Kind.ESCALATED, places, alerts, 0, now, actor=by)]

    def _told(
        self, incident: Incident, kind: Kind, alerts: list[Alert], news: list[Alert], now: float
    ) -> Due:
        for alert in news:
            alert.told, alert.worse = True, False
            self.changed.add(alert.id)
        incident.told_at = now
        if incident.first_told_at is None:
            incident.first_told_at = now
        return self._made(incident, kind, incident.places, alerts, len(news), now)

    def _made(
        self,
        incident: Incident,
        kind: Kind,
        places: tuple[str, ...],
        alerts: list[Alert],
        news: int,
        now: float,
        actor: str = "",
    ) -> Due:
        ordinal, incident.messages = incident.messages, incident.messages + 1
        self.changed.add(incident.id)
        known = [one for one in alerts if one.told or not one.muted_by]
        # While it lasts the worst that fire; at its end the worst that there were.
        named = [one for one in known if one.firing and not one.muted_by] or known or alerts
        worst = sorted(named, key=lambda one: (-one.peak, one.id))[:NAMED]
        due = Due(incident, kind, ordinal, places, tuple(worst), counted(alerts, news), now)
        who = actor or (incident.acked_by if kind is Kind.ACKNOWLEDGED else "")
        if kind is not Kind.ACKNOWLEDGED:  # that is on record since somebody did it
            self.happened.append(_of_incident(due, who))
        return due

    def _end(self, incident: Incident, now: float) -> None:
        incident.ended_at = now
        self.changed.add(incident.id)


def counted(alerts: Sequence[Alert], news: int) -> Counts:
    """An incident's alerts in numbers; there is at least one."""
    by_stream: dict[str, set[str]] = {}
    for one in alerts:
        by_stream.setdefault(one.stream, set()).add(one.series)
    streams = sorted(((name, len(found)) for name, found in by_stream.items()), key=_most)
    return Counts(
        alerts=len(alerts),
        firing=sum(one.firing for one in alerts),
        muted=sum(one.firing and bool(one.muted_by) for one in alerts),
        news=news,
        series=sum(count for _, count in streams),
        streams=tuple(streams),
        severity=max((Severity(one.severity) for one in alerts), key=lambda one: one.rank),
        owner=alerts[0].owner if len({one.owner for one in alerts}) == 1 else "",
    )


def _most(one: tuple[str, int]) -> tuple[int, str]:
    return -one[1], one[0]


def _of_alert(raised: Raised, incident: str, now: float) -> Happened:
    details = {
        "stream": raised.stream,
        "series": raised.series,
        "severity": raised.severity,
        "owner": raised.owner,
        "title": raised.title,
        "link": raised.link,
        "value": raised.value,
        "score": raised.score,
        "threshold": raised.threshold,
        "signals": [dict(one) for one in raised.signals],
        "detector": raised.detector,
    }
    return Happened(
        raised.id, Scope.ALERT, raised.kind, raised.at, now, incident, raised.alert,
        details=details,
    )  # fmt: skip


def _silenced(alert: Alert, by: str, now: float) -> Happened:
    return Happened(
        f"{alert.id}:silenced:{by}:{now:.3f}", Scope.ALERT, Kind.SILENCED, now, now,
        alert.incident, alert.id, comment="inhibited" if by == INHIBITED else f"silence {by}",
        details=_seen(alert),
    )  # fmt: skip


def _of_incident(due: Due, actor: str) -> Happened:
    worst = due.worst[0]
    return Happened(
        f"{due.incident.id}:{due.ordinal}:{due.kind.value}", Scope.INCIDENT, due.kind, due.at,
        due.at, due.incident.id, actor=actor,
        details={
            **_seen(worst),
            "alerts": due.counts.alerts,
            "firing": due.counts.firing,
            "series_count": due.counts.series,
        },
    )  # fmt: skip


def _seen(alert: Alert) -> dict[str, object]:
    return {
        "stream": alert.stream,
        "series": alert.series,
        "severity": alert.severity,
        "owner": alert.owner,
        "title": alert.title,
        "link": alert.link,
        "value": alert.value,
        "score": alert.score,
        "threshold": alert.threshold,
    }
