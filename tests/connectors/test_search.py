"""The connectors ``elasticsearch`` and ``opensearch`` against a double of ``_search``.

The double is written here from the documentation, so the types claim no more than their
configuration.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from platform_assets.connectors.seam.pull import open_reader, pull
from platform_assets.connectors.seam.reader import ConnectorError
from platform_assets.core.settings import Settings
from tests.connectors.behaviour import FIELDS, Behaviour
from tests.connectors.scene import new_source

EXACT = {"elasticsearch": False, "opensearch": False}


class _Handler(BaseHTTPRequestHandler):
    documents: ClassVar[list[dict[str, Any]]]
    failed: ClassVar[int] = 0

    def do_GET(self) -> None:
        found: Any = {"version": {"number": "9.1.0"}}
        if self.path.endswith("_mapping"):
            fields = {"id": {"type": "keyword"}, "changed": {"type": "date"}}
            found = {"orders": {"mappings": {"properties": fields}}, ".kibana": {}}
        self._answer(found)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == "/orders/_search", self.path
        names = [next(iter(one)) for one in asked["sort"]]
        after = asked.get("search_after")
        found = sorted(
            ([one[name] for name in names], number) for number, one in enumerate(self.documents)
        )
        found = [one for one in found if after is None or one[0] > after][: asked["size"]]
        hits = [
            {"_index": "orders", "_id": str(number), "_source": self.documents[number], "sort": at}
            for at, number in found
        ]
        shards = {"failed": type(self).failed}
        self._answer({"timed_out": False, "_shards": shards, "hits": {"hits": hits}})

    def _answer(self, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


class Index:
    """An index of orders."""

    connector = "elasticsearch"
    stream = "orders"
    entry: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        self.handler = type("Handler", (_Handler,), {"documents": []})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.config = {"base_url": f"http://127.0.0.1:{self.server.server_port}"}
        self.options = {"index": "orders", "cursor": "changed", "key": "key", "page_messages": 10}

    def put(self, name: Any, changed: int) -> None:
        document = {"id": name, "city": "Ulm", "changed": changed, "key": str(name)}
        self.handler.documents.append(document)

    def add(self, ids: range) -> None:
        for n in ids:
            self.put(n, 1_700_000_000_000 + n)

    def spoil(self, number: int) -> None:
        self.put(f"{number}x", 1_700_000_000_000 + number)


@pytest.fixture
def stack(stack: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("WEIR_SOURCE_NETWORKS", "127.0.0.0/8")
    return stack.model_copy(update={"source_networks": "127.0.0.0/8"})


@pytest.fixture
def peer() -> Iterator[Index]:
    index = Index()
    yield index
    index.server.shutdown()


class TestBehaviour(Behaviour):
    """Reads overlap by half a minute; the repeats have the same ids."""

    exact = False


def test_documents_of_one_moment_come_once_and_late_ones_are_found(
    stack: Settings, peer: Index, tmp_path: Path
) -> None:
    with new_source(
        stack, tmp_path, "opensearch", config=peer.config, fields=FIELDS, stream="orders",
        options={**peer.options, "overlap_seconds": 0},
    ) as made:  # fmt: skip
        for n in range(25):
            peer.put(n, 1_700_000_000_000)
        (outcome,) = pull(stack, made.source)
        assert (outcome.records, outcome.pages, outcome.error) == (25, 3, None)
        (outcome,) = pull(stack, made.source)
        assert outcome.records == 0
    with new_source(
        stack, tmp_path / "late", "elasticsearch", config=peer.config, fields=FIELDS,
        stream="orders", options=peer.options,
    ) as made:  # fmt: skip
        pull(stack, made.source)
        peer.put(99, 1_700_000_000_000 - 20_000)
        pull(stack, made.source)
        assert 99 in [row["id"] for row in made.rows()]
        reader = open_reader(stack, made.source)
        assert "elasticsearch 9.1.0" in reader.check()
        (stream,) = reader.discover()
        assert (stream.name, stream.cursor_fields) == ("orders", ("changed",))
        # Half an answer would lose what the other half holds.
        peer.handler.failed = 1
        with pytest.raises(ConnectorError, match="not whole"):
            list(reader.read("orders", None))
        reader.close()
