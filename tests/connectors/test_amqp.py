"""The connector ``amqp`` against ActiveMQ Artemis, and the presets on it."""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from azure.servicebus._pyamqp.message import Header, Message, Properties

from platform_assets.connectors.kinds.amqp.config import AmqpConfig
from platform_assets.connectors.kinds.amqp.link import Received
from platform_assets.connectors.kinds.amqp.reader import _message
from platform_assets.connectors.seam.addresses import InternalAddressError
from platform_assets.connectors.seam.pull import open_reader
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    SourceAwayError,
    SourceRefusedError,
)
from platform_assets.connectors.seam.types import Maturity, connector_type
from platform_assets.core.settings import Settings
from tests.connectors.api_peer import loopback
from tests.connectors.artemis import PASSWORD, USER, Artemis, artemis
from tests.connectors.behaviour import FIELDS, Behaviour
from tests.connectors.reading import read_until
from tests.connectors.scene import Scene, new_source
from tests.peer import Answer, Peer

PROVES = {"amqp": Maturity.REAL}
EXACT = {"azure_service_bus": False, "sap_event_mesh": False}


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMQP_PASSWORD", PASSWORD)


@pytest.fixture(scope="module")
def stack(stack: Settings) -> Iterator[Settings]:
    with pytest.MonkeyPatch.context() as patch:
        yield loopback(stack, patch)


@pytest.fixture(scope="module")
def server(stack: Settings) -> Iterator[Artemis]:
    folder = Path(tempfile.mkdtemp(prefix="weir-artemis-"))
    with artemis(stack, folder) as made:
        yield made
    shutil.rmtree(folder, ignore_errors=True)


class Queue:
    """A queue of its own for each test."""

    connector, stream = "amqp", "orders"
    entry: ClassVar[dict[str, Any]] = {"identity": ["_id"]}

    def __init__(self, server: Artemis, **config: Any) -> None:
        self.server, self.name = server, f"queue.{uuid.uuid4().hex[:8]}"
        self.config: dict[str, Any] = {
            "host": "127.0.0.1", "port": server.port, "tls": False, "user": USER,
            "password": "AMQP_PASSWORD", "timeout_seconds": 10, **config,
        }  # fmt: skip
        self.options = {"address": self.name, "page_messages": 10}

    def add(self, ids: range) -> None:
        self.send(*({"id": n, "city": "Ulm"} for n in ids))

    def spoil(self, number: int) -> None:
        self.send({"id": f"{number}x", "city": "Ulm"})

    def send(self, *bodies: Any) -> None:
        texts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in bodies]
        self.server.send(self.name, *texts)


@pytest.fixture
def queue(server: Artemis) -> Queue:
    return Queue(server)


@pytest.mark.soak
class TestBehaviour(Behaviour):
    """The queue keeps its own place; the tests below are the sample of every run."""

    exact = False
    keeps = False

    @pytest.fixture
    def peer(self, queue: Queue) -> Queue:
        return queue


@pytest.fixture
def scene(stack: Settings, queue: Queue, tmp_path: Path) -> Iterator[Scene]:
    with new_source(
        stack, tmp_path, "amqp", config=queue.config, options=queue.options, fields=FIELDS,
        **queue.entry,
    ) as made:  # fmt: skip
        yield made


def test_what_was_not_committed_comes_again_and_no_more_is_taken_than_a_page(
    scene: Scene, queue: Queue
) -> None:
    queue.add(range(1, 31))
    reader = open_reader(scene.settings, scene.source)
    page = next(iter(reader.read("rows", None)))
    assert page.rows["id"].to_pylist() == list(range(1, 11))
    # The rest is for others, though nothing was settled.
    other = open_reader(scene.settings, scene.source)
    assert next(iter(other.read("rows", None))).rows["id"].to_pylist() == list(range(11, 21))
    reader.close()
    other.close()
    outcome = read_until(scene, 30)
    assert (outcome.records, outcome.error) == (30, None)
    assert sorted(row["id"] for row in scene.rows()) == list(range(1, 31))


def test_poison_a_restart_and_refusals(
    scene: Scene, queue: Queue, server: Artemis, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.send(b"{broken", {"id": 2, "city": "Ulm"})
    outcome = read_until(scene, 2)
    assert (outcome.records, outcome.dead_letters, outcome.error) == (1, 1, None)
    queue.add(range(3, 5))
    server.stop()
    with pytest.raises(SourceAwayError, match="does not answer"):
        open_reader(scene.settings, scene.source).check()
    server.start(120)
    assert read_until(scene, 2).records == 2, "what was settled is gone, what was sent is there"
    assert queue.name in open_reader(scene.settings, scene.source).check()
    monkeypatch.setenv("AMQP_PASSWORD", "wrong")
    with pytest.raises(SourceRefusedError, match="SASL negotiation failed"):
        open_reader(scene.settings, scene.source).check()


def test_an_address_that_is_not_there_is_named(
    stack: Settings, queue: Queue, tmp_path: Path
) -> None:
    with new_source(
        stack, tmp_path, "amqp", config=queue.config, options={"address": "nobody"}, fields=FIELDS
    ) as made, pytest.raises(ConnectorError, match="nobody") as told:  # fmt: skip
        open_reader(stack, made.source).check()
    assert not isinstance(told.value, (SourceAwayError, SourceRefusedError))


def test_a_websocket_is_opened_with_a_token(
    stack: Settings, server: Artemis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTH_SECRET", "hush")
    with Peer(lambda _: Answer(body={"access_token": "t0ken", "expires_in": 60})).serving() as peer:
        oauth = {
            "kind": "client_credentials", "token_url": peer.url, "client_id": "c",
            "client_secret": "OAUTH_SECRET",
        }  # fmt: skip
        queue = Queue(server, websocket="/", oauth=oauth)
        with new_source(
            stack, tmp_path, "amqp", config=queue.config, options=queue.options, fields=FIELDS,
            **queue.entry,
        ) as made:  # fmt: skip
            queue.add(range(1, 13))
            outcome = read_until(made, 12)
            assert (outcome.records, outcome.error) == (12, None)
        assert len(peer.requests) == 1


def test_an_internal_broker_needs_the_operators_word(scene: Scene) -> None:
    strict = scene.settings.model_copy(update={"source_networks": ""})
    with pytest.raises(InternalAddressError, match=r"127\.0\.0\.1, which is internal"):
        open_reader(strict, scene.source).check()


def test_any_body_is_a_payload() -> None:
    def told(**parts: Any) -> Any:
        return _message("q", Received(1, b"t", Message(**parts)))

    assert told(data=[b'{"a"', b":1}"]).body == b'{"a":1}'
    assert told(value="text").body == b"text"
    assert told(value={b"a": [b"x", 1]}).body == b'{"a": ["x", 1]}'
    bare, same = told(data=[b"1"]), told(data=[b"1"])
    assert bare.id is None
    assert bare.fields["_digest"] == same.fields["_digest"]
    named = told(
        data=[b"1"], header=Header(delivery_count=2), application_properties={b"k": b"v"},
        properties=Properties(message_id=b"m1", subject=b"s", creation_time=1_772_366_400_000),
    )  # fmt: skip
    assert (named.id, named.fields["_deliveries"], named.fields["_subject"]) == ("m1", 2, "s")
    assert named.fields["_headers"] == '{"k": "v"}'
    assert named.fields["_at"].isoformat() == "2026-03-01T12:00:00+00:00"


def test_presets_are_brokers() -> None:
    bus = connector_type("azure_service_bus").config.model_validate(
        {"namespace": "acme", "key": "KEY"}
    )
    assert bus.amqp() == AmqpConfig(  # type: ignore[attr-defined]
        host="acme.servicebus.windows.net", user="RootManageSharedAccessKey", password="KEY"
    )
    mesh = connector_type("sap_event_mesh").config.model_validate(
        {
            "uri": "wss://gateway.example.test/protocols/amqp10ws", "client_id": "c",
            "client_secret": "S", "token_url": "https://login.example.test/oauth/token",
        }
    )  # fmt: skip
    made = mesh.amqp()  # type: ignore[attr-defined]
    assert (made.host, made.port, made.websocket) == (
        "gateway.example.test", 443, "/protocols/amqp10ws"
    )  # fmt: skip
    assert made.oauth.client_secret == "S"
    with pytest.raises(ValueError, match="expected `websocket` with `oauth`"):
        AmqpConfig(host="h", oauth=made.oauth)
