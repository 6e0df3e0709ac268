"""Alerts of anomalies: real events in PostgreSQL, a real web server as the place they go."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from dagster import DagsterInstance, SkipReason, build_sensor_context

from ml.anomaly.model import Choice
from ml.anomaly.outbox import ATTEMPTS, Outbox
from ml.anomaly.watch import Watch
from platform_assets.core.databases import connect
from platform_assets.core.settings import Settings
from platform_assets.messaging import Notifier, Notifiers, NotifyError
from platform_assets.messaging.notifiers import webhook_notifier
from platform_assets.messaging.transport import RetryPolicy
from platform_assets.messaging.webhook import WebhookTransport
from sensors.anomalies import build_anomaly_sensor, chart_from, tell
from tests.anomaly_lake import daily, plain_rows, seconds
from tests.integration.test_anomaly_watch import (  # noqa: F401 - fixtures
    DAYS,
    END,
    Place,
    drain,
    machines,
    place,
)


class Distance:
    """A detector that never learns: how far a value lies from 5."""

    def update(self, time: float, value: float) -> float:
        return abs(value - 5.0)

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, arrays: Any) -> None:
        """There is nothing."""


class Peer:
    """A webhook's other end: answers with a chosen status and keeps what came."""

    def __init__(self) -> None:
        self.status = 200
        self.came: list[dict[str, Any]] = []
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if peer.status == 200:
                    peer.came.append({**body, "_key": self.headers["Idempotency-Key"]})
                self.send_response(peer.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def notifier(self, _settings: object = None) -> Notifier:
        return webhook_notifier(WebhookTransport(self.url), policy=RetryPolicy(1, pause=0.01))


@pytest.fixture
def peers() -> Iterator[tuple[Peer, Peer]]:
    both = Peer(), Peer()
    yield both
    for peer in both:
        peer.server.shutdown()
        peer.server.server_close()


@pytest.fixture
def outbox(place: Place) -> Iterator[Outbox]:  # noqa: F811
    with connect(place.settings, "postgres"):
        pass
    place.store.cursor("none")  # makes the tables
    with connect(place.settings, "models") as connection:
        connection.execute("DELETE FROM incident_events")
    box = Outbox(place.settings)
    yield box
    box.close()


def due_now(settings: Settings) -> None:
    """What waits for its next attempt waits no more."""
    with connect(settings, "models") as connection:
        connection.execute("UPDATE incident_events SET next_at = now() WHERE next_at < 'infinity'")


def told_of(box: Outbox, place: Place, notifier: Any) -> int:  # noqa: F811
    streams = {place.stream.name: place.stream}
    return tell(box, notifier, streams, "http://d:1", lambda *_: None).sent


def test_a_thousand_strange_points_are_one_incident_told_a_few_times(
    place: Place,  # noqa: F811
    outbox: Outbox,
    peers: tuple[Peer, Peer],
) -> None:
    calm = 96 * DAYS
    watch = Watch(
        place.settings, place.stream, Choice(1, "distance", lambda *_: Distance()), place.store
    )
    place.publish(plain_rows({"machine-00": daily(calm)}), 1)
    drain(watch, seconds(calm + 1))
    # It rises and rises: each point is stranger than the last.
    place.publish(plain_rows({"machine-00": np.geomspace(20.0, 100.0, 1000)}, first=calm), 2)
    place.publish(plain_rows({"machine-00": daily(20)}, first=calm + 1000), 3)
    drain(watch, seconds(calm + 1021))
    kinds = place.kinds("machine-00")
    points = place.rows(
        """SELECT count(*) FROM anomaly_scores
           WHERE stream = %(stream)s AND score > threshold"""
    )[0][0]
    assert points == 1000
    assert kinds[0] == "opened"
    assert kinds[-1] == "recovered"
    assert len({event[1] for event in place.events()}) == 1
    # The score grows from 15 to 95: by half, four times.
    assert kinds[1:-1] == ["updated"] * 4
    peer, _ = peers
    assert told_of(outbox, place, peer.notifier()) == len(kinds)
    assert [one["event"] for one in peer.came] == kinds
    assert len({one["incident"] for one in peer.came}) == 1
    assert len({one["_key"] for one in peer.came}) == len(kinds)


def test_the_sensor_says_value_score_threshold_signals_and_where_to_look(
    place: Place,  # noqa: F811
    outbox: Outbox,
    peers: tuple[Peer, Peer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ml.anomaly.definition

    place.publish(plain_rows(machines()), 1)
    drain(place.watch(), END)
    streams = {place.stream.name: place.stream}
    monkeypatch.setattr(ml.anomaly.definition, "load_streams", lambda: streams)
    sensor = build_anomaly_sensor(peers[0].notifier, lambda: place.settings)
    with DagsterInstance.ephemeral() as instance:
        result = sensor(build_sensor_context(instance=instance))
        assert isinstance(result, SkipReason)
        assert "sent, 0 refused" in str(result.skip_message)
        again = sensor(build_sensor_context(instance=instance))
    assert again.skip_message == "nothing to tell"
    first = peers[0].came[0]
    assert first["owner"] == "industry@weir.example"
    assert first["severity"] == "warning"
    assert first["link"].endswith(f"/assets/models/anomaly_{place.stream.name}/scores")
    for said in ("Value: 1", "mm/s", "Score: ", "threshold: ", "Since: 2026-03-15", "Signals: "):
        assert said in first["body"]
    assert [one["event"] for one in peers[0].came] == place.kinds("machine-01")


def test_the_chart_is_a_picture_of_the_stored_scores(place: Place, outbox: Outbox) -> None:  # noqa: F811
    place.publish(plain_rows(machines()), 1)
    drain(place.watch(), END)
    draw = chart_from(place.store)
    [event, *_] = outbox.due(1)
    picture = draw(event, place.stream)
    assert picture is not None
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000


def test_a_place_that_refuses_keeps_no_other_waiting_and_is_tried_again(
    place: Place,  # noqa: F811
    outbox: Outbox,
    peers: tuple[Peer, Peer],
) -> None:
    values = machines()
    values["machine-02"][-30:-25] += 8.0
    place.publish(plain_rows(values), 1)
    drain(place.watch(), END)
    bad, good = peers
    bad.status = 500
    both = Notifiers([bad.notifier(), good.notifier()])
    streams = {place.stream.name: place.stream}
    told = tell(outbox, both, streams, "", lambda *_: None)
    # The first event of each incident was tried; the others wait for it.
    assert (told.sent, told.failed) == (0, 2)
    assert len(good.came) == 2
    assert tell(outbox, both, streams, "", lambda *_: None).failed == 0
    bad.status = 200
    due_now(place.settings)
    assert told_of(outbox, place, both) == len(place.events())
    wanted = {f"{event[1]}:{event[2]}:{event[3]}" for event in place.events()}
    assert {one["_key"] for one in bad.came} == {one["_key"] for one in good.came} == wanted


def test_an_event_that_nobody_takes_is_given_up_and_the_next_goes_out(
    place: Place,  # noqa: F811
    outbox: Outbox,
    peers: tuple[Peer, Peer],
) -> None:
    place.publish(plain_rows(machines()), 1)
    drain(place.watch(), END)
    peer, _ = peers
    peer.status = 500
    streams = {place.stream.name: place.stream}
    results = []
    for _ in range(ATTEMPTS):
        results.append(tell(outbox, peer.notifier(), streams, "", lambda *_: None))
        due_now(place.settings)
    assert [one.given_up for one in results] == [0] * (ATTEMPTS - 1) + [1]
    assert outbox.given_up() == 1
    peer.status = 200
    assert told_of(outbox, place, peer.notifier()) == len(place.events()) - 1
    assert [one["event"] for one in peer.came] == place.kinds("machine-01")[1:]


def test_an_event_of_a_stream_that_is_gone_is_not_told_and_stops_nothing(
    place: Place,  # noqa: F811
    outbox: Outbox,
    peers: tuple[Peer, Peer],
) -> None:
    place.publish(plain_rows(machines()), 1)
    drain(place.watch(), END)
    told = tell(outbox, peers[0].notifier(), {}, "", lambda *_: None)
    assert (told.sent, told.failed) == (0, 1)
    [(error,)] = place.rows(
        "SELECT error FROM incident_events WHERE stream = %(stream)s AND error IS NOT NULL"
    )
    assert "put its YAML file back" in error


def test_a_wrong_place_fails_the_tick_and_keeps_the_events(
    place: Place,  # noqa: F811
    outbox: Outbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place.publish(plain_rows(machines()), 1)
    drain(place.watch(), END)
    monkeypatch.setenv("WEIR_NOTIFY", "pigeon")
    sensor = build_anomaly_sensor(settings=lambda: place.settings)
    with DagsterInstance.ephemeral() as instance, pytest.raises(NotifyError, match="pigeon"):
        sensor(build_sensor_context(instance=instance))
    waiting = [event for event in outbox.due(1_000) if event.stream == place.stream.name]
    assert waiting
