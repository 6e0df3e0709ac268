"""A storm of 10,000 alerts through the real path, kills included; and what people do about it."""

from __future__ import annotations

import json
import multiprocessing
import random
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition
from typer.testing import CliRunner

import sensors.anomalies
from ml.anomaly.outbox import Outbox
from platform_assets.alerts.actions import acknowledge, escalate, expire, silence
from platform_assets.alerts.desk import Desk
from platform_assets.alerts.model import AlertError
from platform_assets.alerts.publish import TOPIC, Publisher
from platform_assets.alerts.reading import shown
from platform_assets.alerts.store import alerts_database
from platform_assets.alerts.wording import LONGEST
from platform_assets.cli.app import build
from platform_assets.connectors.envelope import event_id
from platform_assets.connectors.kafka import client_config
from platform_assets.contracts.load import load_contracts
from platform_assets.core.databases import Database, connect
from platform_assets.core.settings import Settings
from platform_assets.engines.registry import WriterSchemas
from platform_assets.messaging import Router, notifier_from_environment
from platform_assets.messaging.grouping import duration
from platform_assets.messaging.matchers import Matcher
from platform_assets.processors.records import Judge
from sensors.anomalies import take_in
from tests.alerts_tables import empty_alerts
from tests.integration.test_anomaly_watch import definition
from tests.peer import Answer, Peer, scripted

ALERTS, STREAMS = 10_000, 3
MINUTE = 60.0
ROUTES = """
routes:
  - places: "webhook:HOOK_ONE"
    escalate: [{after: 30m, places: "webhook:HOOK_HEAD"}]
grouping: {group_interval: 5m, repeat_interval: 12h}
"""
STREAM_NAMES = tuple(f"storm_{number}" for number in range(STREAMS))
DEFINITIONS = {name: definition(name) for name in STREAM_NAMES}
SERVERS = multiprocessing.get_context("forkserver")
"""Processes that begin at once: what they import was imported before they were forked."""


def work(settings: Settings, environment: dict[str, str], ready: Any) -> None:
    """What the sensor does, again and again, until nothing is left; to be killed."""
    desk = Desk(settings, notifier_from_environment(settings, environment))
    box, publisher = Outbox(settings), Publisher(settings)
    sensors.anomalies.EVENTS_AT_ONCE = 100
    ready.set()
    published = -1
    while published:
        take_in(box, desk, DEFINITIONS, "http://d:1")
        desk.look()
        desk.send(lambda _: None, time.monotonic() + 20)
        published = publisher.publish()


class Scene:
    """The tables, a recording receiver, and a clock."""

    def __init__(self, settings: Settings, home: Path, one: Peer, head: Peer) -> None:
        self.settings, self.one, self.head = settings, one, head
        (home / "routes.yaml").write_text(ROUTES)
        self.environment = {
            "WEIR_NOTIFY_ROUTES": str(home / "routes.yaml"),
            "HOOK_ONE": one.url,
            "HOOK_HEAD": head.url,
        }
        self.now = time.time()

    @property
    def router(self) -> Router:
        return notifier_from_environment(self.settings, self.environment)

    def raise_alerts(self, first: int, count: int, kind: str = "opened", ordinal: int = 0) -> None:
        """Events as the watch leaves them in its outbox."""
        with connect(self.settings, "models") as connection, connection.cursor() as cursor, cursor.copy(  # noqa: E501
            """COPY incident_events (stream, series, incident, ordinal, kind, at, details)
               FROM STDIN"""
        ) as copy:  # fmt: skip
            for number in range(first, first + count):
                stream, series = STREAM_NAMES[number % STREAMS], f"machine-{number:05d}"
                ratio = 1.0 + number / 1000.0
                reading = {
                    "signal": "vibration", "value": 5.0 + ratio, "score": 3.0 * ratio,
                    "threshold": 3.0, "strange": True,
                }  # fmt: skip
                details = {
                    "incident": {"opened_at": 1.7e9, "last_at": 1.7e9, "peak": ratio, "points": 3},
                    "readings": [reading], "others": [], "others_count": 0,
                    "detector": "neighbours", "version": 1,
                }  # fmt: skip
                copy.write_row(
                    (stream, series, f"{stream}/{series}@1", ordinal, kind,
                     "2026-03-01 12:00:00+00", json.dumps(details))
                )  # fmt: skip

    def tick(self, wait: float = 0.0) -> None:
        """What the sensor does, later."""
        self.now += wait
        with (
            closing(Desk(self.settings, self.router)) as desk,
            closing(Outbox(self.settings)) as box,
        ):
            take_in(box, desk, DEFINITIONS, "http://d:1", self.now)
            desk.look(self.now)
            desk.send(lambda _: None, time.monotonic() + 20)

    def told(self) -> list[str]:
        return [request.json()["event"] for request in self.one.requests]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with connect(self.settings, "models") as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture
def scene(stack: Settings, tmp_path: Path) -> Iterator[Scene]:
    empty_alerts(stack)
    with scripted(Answer()) as one, scripted(Answer()) as head:
        yield Scene(stack, tmp_path, one, head)


@pytest.fixture
def database(scene: Scene) -> Iterator[Database]:
    made = alerts_database(scene.settings)
    yield made
    made.close()


def test_a_storm_of_ten_thousand_alerts_is_ten_readable_messages_at_most(scene: Scene) -> None:
    for minute in range(10):
        scene.raise_alerts(minute * 1000, 1000)
        scene.tick(MINUTE)
    # It lasts three more hours in which nothing is acknowledged, then all recover at once.
    for _ in range(6):
        scene.tick(30 * MINUTE)
    scene.raise_alerts(0, ALERTS, "recovered", 1)
    scene.tick(MINUTE)
    scene.tick(6 * MINUTE)
    bodies = [request.json() for request in scene.one.requests]
    print(f"{ALERTS:,} alerts: {len(bodies)} messages: {', '.join(scene.told())}")
    assert scene.told() == ["opened", "updated", "updated", "recovered"]
    assert [request.json()["event"] for request in scene.head.requests] == [
        "escalated", "recovered",
    ]  # fmt: skip
    assert len({body["incident"] for body in bodies}) == 1
    for body in bodies[1:]:
        assert len(body["title"]) <= 200
        assert len(body["body"]) <= LONGEST + 300
        assert "machine-0" in body["body"]
        assert f"/alerts/{body['incident']}" in body["link"]
    assert "machine-09999" in bodies[2]["body"]
    assert "Alerts: 10,000 (0 firing, 10,000 recovered) on 10,000 series" in bodies[-1]["body"]
    assert scene.rows("SELECT count(*), count(DISTINCT incident), bool_and(told) FROM alerts") == [
        (ALERTS, 1, True)
    ]


def consumed(settings: Settings, wanted: set[str]) -> tuple[list[str], list[dict[str, Any]]]:
    """Ids of the records that the topic has of these, and the rows that pass the contract."""
    consumer = Consumer(
        {**client_config(settings), "group.id": uuid4().hex, "enable.auto.commit": False}
    )
    with closing(consumer):
        partitions = consumer.list_topics(str(TOPIC), 10).topics[str(TOPIC)].partitions
        left = {}
        for number in partitions:
            place = TopicPartition(str(TOPIC), number)
            _, left[number] = consumer.get_watermark_offsets(place, 10)
        consumer.assign([TopicPartition(str(TOPIC), number, 0) for number in partitions])
        messages = []
        while sum(left.values()) > len(messages):
            messages += consumer.consume(5_000, 1.0)
    judged = Judge(load_contracts()[TOPIC], WriterSchemas(settings))(messages)
    assert judged.unreadable == []
    assert judged.rejected == 0
    rows = [row for row in judged.rows.to_dicts() if row["event_id"] in wanted]
    return [row["event_id"] for row in rows], rows


def test_killed_anywhere_nothing_is_lost_or_doubled_for_who_drops_known_ids(
    scene: Scene,
) -> None:
    scene.raise_alerts(0, 1_000)
    drawn = random.Random(7)
    SERVERS.set_forkserver_preload([__name__])
    for kill in (True, True, True, True, False):
        ready = SERVERS.Event()
        worker = SERVERS.Process(target=work, args=(scene.settings, scene.environment, ready))
        worker.start()
        assert ready.wait(60)
        if kill:
            time.sleep(drawn.uniform(0.05, 0.5))  # the moment of the kill is what is drawn
            worker.kill()
        worker.join(60)
        assert worker.exitcode == (-signal.SIGKILL if kill else 0)
    assert scene.rows("SELECT count(*), count(DISTINCT incident) FROM alerts") == [(1_000, 1)]
    recorded = {row[0] for row in scene.rows("SELECT id FROM alert_events")}
    assert len(recorded) == 1_001
    ids, rows = consumed(scene.settings, {event_id(str(TOPIC), one) for one in recorded})
    assert set(ids) == {event_id(str(TOPIC), one) for one in recorded}
    keys = [request.headers["idempotency-key"] for request in scene.one.requests]
    assert len(set(keys)) == 1
    assert scene.told()[0] == "opened"
    one = next(row for row in rows if row["scope"] == "alert")
    assert one["score"] >= one["threshold"]
    assert sum(signal["share"] for signal in json.loads(one["signals"])) == pytest.approx(1.0)
    assert one["chart_link"].endswith(f"/alerts/{one['incident']}/chart.png")


def test_acknowledged_escalated_and_on_record(scene: Scene, database: Database) -> None:
    scene.raise_alerts(0, 2)
    scene.tick()
    ((name,),) = scene.rows("SELECT id FROM alert_incidents")
    with pytest.raises(AlertError, match="no incident"):
        acknowledge(database, "nothing", "anna")
    escalate(database, name[:6], "anna")
    scene.tick(MINUTE)
    assert [request.json()["event"] for request in scene.head.requests] == ["escalated"]
    with pytest.raises(AlertError, match="no further step"):
        escalate(database, name, "anna")
    acknowledge(database, name[:6], "anna", "pump 7")
    with pytest.raises(AlertError, match="acknowledged by anna"):
        acknowledge(database, name, "bert")
    scene.tick(MINUTE)
    scene.tick(24 * 60 * MINUTE)
    # Acknowledged: told once to all who know of it, and not repeated.
    assert scene.told() == ["opened", "acknowledged"]
    assert "anna looks after this incident: pump 7." in scene.one.requests[-1].json()["body"]
    found = shown(database, name)
    assert found["state"] == "acknowledged"
    assert [(row["kind"], row["who"]) for row in found["history"]] == [
        ("opened", ""), ("escalated", "anna"), ("acknowledged", "anna"),
    ]  # fmt: skip


def test_a_silence_mutes_ends_by_itself_and_says_who_and_why(
    scene: Scene, database: Database
) -> None:
    matcher = Matcher.parse(f"stream={STREAM_NAMES[0]}")
    with pytest.raises(AlertError, match="comment"):
        silence(database, [matcher], duration("1h"), "anna", " ")
    made = silence(database, [matcher], duration("1h"), "anna", "service")
    scene.raise_alerts(0, 6)
    scene.now = time.time()
    scene.tick()
    assert "4 series" in scene.one.requests[0].json()["title"]
    scene.tick(61 * MINUTE)
    assert "2 series" in scene.one.requests[1].json()["title"]
    expire(database, made.id, "bert")
    with pytest.raises(AlertError, match="has ended already"):
        expire(database, made.id, "bert")
    record = scene.rows(
        "SELECT kind, actor, comment FROM alert_events WHERE scope = 'silence' ORDER BY seq"
    )
    assert [row[:2] for row in record] == [("silenced", "anna"), ("expired", "bert")]
    assert "service" in record[0][2]


def test_the_shell_lists_acknowledges_and_silences(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weir(*words: str) -> Any:
        done = CliRunner().invoke(build(), ["alerts", *words])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.stdout

    assert "no incident is open" in weir("list")
    scene.raise_alerts(0, 3)
    scene.tick()
    (row,) = json.loads(weir("list", "--json"))
    assert (row["alerts"], row["firing"], row["state"]) == (3, 3, "open")
    assert row["incident"] in weir("list", "--csv")
    assert "machine-00002" in weir("show", row["incident"][:5])
    assert "acknowledged" in weir("ack", row["incident"], "--comment", "on my way")
    assert "on my way" in weir("audit")
    made = weir("silence", "add", "stream=storm_1", "series=~m.*", "--for", "2h", "--comment", "x")
    assert "series=~m.*" in weir("silence", "list")
    assert "ended" in weir("silence", "expire", made.split(":")[0])
    assert json.loads(weir("show", row["incident"], "--json"))["acknowledged"].startswith("cli:")
    refused = CliRunner().invoke(build(), ["alerts", "silence", "add", "cow=1", "--for", "2h",
                                           "--comment", "x"])  # fmt: skip
    assert "unknown label 'cow'" in str(refused.exception)
