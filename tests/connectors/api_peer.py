"""A small API over real HTTP: rows in pages of every usual kind, with limits, faults and tokens.

Belongs here: the server that tests of connectors over HTTP ask. Does not belong here: any test.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import pytest

from platform_assets.connectors.seam.reader import Context, Page, Reader
from platform_assets.connectors.seam.types import connector_type
from platform_assets.core.settings import Settings
from tests.connectors.scene import as_json
from tests.peer import Answer, Peer, Request

SIZE = 10

BY_SEQ = {"field": "seq", "param": "after"}
STREAM = {
    "path": "page",
    "records": "items",
    "pagination": {"kind": "page", "size": SIZE},
    "incremental": BY_SEQ,
}

PAGINATIONS: dict[str, dict[str, Any]] = {
    "none": {"path": "none"},
    "page": STREAM,
    "page with a total": {
        **STREAM, "pagination": {"kind": "page", "total": "pages"},
    },
    "offset": {
        "path": "offset", "records": "items",
        "pagination": {"kind": "offset", "size": SIZE, "size_param": "limit"},
    },
    "offset in a body": {
        "path": "offset", "records": "items", "method": "POST", "body": {"what": "rows"},
        "pagination": {"kind": "offset", "size": SIZE, "size_param": "limit"},
    },
    "cursor": {
        "path": "cursor", "records": "items",
        "pagination": {"kind": "cursor", "path": "meta.next"},
    },
    "cursor of the last record": {
        "path": "last", "records": "data",
        "pagination": {
            "kind": "cursor", "param": "starting_after", "record": "seq", "more": "has_more",
        },
    },
    "cursor in a header": {
        "path": "token",
        "pagination": {"kind": "cursor", "param": "page_token", "header": "X-Next-Token"},
    },
    "link": {
        "path": "link", "records": "value", "pagination": {"kind": "link", "path": "@next"},
    },
    "header": {"path": "header", "pagination": {"kind": "header"}},
}  # fmt: skip
"""Options of a stream for each way of pages that the API knows."""


class Server:
    """A server whose answers a test may take over.

    Attributes:
        before: answers first; None: the request goes on to what is served.
        moments: when each request came, on the monotonic clock.
    """

    def __init__(self) -> None:
        self.before: Callable[[Request], Answer | None] = lambda _: None
        self.moments: list[float] = []
        self.peer = Peer(self._answer)
        self.url = self.peer.url

    @contextmanager
    def serving(self) -> Iterator[Self]:
        with self.peer.serving():
            yield self

    @property
    def requests(self) -> list[Request]:
        return self.peer.requests

    def _answer(self, request: Request) -> Answer:
        self.moments.append(time.monotonic())
        first = self.before(request)
        return first if first is not None else self.served(request)

    def served(self, request: Request) -> Answer:
        raise NotImplementedError


class Api(Server):
    """Rows ``{id, city, seq}``, asked for by ``after`` (of ``seq``), in pages of ten.

    Attributes:
        rows: what it holds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []

    def add(self, ids: range) -> None:
        for n in ids:
            self._hold(n)

    def spoil(self, number: int) -> None:
        self._hold(f"{number}x")

    def _hold(self, value: Any) -> None:
        self.rows.append({"id": value, "city": "Ulm", "seq": len(self.rows) + 1})

    def served(self, request: Request) -> Answer:
        parts = urlsplit(request.path)
        asked = dict(parse_qsl(parts.query))
        if request.body:
            asked |= {name: str(value) for name, value in json.loads(request.body).items()}
        after = int(asked.get("after", 0))
        rows = [row for row in self.rows if row["seq"] > after]
        style = parts.path.rpartition("/")[2]
        return getattr(self, f"_{style}")(rows, asked)

    def _none(self, rows: list[Any], asked: dict[str, str]) -> Answer:
        return Answer(body=rows)

    def _page(self, rows: list[Any], asked: dict[str, str]) -> Answer:
        start = (int(asked["page"]) - 1) * SIZE
        return Answer(body={"items": rows[start : start + SIZE], "pages": -(-len(rows) // SIZE)})

    def _offset(self, rows: list[Any], asked: dict[str, str]) -> Answer:
        start = int(asked["offset"])
        return Answer(body={"items": rows[start : start + int(asked["limit"])]})

    def _cursor(self, rows: list[Any], asked: dict[str, str]) -> Answer:
        start = int(asked.get("cursor", "c0")[1:])
        more = start + SIZE < len(rows)
        body = {"items": rows[start : start + SIZE], "meta": {"more": more}}
        if more:
            body["meta"]["next"] = f"c{start + SIZE}"
        return Answer(body=body)

    def _last(self, rows: list[Any], asked: dict[str, str]) -> Answer:
        start = int(asked.get("starting_after", 0))
        left = [row for row in rows if row["seq"] > start]
        return Answer(body={"data": left[:SIZE], "has_more": len(left) > SIZE})

    def _token(self, rows: list[Any], asked: dict[str, str]) -> Answer:
        start = int(asked.get("page_token", 0))
        more = {"X-Next-Token": str(start + SIZE)} if start + SIZE < len(rows) else {}
        return Answer(body=rows[start : start + SIZE], headers=more)

    def _link(self, rows: list[Any], asked: dict[str, str]) -> Answer:
        start = int(asked.get("start", 0))
        body: dict[str, Any] = {"value": rows[start : start + SIZE]}
        if start + SIZE < len(rows):
            kept = f"&after={asked['after']}" if "after" in asked else ""
            key = f"&key={asked['key']}" if "key" in asked else ""
            body["@next"] = f"?start={start + SIZE}{kept}{key}"
        return Answer(body=body)

    def _header(self, rows: list[Any], asked: dict[str, str]) -> Answer:
        start = int(asked.get("start", 0))
        headers = {}
        if start + SIZE < len(rows):
            kept = f"&after={asked['after']}" if "after" in asked else ""
            address = f"{self.url}/header?start={start + SIZE}{kept}"
            headers["Link"] = f'<{self.url}/header>; rel="first", <{address}>; rel="next"'
        return Answer(body=rows[start : start + SIZE], headers=headers)


class Source:
    """A reader of a source without a log: what it reads, page by page.

    Attributes:
        cursor: after the last page.
    """

    def __init__(
        self,
        connector: str,
        config: dict[str, Any],
        options: dict[str, Any],
        networks: str = "127.0.0.0/8",
    ) -> None:
        self.type = connector_type(connector)
        self._config = self.type.config.model_validate(config)
        self._options = self.type.stream.model_validate(options)
        self._settings = Settings(source_networks=networks)
        self.name = f"{connector}_{uuid.uuid4().hex[:8]}"
        self.cursor: Any = None

    def reader(self) -> Reader:
        """A new one, as each read has it."""
        context = Context(self._settings, self.name, streams={"rows": self._options})
        return self.type.open(self._config, context)

    def pages(self) -> Iterator[Page]:
        """From the cursor on."""
        with closing(self.reader()) as reader:
            for page in reader.read("rows", self.cursor):
                self.cursor = None if page.cursor is None else as_json(page.cursor)
                yield page

    def rows(self, pages: int | None = None) -> list[dict[str, Any]]:
        """The rows of all pages, or of the first few."""
        some = islice(self.pages(), pages)
        return [row for page in some for row in page.rows.to_pylist()]

    def ids(self, pages: int | None = None) -> list[Any]:
        return [row["id"] for row in self.rows(pages)]


def names(ids: range) -> list[str]:
    """Ids as text."""
    return [str(n) for n in ids]


def loopback(stack: Settings, patch: pytest.MonkeyPatch) -> Settings:
    """Settings under which sources may be on this machine; also for processes started now."""
    patch.setenv("WEIR_SOURCE_NETWORKS", "127.0.0.0/8")
    return stack.model_copy(update={"source_networks": "127.0.0.0/8"})
