"""The connector ``rabbitmq``: its configuration, and a real server where one is installed.

RabbitMQ is no package of Python's, and Debian's brings Erlang (100 MB), so CI has none: the type
claims no more than its configuration. ``apt-get install rabbitmq-server`` runs the rest.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pika
import pytest

from platform_assets.connectors.kinds.rabbitmq.config import RabbitStream
from platform_assets.connectors.kinds.rabbitmq.reader import _message
from platform_assets.connectors.seam.addresses import InternalAddressError
from platform_assets.connectors.seam.pull import open_reader
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    SourceAwayError,
    SourceRefusedError,
)
from platform_assets.core.settings import Settings
from platform_assets.local.wait import wait_until
from tests.connectors.api_peer import loopback
from tests.connectors.behaviour import FIELDS, Behaviour
from tests.connectors.reading import read_until
from tests.connectors.scene import new_source
from tests.connectors.servers import Server
from tests.ports import free_port_base

EXACT = {"rabbitmq": False}

# The script behind Debian's own, which would give up root and leave the server to itself.
BINARY = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RABBIT_PASSWORD", "guest")


@pytest.fixture(scope="module")
def stack(stack: Settings) -> Iterator[Settings]:
    with pytest.MonkeyPatch.context() as patch:
        yield loopback(stack, patch)


def test_a_message_is_named_by_its_sender_or_by_nobody() -> None:
    method = pika.spec.Basic.Deliver(routing_key="orders", exchange="", delivery_tag=1)
    named = pika.BasicProperties(message_id="m1", timestamp=1_700_000_000, headers={"a": 1})
    told = _message("orders", method, named, b"{}")
    assert (told.id, told.fields["_headers"]) == ("m1", '{"a": 1}')
    assert told.fields["_at"].year == 2023
    bare = [_message("orders", method, pika.BasicProperties(), body) for body in (b"1", b"1", b"2")]
    assert [one.id for one in bare] == [None] * 3
    first, second, third = (one.fields["_digest"] for one in bare)
    assert first == second != third
    assert RabbitStream(queue="orders").page_messages == 500


def test_a_server_that_is_away(stack: Settings, tmp_path: Path) -> None:
    config = {"host": "127.0.0.1", "port": 9, "password": "RABBIT_PASSWORD"}
    with new_source(
        stack, tmp_path, "rabbitmq", config=config, options={"queue": "orders"}, fields=FIELDS
    ) as made:  # fmt: skip
        with pytest.raises(SourceAwayError, match="does not answer"):
            open_reader(stack, made.source).check()
        strict = stack.model_copy(update={"source_networks": ""})
        with pytest.raises(InternalAddressError, match=r"127\.0\.0\.1, which is internal"):
            open_reader(strict, made.source).check()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if not BINARY.exists():
        pytest.skip("no rabbitmq-server on this machine")
    folder, port = Path(tempfile.mkdtemp(prefix="weir-rabbit-")), free_port_base()
    name = f"weir{port}@localhost"
    environment = {
        "RABBITMQ_NODENAME": name, "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port), "RABBITMQ_DIST_PORT": str(port + 1),
        "ERL_EPMD_PORT": str(port + 2), "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(folder / "data"), "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_SERVER_START_ARGS": (
            "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false"
        ),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"), "HOME": str(folder),
    }  # fmt: skip
    command = ["env", *(f"{name}={value}" for name, value in environment.items()), str(BINARY)]
    names = Server(
        ["epmd", "-address", "127.0.0.1", "-port", str(port + 2)], port + 2, folder / "names.log"
    )
    names.start()
    server = Server(command, port, folder / "log")
    try:
        server.start(120)
        yield server
    finally:
        server.stop()
        names.stop()
    shutil.rmtree(folder, ignore_errors=True)


class Queue:
    """A durable queue."""

    connector = "rabbitmq"
    stream = "orders"
    entry: ClassVar[dict[str, Any]] = {}

    def __init__(self, server: Server) -> None:
        self.name = f"orders-{uuid.uuid4().hex[:8]}"
        self.port = server.port
        self.config = {"host": "127.0.0.1", "port": server.port, "password": "RABBIT_PASSWORD"}
        self.options = {"queue": self.name, "page_messages": 10}
        with self.connected() as connection:
            connection.channel().queue_declare(self.name, durable=True)

    def connected(self) -> Any:
        return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.port))

    def send(self, *bodies: bytes) -> None:
        with self.connected() as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            for body in bodies:
                kept = pika.BasicProperties(delivery_mode=2, message_id=uuid.uuid4().hex)
                channel.basic_publish("", self.name, body, kept)

    def add(self, ids: range) -> None:
        self.send(*(json.dumps({"id": n, "city": "Ulm"}).encode() for n in ids))

    def spoil(self, number: int) -> None:
        self.send(json.dumps({"id": f"{number}x", "city": "Ulm"}).encode())

    def left(self) -> int:
        with self.connected() as connection:
            found = connection.channel().queue_declare(self.name, passive=True)
            return int(found.method.message_count)


class TestBehaviour(Behaviour):
    """The queue keeps its own place."""

    exact = False
    keeps = False

    @pytest.fixture
    def peer(self, server: Server) -> Queue:
        return Queue(server)


def test_poison_a_restart_a_wrong_password_and_no_queue(
    stack: Settings, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Queue(server)
    with new_source(
        stack, tmp_path, "rabbitmq", config=peer.config, options=peer.options, fields=FIELDS,
        identity=["_id"],
    ) as made:  # fmt: skip
        peer.send(b"{broken")
        peer.add(range(2, 5))
        outcome = read_until(made, 4)
        assert (outcome.records, outcome.dead_letters, outcome.error) == (3, 1, None)
        wait_until(lambda: peer.left() == 0, what="an empty queue", timeout=10)
        server.stop()
        assert "does not answer" in str(read_until(made, 1).error)
        server.start(120)
        peer.add(range(5, 7))
        assert read_until(made, 2).records == 2
        monkeypatch.setenv("RABBIT_PASSWORD", "wrong")
        with pytest.raises(SourceRefusedError):
            open_reader(stack, made.source).check()
        monkeypatch.setenv("RABBIT_PASSWORD", "guest")
    with new_source(
        stack, tmp_path / "b", "rabbitmq", config=peer.config, options={"queue": "none"},
        fields=FIELDS,
    ) as made, pytest.raises(ConnectorError, match="none"):  # fmt: skip
        open_reader(stack, made.source).check()
