"""The connector ``webhook``: signed deliveries over real HTTP into a real Kafka."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import psutil
import pytest

from platform_assets.connectors.kinds.webhook.receiver import receiver_of
from platform_assets.connectors.kinds.webhook.signatures import SCHEMES
from platform_assets.connectors.seam.pull import open_reader
from platform_assets.connectors.seam.reader import ConnectorError
from platform_assets.connectors.seam.types import Maturity
from platform_assets.core.secrets import SecretError
from platform_assets.core.settings import Settings
from platform_assets.local import processes, supervise
from platform_assets.local.wait import wait_until
from tests.connectors.behaviour import Behaviour
from tests.connectors.reading import Running
from tests.connectors.scene import Scene, new_source
from tests.webhook_sender import Sender

PROVES = {"webhook": Maturity.REAL}

KEY = b"a secret of 24 bytes...."
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
CONFIG: dict[str, Any] = {"secrets": ["HOOK_SECRET"]}
STANDARD = SCHEMES["standard"]


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)


def _url(scene: Scene, stream: str = "rows") -> str:
    return f"http://127.0.0.1:{scene.settings.webhook_port}/hooks/{scene.name}/{stream}"


@pytest.fixture
def scene(stack: Settings, tmp_path: Path) -> Iterator[Scene]:
    with new_source(
        stack,
        tmp_path,
        "webhook",
        config={**CONFIG, "scheme": "github"},
        options={"headers": ["X-GitHub-Hook-ID"]},
        fields={"id": "string", "action": "string", "login": "string", "hook": "integer"},
        identity=["_delivery_id"],
        columns={
            "id": "_delivery_id",
            "action": "action",
            "login": {"column": "_body", "path": "$.sender.login"},
            "hook": "_headers.x_github_hook_id",
        },
        occurred_at="_received_at",
    ) as made:
        yield made
    receiver_of(stack).close()


def test_a_delivery_of_github_becomes_an_event(scene: Scene) -> None:
    github = SCHEMES["github"]
    sender = Sender(_url(scene), github, SECRET.encode())
    running = Running(scene)
    document = {"action": "opened", "issue": {"number": 1}, "sender": {"login": "octocat"}}
    with httpx.Client(headers={"X-GitHub-Hook-ID": "42", "X-GitHub-Event": "issues"}) as client:

        def accepted(identity: str) -> bool:
            return sender.send(client, document, identity).status_code == 200

        wait_until(lambda: accepted("d1"), what="the source is read", timeout=30)
        assert scene.rows() == [{"id": "d1", "action": "opened", "login": "octocat", "hook": 42}]
        assert accepted("d1")
        assert accepted("d2")
    running.stop()
    assert running.errors == []
    assert [row["id"] for row in scene.rows()] == ["d1", "d2"]
    assert all(one["occurred_at"] for one in scene.events())


def test_a_stop_under_load_loses_nothing_that_was_accepted(scene: Scene) -> None:
    senders = [Sender(_url(scene), SCHEMES["github"], SECRET.encode()) for _ in range(4)]
    running = Running(scene)
    for number, sender in enumerate(senders):
        sender.begin([(f"d{number}-{n}", {"action": "a"}) for n in range(2000)])
    accepted = [sender.accepted for sender in senders]
    wait_until(lambda: sum(map(len, accepted)) > 100, what="deliveries accepted", timeout=30)
    running.stop()
    for sender in senders:
        sender.end()
    ids = [row["id"] for row in scene.rows()]
    assert set(ids) >= {one for part in accepted for one in part}
    assert len(ids) == len(set(ids)), "within one read a delivery is one record"


def test_a_body_that_is_no_object_is_a_dead_letter(scene: Scene) -> None:
    sender = Sender(_url(scene), SCHEMES["github"], SECRET.encode())
    running = Running(scene)
    with httpx.Client() as client:
        wait_until(
            lambda: sender.send(client, [1], "d1").status_code == 400,
            what="the source is read", timeout=30,
        )  # fmt: skip
    running.stop()
    ((raw, headers),) = scene.letters()
    assert (raw, headers["place"]) == (b"[1]", "delivery d1")
    assert headers["reason"].endswith("the body is JSON, but no object: list")
    assert scene.rows() == []


def test_check_says_where_to_send_and_which_secret_is_missing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = open_reader(scene.settings, scene.source)
    assert reader.check() == f"1 secrets; deliveries are taken at {_url(scene)}"
    assert [one.name for one in reader.discover()] == ["rows"]
    monkeypatch.delenv("HOOK_SECRET")
    with pytest.raises(SecretError, match="no secret in HOOK_SECRET"):
        reader.check()
    path = scene.source.folder / "defs.yaml"
    path.write_text(path.read_text().replace("scheme: github", "scheme: standard"))
    monkeypatch.setenv("HOOK_SECRET", "whsec_###")
    with pytest.raises(ConnectorError, match="the secret in HOOK_SECRET: expected base64"):
        open_reader(scene.settings, scene.source)


def test_kafka_that_stands_still_loses_and_doubles_nothing(stack: Settings, tmp_path: Path) -> None:
    with new_source(
        stack,
        tmp_path,
        "webhook",
        config={**CONFIG, "answer_seconds": 1},
        options={},
        fields={"id": "integer"},
        identity=["_delivery_id"],
    ) as scene:
        sender = Sender(_url(scene), STANDARD, KEY)
        running = Running(scene)
        sender.begin([(f"d{n}", {"id": n}) for n in range(300)])
        wait_until(lambda: len(sender.accepted) > 50, what="deliveries", timeout=60)
        members = processes.family([psutil.Process(supervise.status(stack, ["kafka"])[0].pid)])
        for one in members:
            one.suspend()
        try:
            wait_until(lambda: 503 in sender.told, what="turned away", timeout=20)
        finally:
            for one in members:
                one.resume()
        sender.join(60)
        running.stop()
        assert [row["id"] for row in scene.rows()] == list(range(300))
    receiver_of(stack).close()


class _Hook:
    """The peer of the suite: a sender that comes again until it is answered 2xx."""

    connector = "webhook"
    stream = "rows"
    config = CONFIG
    options: ClassVar[dict[str, Any]] = {}
    entry: ClassVar[dict[str, Any]] = {"identity": ["_delivery_id"]}

    def __init__(self) -> None:
        self.sender: Sender | None = None
        self._early: list[tuple[str, Any]] = []

    def add(self, ids: range) -> None:
        self._send([(f"d{n}", {"id": str(n), "city": "Ulm"}) for n in ids])

    def spoil(self, number: int) -> None:
        self._send([(f"d{number}x", {"id": f"{number}x", "city": "Ulm"})])

    def _send(self, documents: list[tuple[str, Any]]) -> None:
        assert self.sender is not None
        self.sender.begin(documents)


class TestBehaviour(Behaviour):
    exact = False
    keeps = False

    @pytest.fixture
    def peer(self, stack: Settings) -> Iterator[_Hook]:
        made = _Hook()
        yield made
        if made.sender is not None:
            made.sender.end()
        receiver_of(stack).close()

    def prepare(self, scene: Scene, peer: Any) -> None:
        peer.sender = Sender(_url(scene), STANDARD, KEY)
