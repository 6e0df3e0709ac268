"""The connector ``mqtt`` against a real Mosquitto, by TLS and with a persistent session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from platform_assets.connectors.kinds.mqtt.config import MqttConfig, MqttStream
from platform_assets.connectors.kinds.mqtt.connection import Connection
from platform_assets.connectors.seam.definition import load_sources
from platform_assets.connectors.seam.pull import open_reader
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    SourceAwayError,
    SourceRefusedError,
)
from platform_assets.connectors.seam.types import Maturity
from platform_assets.core.settings import Settings
from platform_assets.local import artemis, fetch
from platform_assets.local.wait import wait_until
from tests.connectors.behaviour import Behaviour
from tests.connectors.mosquitto import PASSWORD, Mosquitto, mosquitto, publish
from tests.connectors.reading import Running, read_until
from tests.connectors.scene import Scene, new_source
from tests.connectors.servers import running
from tests.ports import free_port_base
from tests.sparkplug_wire import float64, metric, payload

PROVES = {"mqtt": Maturity.REAL}


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mosquitto]:
    monkeypatch.setenv("MQTT_PASSWORD", PASSWORD)
    with mosquitto(tmp_path / "broker") as made:
        yield made


@pytest.fixture
def scene(stack: Settings, broker: Mosquitto, tmp_path: Path) -> Iterator[Scene]:
    with new_source(
        stack,
        tmp_path / "sources",
        "mqtt",
        config=broker.config,
        options={"topics": ["plants/+/+/state"], "pattern": "plants/{plant}/{machine}/state"},
        fields={"id": "integer", "plant": "string", "machine": "string", "warm": "number"},
        identity=["_topic", "id"],
        columns={
            "id": "id",
            "plant": "plant",
            "machine": "machine",
            "warm": {"column": "_payload", "path": "$.heat.celsius"},
        },
        occurred_at="_received_at",
    ) as made:
        yield made


def _read(scene: Scene, wanted: int, protocol: str = "5") -> Any:
    """Read until so many messages are committed."""
    config = scene.source.config
    assert isinstance(config, MqttConfig)
    assert config.protocol == protocol
    return read_until(scene, wanted, 30)


def _subscribe(scene: Scene) -> None:
    """Begin the session; from now on the broker keeps what is published."""
    config, options = scene.source.config, scene.source.options["rows"]
    assert isinstance(config, MqttConfig)
    assert isinstance(options, MqttStream)
    with Connection(config, scene.name, f"weir-{scene.name}-rows", options.topics):
        pass


def _taken(scene: Scene) -> int:
    """Messages that are given to a connection which acknowledges none of them."""
    config, options = scene.source.config, scene.source.options["rows"]
    assert isinstance(config, MqttConfig)
    assert isinstance(options, MqttStream)
    with Connection(config, scene.name, f"weir-{scene.name}-rows", options.topics) as connection:
        return len(connection.take(20, 0.3, 10))


def _states(ids: range, machine: str = "press") -> list[tuple[str, bytes]]:
    return [
        (f"plants/ulm/{machine}/state", json.dumps({"id": n, "heat": {"celsius": n / 2}}).encode())
        for n in ids
    ]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_topics_and_payloads_become_columns(scene: Scene, broker: Mosquitto, protocol: str) -> None:
    path = scene.source.folder / "defs.yaml"
    path.write_text(path.read_text().replace("    user:", f"    protocol: '{protocol}'\n    user:"))
    _subscribe(scene)
    broker.publish([*_states(range(50)), ("plants/ulm/other", b"{}")])
    outcome = _read(scene, 50, protocol)
    assert (outcome.records, outcome.dead_letters, outcome.error) == (50, 0, None)
    assert scene.rows()[3] == {"id": 3, "plant": "ulm", "machine": "press", "warm": 1.5}
    # What was acknowledged does not come again.
    broker.publish(_states(range(50, 51)))
    assert _read(scene, 1, protocol).records == 1


def test_what_is_no_object_is_a_dead_letter(scene: Scene, broker: Mosquitto) -> None:
    _subscribe(scene)
    topic = "plants/ulm/press/state"
    broker.publish([(topic, b"{"), (topic, b"17.5"), (topic, b""), *_states(range(1))])
    outcome = _read(scene, 4)
    assert (outcome.records, outcome.dead_letters) == (1, 3)
    reasons = [headers["reason"] for _, headers in scene.letters()]
    assert any("no object: float (see `format: text`)" in reason for reason in reasons)
    assert [raw for raw, _ in scene.letters()] == [b"{", b"17.5", b""]


def test_a_broker_that_restarts_gives_what_was_queued(scene: Scene, broker: Mosquitto) -> None:
    running = Running(scene)
    _retried(lambda: bool(scene.rows()), broker, range(1))
    broker.stop()
    wait_until(lambda: running.errors, what="the loss is told", timeout=20)
    broker.start()
    broker.publish(_states(range(1, 301)))
    wait_until(
        lambda: {row["id"] for row in scene.rows()} == set(range(301)),
        what="all messages", timeout=30, every=0.5,
    )  # fmt: skip
    running.stop()
    assert "the connection ended" in running.errors[0]


def test_the_broker_without_mosquitto_keeps_what_it_acknowledged_through_a_kill(
    stack: Settings, tmp_path: Path
) -> None:
    home = Settings(home=tmp_path / "home", port_base=free_port_base(), cache=stack.cache)
    fetch.ensure([artemis.NAME], cache=home.cache)
    broker = artemis.server(home)
    broker.prepare()
    with running(broker.command, *broker.ports, tmp_path / "log", 120) as server, new_source(
        stack,
        tmp_path / "sources",
        "mqtt",
        config={"host": "127.0.0.1", "port": server.port, "tls": False},
        options={"topics": ["plants/#"]},
        fields={"id": "integer"},
        identity=["_topic", "id"],
    ) as scene:  # fmt: skip
        wait_until(broker.probe, what="the broker", timeout=30)
        _subscribe(scene)
        publish(server.port, _states(range(300)))
        server.kill()
        server.start(120)
        wait_until(broker.probe, what="the broker", timeout=30)
        # Readers that end with all that they may hold, and acknowledge nothing of it.
        assert [_taken(scene) for _ in range(3)] == [20] * 3
        assert _read(scene, 300).error is None
        assert sorted(row["id"] for row in scene.rows()) == list(range(300))


def _retried(condition: Any, broker: Mosquitto, ids: range) -> None:
    """Until the session is there, nobody keeps what is published."""

    def published() -> bool:
        broker.publish(_states(ids))
        return bool(condition())

    wait_until(published, what="the first message", timeout=30, every=0.5)


def test_who_is_refused_is_told(
    scene: Scene, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_reader(scene.settings, scene.source).check().endswith("connected by TLS")
    monkeypatch.setenv("MQTT_PASSWORD", "wrong")
    with pytest.raises(SourceRefusedError, match="refuses: Not authorized"):
        open_reader(scene.settings, scene.source).check()
    monkeypatch.setenv("MQTT_PASSWORD", PASSWORD)
    path = scene.source.folder / "defs.yaml"
    text = path.read_text()
    path.write_text(text.replace(f"    ca_file: {broker.ca_file}\n", ""))
    with pytest.raises(ConnectorError, match="no TLS: CERTIFICATE_VERIFY_FAILED"):
        open_reader(scene.settings, scene.source).check()
    path.write_text(text.replace(f"port: {broker.tls_port}", "port: 1"))
    with pytest.raises(SourceAwayError, match="1 does not answer: Connection refused"):
        open_reader(scene.settings, scene.source).check()


def test_metrics_of_sparkplug_become_rows(
    stack: Settings, broker: Mosquitto, tmp_path: Path
) -> None:
    with new_source(
        stack,
        tmp_path / "sources",
        "mqtt",
        config=broker.config,
        options={"topics": ["spBv1.0/#"], "format": "sparkplug"},
        fields={"id": "string", "value": "number", "machine": "string"},
        identity=["_topic", "metric", "at", "_seq"],
        columns={"id": "metric", "value": "value", "machine": "_device"},
        occurred_at="at",
    ) as scene:
        _subscribe(scene)
        birth = payload(metric(float64(13, 20.5), 10, "heat", 7), seq=0)
        broker.publish([("spBv1.0/ulm/DBIRTH/line1/press", birth)])
        assert _read(scene, 1).records == 1
        # By another connection: the name of the alias is in the cursor.
        data = payload(metric(float64(13, 21.5), alias=7), seq=1)
        broker.publish([("spBv1.0/ulm/DDATA/line1/press", data)])
        assert _read(scene, 1).error is None
        assert scene.rows() == [
            {"id": "heat", "value": 20.5, "machine": "press"},
            {"id": "heat", "value": 21.5, "machine": "press"},
        ]


class _Topic:
    """The peer of the suite; each test's session is begun before anything is published."""

    connector = "mqtt"
    stream = "rows"
    options: ClassVar[dict[str, Any]] = {"topics": ["rows/#"], "page_rows": 10}
    entry: ClassVar[dict[str, Any]] = {"identity": ["_topic", "_digest"]}

    def __init__(self, broker: Mosquitto) -> None:
        self._broker, self.config = broker, broker.config

    def add(self, ids: range) -> None:
        rows = [{"id": str(n), "city": "Ulm"} for n in ids]
        self._broker.publish([("rows/a", json.dumps(row).encode()) for row in rows])

    def spoil(self, number: int) -> None:
        row = json.dumps({"id": f"{number}x", "city": "Ulm"})
        self._broker.publish([("rows/a", row.encode())])


class TestBehaviour(Behaviour):
    exact = False
    keeps = False

    @pytest.fixture
    def peer(self, broker: Mosquitto) -> _Topic:
        return _Topic(broker)

    def prepare(self, scene: Scene, peer: Any) -> None:
        assert scene.name in load_sources()
        _subscribe(scene)
