"""The sensor that speaks of anomalies: one alert an incident, when it opens, worsens and ends."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context`.

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagster import (
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from ml.anomaly.incidents import Kind
from ml.assets.anomaly import asset_key
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings, get_settings
from platform_assets.messaging import (
    Event,
    Notification,
    Notifier,
    Severity,
    notifier_from_environment,
)
from sensors.preload import preloaded

if TYPE_CHECKING:
    from ml.anomaly.definition import Stream
    from ml.anomaly.outbox import Outbox, Waiting
    from ml.anomaly.store import Store

EVENTS_AT_ONCE = 20
TICK_SECONDS = 20.0
"""No event is begun later in a tick: a place that does not answer must not hold up the sensors."""

CHART_POINTS = 200

_EVENTS = {
    Kind.OPENED: Event.OPENED,
    Kind.UPDATED: Event.UPDATED,
    Kind.RECOVERED: Event.RECOVERED,
}


@dataclass(frozen=True)
class Told:
    """What a round came to: events sent, events that a place refused, of those given up."""

    sent: int = 0
    failed: int = 0
    given_up: int = 0


def anomaly_notification(
    event: "Waiting", stream: "Stream", dagster_url: str, chart: bytes | None = None
) -> Notification:
    """What is said about an event of an incident.

    Args:
        event: from the outbox.
        stream: its definition.
        dagster_url: address of the web server; empty for none.
        chart: PNG.
    """
    incident, readings = event.details["incident"], event.details["readings"]
    lead = readings[0]
    signal = stream.signal(lead["signal"])
    moved = [f"{signal.name} of {event.series}"] if stream.key else [signal.name]
    path = "/".join(asset_key(stream, "scores").path)
    link = f"{dagster_url.rstrip('/')}/assets/{path}" if dagster_url else ""
    said = "at its peak" if event.kind is Kind.RECOVERED else f"at {_clock(event.at.timestamp())}"
    lines = [
        _first_line(event, incident),
        f"Stream: {stream.title} ({stream.topic.silver.sql}), series {event.series}",
        f"Value: {lead['value']:g} {signal.unit}".rstrip() + f" ({signal.name}, {said})",
        f"Score: {lead['score']:.2f}, threshold: {_number(lead['threshold'])}",
        f"Since: {_clock(incident['opened_at'])}",
        f"Strange points: {incident['points']}, the last at {_clock(incident['last_at'])}",
        f"Signals: {'; '.join(_signal(one, stream) for one in readings)}",
        *_others(event.details),
        f"Detector: {event.details['detector']}, {_version(stream, event.details['version'])}",
        *([f"Next: see the scores at {link}"] if link else []),
    ]
    return Notification(
        title=f"{stream.title}: {', '.join(moved)} is unusual",
        body="\n".join(lines),
        severity=Severity(stream.severity),
        source=f"anomalies of {stream.name}",
        link=link,
        key=event.key,
        owner=stream.owner,
        event=_EVENTS[event.kind],
        incident=event.incident,
        chart=chart,
    )


def tell(
    outbox: "Outbox",
    notifier: Notifier,
    streams: Mapping[str, "Stream"],
    dagster_url: str,
    draw: "Callable[[Waiting, Stream], bytes | None]",
) -> Told:
    """Send the events that are due; one that fails does not hold up other incidents.

    Where one of several places refuses, the others have got it; it goes to all again, under the
    same key, until it is taken or given up.

    Args:
        outbox: the events.
        notifier: where they go.
        streams: definitions by name; an event of a stream that is gone cannot be told.
        dagster_url: for links.
        draw: makes an event's chart.
    """
    sent = failed = given_up = 0
    end = time.monotonic() + TICK_SECONDS
    for event in _in_turn(outbox, end):
        try:
            stream = _stream(streams, event.stream)
            notifier.send(anomaly_notification(event, stream, dagster_url, draw(event, stream)))
        except WeirError as error:
            failed += 1
            given_up += outbox.failed(event, str(error))
        else:
            outbox.told(event)
            sent += 1
    return Told(sent, failed, given_up)


def _in_turn(outbox: "Outbox", end: float) -> "Iterator[Waiting]":
    """Events that are due, until none is left or the time is up.

    An incident's next event is due once the one before was told, so the outbox is asked again.
    """
    while events := outbox.due(EVENTS_AT_ONCE):
        for event in events:
            if time.monotonic() > end:
                return
            yield event


def chart_from(store: "Store") -> "Callable[[Waiting, Stream], bytes | None]":
    """Draws from the stored scores; None where there are none any more."""

    def draw(event: "Waiting", stream: "Stream") -> bytes | None:
        from sensors.anomaly_chart import incident_chart

        name = event.details["readings"][0]["signal"]
        until = event.at.timestamp()
        points = store.chart(stream.name, event.series, name, until, CHART_POINTS).points
        if not points:
            return None
        title = f"{name} of {event.series}" if stream.key else name
        opened_at = event.details["incident"]["opened_at"]
        return incident_chart(points, opened_at, title, stream.signal(name).unit)

    return draw


def build_anomaly_sensor(
    notifier: Callable[[Settings], Notifier] = notifier_from_environment,
    settings: Callable[[], Settings] = get_settings,
) -> SensorDefinition:
    """The sensor over the outbox of incidents.

    Args:
        notifier: makes the notifier at the tick; by default from the environment.
        settings: where the outbox is; by default the process's.
    """

    @sensor(
        name="alert_anomalies",
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.RUNNING,
        description="Sends one alert for each event of an incident: opened, updated, recovered.",
    )
    @preloaded
    def alert_anomalies(context: SensorEvaluationContext) -> SkipReason:
        from ml.anomaly.definition import load_streams
        from ml.anomaly.outbox import Outbox
        from ml.anomaly.store import Store

        found = settings()
        # A wrong WEIR_NOTIFY fails the tick: as a reason to skip, nobody would see it.
        to = notifier(found)
        outbox, store = Outbox(found), Store(found)
        try:
            told = tell(
                outbox,
                to,
                load_streams(),
                found.dagster_url,
                chart_from(store),
            )
        except WeirError as error:
            return SkipReason(str(error))
        finally:
            outbox.close()
            store.close()
        text = f"{told.sent} sent, {told.failed} refused, {told.given_up} given up"
        context.log.info(text)
        return SkipReason(text if told != Told() else "nothing to tell")

    return alert_anomalies


def _stream(streams: Mapping[str, "Stream"], name: str) -> "Stream":
    if name not in streams:
        raise WeirError(f"no stream {name!r}", "put its YAML file back")
    return streams[name]


def _first_line(event: "Waiting", incident: Mapping[str, Any]) -> str:
    since = _clock(incident["opened_at"])
    match event.kind:
        case Kind.OPENED:
            return f"An incident began at {since}."
        case Kind.UPDATED:
            return f"The incident since {since} got worse: {incident['peak']:.1f} thresholds."
        case Kind.RECOVERED:
            peak = incident["peak"]
            return f"The incident that began {since} has ended; peak {peak:.1f} thresholds."


def _signal(reading: Mapping[str, Any], stream: "Stream") -> str:
    unit = stream.signal(reading["signal"]).unit
    state = "strange" if reading["strange"] else "ordinary"
    return f"{reading['signal']} {reading['value']:g} {unit}".rstrip() + (
        f" (score {reading['score']:.2f} of {_number(reading['threshold'])}, {state})"
    )


def _others(details: Mapping[str, Any]) -> list[str]:
    count, named = details["others_count"], details["others"]
    if not count:
        return []
    more = f" and {count - len(named)} more" if count > len(named) else ""
    return [f"Also unusual now: {', '.join(named)}{more}"]


def _version(stream: "Stream", version: int) -> str:
    return f"version {version} of {stream.model}" if version else "until a version is champion"


def _number(value: float | None) -> str:
    return "none yet" if value is None else f"{value:.2f}"


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
