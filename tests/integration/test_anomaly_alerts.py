"""Alerts of anomalies: real events in PostgreSQL, real web servers as the places they go."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import numpy as np
import pytest
from dagster import DagsterInstance, SkipReason, build_sensor_context

from ml.anomaly.model import Choice
from ml.anomaly.outbox import Outbox
from ml.anomaly.watch import Watch
from platform_assets.alerts.desk import ATTEMPTS, Desk, Sent
from platform_assets.alerts.reading import given_up
from platform_assets.alerts.store import alerts_database
from platform_assets.core.databases import connect
from platform_assets.messaging import NotifyError, Router, Routes
from platform_assets.messaging.notifiers import webhook_notifier
from platform_assets.messaging.transport import RetryPolicy
from platform_assets.messaging.webhook import WebhookTransport
from sensors.anomalies import build_anomaly_sensor, take_in
from tests.alerts_tables import empty_alerts
from tests.anomaly_lake import daily, plain_rows, seconds
from tests.integration.test_anomaly_watch import (  # noqa: F401 - fixtures
    DAYS,
    END,
    Place,
    drain,
    machines,
    place,
)

T = TypeVar("T")


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

    def router(self, _settings: object = None) -> Router:
        return router(self)


def router(*peers: Peer) -> Router:
    """All messages to all peers, tried once each."""
    places = {f"webhook:PEER_{number}": peer for number, peer in enumerate(peers)}
    return Router(
        Routes(),
        tuple(places),
        lambda name: webhook_notifier(
            WebhookTransport(places[name].url), policy=RetryPolicy(1, pause=0.01)
        ),
    )


@pytest.fixture
def peers() -> Iterator[tuple[Peer, Peer]]:
    both = Peer(), Peer()
    yield both
    for peer in both:
        peer.server.shutdown()
        peer.server.server_close()


@pytest.fixture
def outbox(place: Place) -> Iterator[Outbox]:  # noqa: F811
    empty_alerts(place.settings)
    box = Outbox(place.settings)
    yield box
    box.close()


HOUR = 3600.0


@dataclass
class Round:
    """Rounds of the sensor's work with a clock of its own."""

    place: Place
    outbox: Outbox
    to: Router
    now: float = field(default_factory=time.time)

    def take(self) -> int:
        streams = {self.place.stream.name: self.place.stream}
        return self._with(lambda desk: take_in(self.outbox, desk, streams, "http://d:1", self.now))

    def look(self, wait: float = 0.0) -> Sent:
        self.now += wait

        def tell(desk: Desk) -> Sent:
            desk.look(self.now)
            return desk.send(lambda _: None, time.monotonic() + 20)

        return self._with(tell)

    def due_now(self) -> None:
        """What waits for its next attempt waits no more."""
        with connect(self.place.settings, "models") as connection:
            connection.execute(
                "UPDATE alert_messages SET next_at = now() WHERE next_at < 'infinity'"
            )

    def _with(self, work: Callable[[Desk], T]) -> T:
        desk = Desk(self.place.settings, self.to)
        try:
            return work(desk)
        finally:
            desk.close()


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
    rounds = Round(place, outbox, peer.router())
    assert rounds.take() == len(kinds)
    # All of it came at once; opened and recovered are told, and what comes again is no news.
    rounds.look()
    assert rounds.take() == 0
    rounds.look(HOUR)
    rounds.look(HOUR)
    assert [one["event"] for one in peer.came] == ["opened", "recovered"]
    assert len({one["incident"] for one in peer.came}) == 1
    assert len({one["_key"] for one in peer.came}) == 2


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
    offline = place.settings.model_copy(update={"registry_url": "http://127.0.0.1:1"})
    sensor = build_anomaly_sensor(peers[0].router, lambda: offline)
    with DagsterInstance.ephemeral() as instance:
        result = sensor(build_sensor_context(instance=instance))
    # People are told although the topic cannot be had; the tick says so.
    assert isinstance(result, SkipReason)
    assert "127.0.0.1:1" in str(result.skip_message)
    (first,) = peers[0].came
    assert first["owner"] == "industry@weir.example"
    assert first["severity"] == "warning"
    assert first["link"].endswith(f"/assets/models/anomaly_{place.stream.name}/scores")
    for said in ("Value: 1", "mm/s", "Score: ", "threshold: ", "Since: 2026-03-15", "Signals: "):
        assert said in first["body"]
    assert first["event"] == "opened"
    assert base64.b64decode(first["chart_png"]).startswith(b"\x89PNG")


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
    rounds = Round(place, outbox, router(bad, good))
    rounds.take()
    first = rounds.look()
    assert (first.sent, first.failed) == (1, 1)
    # Two series, one incident; its next message waits for the first at the one place only.
    second = rounds.look(HOUR)
    assert (second.sent, second.failed) == (1, 0)
    assert [one["event"] for one in good.came] == ["opened", "recovered"]
    assert "on 2 series" in good.came[0]["body"]
    bad.status = 200
    rounds.due_now()
    assert rounds.look().sent == 2
    assert [one["_key"] for one in bad.came] == [one["_key"] for one in good.came]


def test_a_message_that_a_place_never_takes_is_given_up_and_the_next_goes_out(
    place: Place,  # noqa: F811
    outbox: Outbox,
    peers: tuple[Peer, Peer],
) -> None:
    place.publish(plain_rows(machines()), 1)
    drain(place.watch(), END)
    peer, _ = peers
    peer.status = 500
    rounds = Round(place, outbox, peer.router())
    rounds.take()
    results = []
    for _ in range(ATTEMPTS):
        results.append(rounds.look())
        rounds.due_now()
    assert [one.given_up for one in results] == [0] * (ATTEMPTS - 1) + [1]
    database = alerts_database(place.settings)
    assert given_up(database) == 1
    database.close()
    peer.status = 200
    assert rounds.look(HOUR).sent == 1
    assert [one["event"] for one in peer.came] == ["recovered"]


def test_an_event_of_a_stream_that_is_gone_is_not_told_and_stops_nothing(
    place: Place,  # noqa: F811
    outbox: Outbox,
    peers: tuple[Peer, Peer],
) -> None:
    place.publish(plain_rows(machines()), 1)
    drain(place.watch(), END)
    desk = Desk(place.settings, peers[0].router())
    assert take_in(outbox, desk, {}, "") == 0
    desk.close()
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
