"""What a message about an incident says: short, the worst signals by name, and what to do next."""

from __future__ import annotations

from datetime import UTC, datetime

from platform_assets.alerts.board import NAMED, Due
from platform_assets.alerts.model import Alert, Kind
from platform_assets.messaging import Event, Notification

LONGEST = 2_000
"""Characters of a body about several alerts."""
_LONGEST_LINE = 200

_EVENTS = {
    Kind.OPENED: Event.OPENED,
    Kind.UPDATED: Event.UPDATED,
    Kind.ESCALATED: Event.ESCALATED,
    Kind.ACKNOWLEDGED: Event.ACKNOWLEDGED,
    Kind.RECOVERED: Event.RECOVERED,
}


def incident_url(portal_url: str, incident: str) -> str:
    """Its page in the portal; empty where there is no portal."""
    return f"{portal_url.rstrip('/')}/alerts/{incident}" if portal_url else ""


def notification(due: Due, body: str, portal_url: str) -> Notification:
    """The message.

    Args:
        due: what is to be said.
        body: of the worst alert, said where the incident is that alert alone.
        portal_url: address of the portal; empty for none.
    """
    worst = due.worst[0]
    page = incident_url(portal_url, due.incident.id)
    if due.lone:
        title, text, link = worst.title, body, worst.link or page
    else:
        title, text, link = _title(due), _body(due), page or worst.link
    return Notification(
        title=_clip(title),
        body="\n".join([*_first(due), text, *_next(due)]),
        severity=due.counts.severity,
        source=worst.source if due.lone else "alerts",
        link=link,
        key=f"{due.incident.id}:{due.ordinal}:{due.kind.value}",
        owner=due.counts.owner,
        event=_EVENTS[due.kind],
        incident=due.incident.id,
    )


def _title(due: Due) -> str:
    counts = due.counts
    streams = f" of {len(counts.streams)} streams" if len(counts.streams) > 1 else ""
    return (
        f"{counts.series:,} series{streams} {'is' if counts.series == 1 else 'are'} unusual, "
        f"the worst: {due.worst[0].title}"
    )


def _first(due: Due) -> list[str]:
    incident = due.incident
    match due.kind:
        case Kind.ESCALATED:
            minutes = (due.at - (incident.first_told_at or due.at)) / 60.0
            return [f"Nobody acknowledged this incident for {minutes:,.0f} minutes."]
        case Kind.ACKNOWLEDGED:
            why = f": {incident.ack_comment}" if incident.ack_comment else ""
            return [_clip(f"{incident.acked_by} looks after this incident{why}.")]
        case _:
            return []


def _body(due: Due) -> str:
    counts, incident = due.counts, due.incident
    firing = f"{counts.firing:,} firing, {counts.alerts - counts.firing:,} recovered"
    muted = f", {counts.muted:,} of the firing ones silenced" if counts.muted else ""
    lines = [
        (
            f"Alerts: {counts.alerts:,} ({firing}{muted}) on {counts.series:,} series, "
            f"since {_clock(incident.opened_at)}"
        ),
    ]
    if due.kind is Kind.UPDATED:
        lines.append(f"New or worse since the last message: {counts.news:,}")
    if len(counts.streams) > 1:
        named = ", ".join(f"{name} {count:,}" for name, count in counts.streams[:NAMED])
        more = len(counts.streams) - NAMED
        lines.append(
            f"Series by stream: {named}" + (f", {more:,} more streams" if more > 0 else "")
        )
    lines += ["Worst:", *(_clip(f"- {_signal(one)}") for one in due.worst)]
    return "\n".join(lines)[:LONGEST]


def _signal(alert: Alert) -> str:
    value = f"{alert.value:g} {alert.unit}".rstrip()
    limit = "none yet" if alert.threshold is None else f"{alert.threshold:.2f}"
    return (
        f"{alert.title}: {value}, score {alert.score:.2f} of {limit} "
        f"({alert.peak:.1f} thresholds at its peak)"
    )


def _next(due: Due) -> list[str]:
    name = due.incident.id
    if due.kind is Kind.RECOVERED:
        return [f"Look back: weir alerts show {name}"]
    if due.incident.acked_at is not None:
        return [f"See: weir alerts show {name}"]
    return [f"See: weir alerts show {name}. You look after it: weir alerts ack {name}"]


def _clip(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_LINE else text[: _LONGEST_LINE - 1] + "…"


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
