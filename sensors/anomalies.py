"""The sensor that speaks of anomalies: from the watch's outbox to incidents, people and Kafka."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context`.

import time
from collections.abc import Callable, Mapping
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
from platform_assets.messaging import Router, notifier_from_environment
from sensors.preload import preloaded

if TYPE_CHECKING:
    from ml.anomaly.definition import Stream
    from ml.anomaly.outbox import Outbox, Waiting
    from ml.anomaly.store import Store
    from platform_assets.alerts.desk import Desk, Draw, Sent
    from platform_assets.alerts.model import Alert, Raised

EVENTS_AT_ONCE = 5_000
TICK_SECONDS = 20.0
"""No message is begun later: a place that does not answer must not hold up the sensors."""

CHART_POINTS = 200


def raised(event: "Waiting", stream: "Stream", dagster_url: str) -> "Raised":
    """An event of the watch as the alert's.

    Args:
        event: from the outbox.
        stream: its definition.
        dagster_url: address of the web server; empty for none.
    """
    from platform_assets.alerts.model import Kind as AlertKind
    from platform_assets.alerts.model import Raised

    incident, readings = event.details["incident"], event.details["readings"]
    lead = readings[0]
    signal = stream.signal(lead["signal"])
    moved = f"{signal.name} of {event.series}" if stream.key else signal.name
    path = "/".join(asset_key(stream, "scores").path)
    link = f"{dagster_url.rstrip('/')}/assets/{path}" if dagster_url else ""
    detector = f"{event.details['detector']}, {_version(stream, event.details['version'])}"
    return Raised(
        id=event.key,
        kind=AlertKind(event.kind.value),
        alert=event.incident,
        at=event.at.timestamp(),
        opened_at=incident["opened_at"],
        stream=stream.name,
        series=event.series,
        signal=signal.name,
        severity=stream.severity,
        owner=stream.owner,
        source=f"anomalies of {stream.name}",
        title=f"{stream.title}: {moved} is unusual",
        body=_body(event, stream, link, detector),
        link=link,
        value=lead["value"],
        unit=signal.unit,
        score=lead["score"],
        threshold=lead["threshold"],
        ratio=incident["peak"],
        signals=_contributions(readings, stream),
        detector=detector,
    )


def take_in(
    outbox: "Outbox",
    desk: "Desk",
    streams: Mapping[str, "Stream"],
    dagster_url: str,
    now: float | None = None,
) -> int:
    """Hand the watch's events over to the desk; returns how many.

    An event that cannot be said (its stream is gone) holds up no other incident.
    """
    taken = 0
    while events := outbox.due(EVENTS_AT_ONCE):
        said, found = [], []
        waits: set[str] = set()
        for event in events:
            if event.incident in waits:
                continue
            try:
                found.append(raised(event, _stream(streams, event.stream), dagster_url))
                said.append(event)
            except WeirError as error:
                outbox.failed(event, str(error))
                waits.add(event.incident)
        desk.take(found, now)
        # Marked after they are stored: a crash between hands them over again, under the same ids.
        outbox.told(said)
        taken += len(said)
    return taken


def chart_from(store: "Store", streams: Mapping[str, "Stream"]) -> "Draw":
    """Draws from the stored scores; None where there are none any more."""

    def draw(alert: "Alert") -> bytes | None:
        from sensors.anomaly_chart import incident_chart

        name = alert.signal
        points = store.chart(
            alert.stream, alert.series, name, alert.changed_at, CHART_POINTS
        ).points
        if not points:
            return None
        stream = streams.get(alert.stream)
        title = f"{name} of {alert.series}" if stream is None or stream.key else name
        return incident_chart(points, alert.opened_at, title, alert.unit)

    return draw


def tell(
    outbox: "Outbox",
    desk: "Desk",
    streams: Mapping[str, "Stream"],
    dagster_url: str,
    draw: "Draw",
) -> "Sent":
    """One round: take events in, make the messages that are due, send those that wait."""
    take_in(outbox, desk, streams, dagster_url)
    desk.look()
    return desk.send(draw, time.monotonic() + TICK_SECONDS)


def build_anomaly_sensor(
    notifier: Callable[[Settings], Router] = notifier_from_environment,
    settings: Callable[[], Settings] = get_settings,
) -> SensorDefinition:
    """The sensor over the outbox of the watch.

    Args:
        notifier: makes the router at the tick; by default from the environment.
        settings: where the outbox is; by default the process's.
    """

    @sensor(
        name="alert_anomalies",
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.RUNNING,
        description="Groups alerts into incidents, tells people of each a few times, escalates "
        "what nobody acknowledges, and publishes what happened to alerts.events.",
    )
    @preloaded
    def alert_anomalies(context: SensorEvaluationContext) -> SkipReason:
        from ml.anomaly.definition import load_streams
        from ml.anomaly.outbox import Outbox
        from ml.anomaly.store import Store
        from platform_assets.alerts.desk import Desk, Sent
        from platform_assets.alerts.publish import Publisher

        found = settings()
        # A wrong WEIR_NOTIFY fails the tick: as a reason to skip, nobody would see it.
        desk = Desk(found, notifier(found))
        outbox, store, publisher = Outbox(found), Store(found), Publisher(found)
        try:
            streams = load_streams()
            told = tell(outbox, desk, streams, found.dagster_url, chart_from(store, streams))
            # After the messages: people do not wait for the broker.
            published = publisher.publish()
            desk.forget()
        except WeirError as error:
            return SkipReason(str(error))
        finally:
            for one in (desk, outbox, store, publisher):
                one.close()
        text = f"{told.sent} sent, {told.failed} refused, {told.given_up} given up"
        if published:
            text += f", {published} events published"
        context.log.info(text)
        return SkipReason(text if told != Sent() or published else "nothing to tell")

    return alert_anomalies


def _body(event: "Waiting", stream: "Stream", link: str, detector: str) -> str:
    """What is said of the alert where it is the only one."""
    incident, readings = event.details["incident"], event.details["readings"]
    lead = readings[0]
    unit = stream.signal(lead["signal"]).unit
    said = "at its peak" if event.kind is Kind.RECOVERED else f"at {_clock(event.at.timestamp())}"
    lines = [
        _first_line(event, incident),
        f"Stream: {stream.title} ({stream.topic.silver.sql}), series {event.series}",
        f"Value: {lead['value']:g} {unit}".rstrip() + f" ({lead['signal']}, {said})",
        f"Score: {lead['score']:.2f}, threshold: {_number(lead['threshold'])}",
        f"Since: {_clock(incident['opened_at'])}",
        f"Strange points: {incident['points']}, the last at {_clock(incident['last_at'])}",
        f"Signals: {'; '.join(_signal(one, stream) for one in readings)}",
        *_others(event.details),
        f"Detector: {detector}",
        *([f"Next: see the scores at {link}"] if link else []),
    ]
    return "\n".join(lines)


def _contributions(
    readings: "list[dict[str, Any]]", stream: "Stream"
) -> tuple[dict[str, Any], ...]:
    """Every signal with its share of the strangeness; the shares add up to 1."""
    ratios = [one["score"] / one["threshold"] if one["threshold"] else 0.0 for one in readings]
    whole = sum(ratios)
    return tuple(
        {
            "signal": one["signal"],
            "value": one["value"],
            "unit": stream.signal(one["signal"]).unit,
            "score": one["score"],
            "threshold": one["threshold"],
            "ratio": ratio,
            "share": ratio / whole if whole else 1.0 / len(readings),
        }
        for one, ratio in zip(readings, ratios, strict=True)
    )


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
