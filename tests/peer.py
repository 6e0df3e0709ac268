"""The other side of an HTTP call: a local server that keeps what it is asked and plays answers.

Belongs here: that server. Does not belong here: what one service expects or answers (the tests of
the room that calls it).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


@dataclass
class Answer:
    """What is answered; a body of bytes goes as it is, anything else as JSON."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Request:
    """What was asked; names of headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes
    method: str = "GET"

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, Any]:
        """The fields of a form, or of JSON: Slack's client sends either."""
        if self.headers["content-type"].startswith("application/json"):
            return dict(self.json())
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


class Peer:
    """An HTTP server: a function answers, every request is kept."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self.requests: list[Request] = []
        self.leaving = threading.Event()
        """Set when the serving ends: what an answer that hangs waits for."""
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.do_POST()

            def do_PATCH(self) -> None:
                self.do_POST()

            def do_DELETE(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.path, headers, body, self.command)
                peer.requests.append(request)
                made = answer(request)
                raw = isinstance(made.body, bytes)
                content = made.body if raw else json.dumps(made.body).encode()
                self.send_response(made.status)
                for name, value in {"Content-Type": "application/json", **made.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def serving(self) -> Iterator[Peer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self.leaving.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def to(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]


@contextmanager
def scripted(*answers: Answer) -> Iterator[Peer]:
    """A peer with these answers, in turn; the last one stays."""
    waiting = list(answers)
    with Peer(lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]).serving() as peer:
        yield peer


@contextmanager
def hanging() -> Iterator[Peer]:
    """A peer that takes requests and answers none before it is shut down."""

    def wait(_: Request) -> Answer:
        peer.leaving.wait(30)
        return Answer()

    peer = Peer(wait)
    with peer.serving():
        yield peer


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_args: object) -> None:
        """A client that left before its answer is what some tests are about."""
