"""The connector ``google_pubsub`` against a double of two requests.

The double is written here from the documentation (Google's emulator is no package), so the type
claims no more than its configuration.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from platform_assets.connectors.seam.pull import open_reader
from platform_assets.core.settings import Settings
from tests.connectors.behaviour import FIELDS
from tests.connectors.reading import read_until
from tests.connectors.scene import new_source

EXACT = {"google_pubsub": False}


class Subscription(ThreadingHTTPServer):
    """Messages by their ids; those that were not acknowledged are given again."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: dict[str, dict[str, Any]] = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def put(self, name: str, body: bytes) -> None:
        self.messages[name] = {
            "data": base64.b64encode(body).decode(),
            "messageId": name,
            "publishTime": "2026-03-01T12:00:00.5Z",
            "attributes": {"kind": "order"},
        }

    def told(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        if path.endswith(":pull"):
            some = list(self.messages.items())[: asked["maxMessages"]]
            return {"receivedMessages": [{"ackId": f"a{n}", "message": one} for n, one in some]}
        assert path.endswith("subscriptions/orders:acknowledge"), path
        for name in asked["ackIds"]:
            del self.messages[name[1:]]
        return {}


class _Handler(BaseHTTPRequestHandler):
    server: Subscription

    def do_GET(self) -> None:
        self._answer({"subscriptions": [{"name": "projects/shop/subscriptions/orders"}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(self.server.told(self.path, asked))

    def _answer(self, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def subscription() -> Iterator[Subscription]:
    server = Subscription()
    yield server
    server.shutdown()


def test_a_page_is_acknowledged_when_it_is_in_the_log(
    stack: Settings, subscription: Subscription, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_SOURCE_NETWORKS", "127.0.0.0/8")
    settings = stack.model_copy(update={"source_networks": "127.0.0.0/8"})
    url = f"http://127.0.0.1:{subscription.server_port}/v1"
    with new_source(
        settings, tmp_path, "google_pubsub", config={"base_url": url, "project": "shop"},
        options={"subscription": "orders", "page_messages": 10}, fields=FIELDS,
        identity=["_id"], occurred_at="_at",
    ) as made:  # fmt: skip
        for n in range(25):
            subscription.put(f"m{n}", json.dumps({"id": n, "city": "Ulm"}).encode())
        subscription.put("m25", b"{broken")
        reader = open_reader(settings, made.source)
        assert "1 subscriptions" in reader.check()
        assert [one.name for one in reader.discover()] == ["orders"]
        # What was read and not acknowledged stays.
        assert next(iter(reader.read("rows", None))).rows.num_rows == 10
        assert len(subscription.messages) == 26
        outcome = read_until(made, 26)
        assert (outcome.records, outcome.dead_letters, outcome.pages) == (25, 1, 3)
        assert subscription.messages == {}
        assert sorted(row["id"] for row in made.rows()) == list(range(25))
        assert made.events()[0]["occurred_at"]
