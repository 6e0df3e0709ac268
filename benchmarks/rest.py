"""How much of an API's allowed rate the REST connector uses, and how often it is told to slow down.

A server of its own allows so many requests a second (a bucket of ten, filled evenly, as API
gateways have it), answers each after 50 ms, and gives 429 with ``Retry-After`` beyond. Measured is
the reader alone: the share of the requests that were allowed in the time that it took.
"""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.figures import Figure, Options, middle
from platform_assets.connectors.seam.reader import Context
from platform_assets.connectors.seam.types import connector_type
from platform_assets.core.settings import Settings

GOAL = 0.95
PER_SECOND = 50
BUCKET = 10
BURST = 5
LATENCY_SECONDS = 0.05
SECONDS = 20
ROWS = 100


class Limited:
    """The server.

    Attributes:
        accepted, refused: requests.
        first, last: moments of the accepted ones.
    """

    def __init__(self, pages: int) -> None:
        self.accepted = self.refused = 0
        self.first = self.last = 0.0
        self._left, self._at, self._lock = float(BUCKET), time.monotonic(), threading.Lock()
        limited = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                allowed = limited.take()
                time.sleep(LATENCY_SECONDS)
                number = int(parse_qs(urlsplit(self.path).query)["page"][0])
                rows = [{"id": number * ROWS + n} for n in range(ROWS if number <= pages else 0)]
                body = json.dumps({"items": rows, "pages": pages}).encode() if allowed else b""
                self.send_response(200 if allowed else 429)
                if not allowed:
                    self.send_header("Retry-After", "1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Limited:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self) -> bool:
        """Whether a request is allowed now."""
        with self._lock:
            now = time.monotonic()
            self._left = min(BUCKET, self._left + (now - self._at) * PER_SECOND)
            self._at = now
            if self._left < 1:
                self.refused += 1
                return False
            self._left -= 1
            self.accepted += 1
            self.first, self.last = self.first or now, now
            return True


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """The reader ends while requests ahead of its last page are under way."""


def run(options: Options) -> list[Figure]:
    """The figure ``rest``."""
    pages = options.sized(PER_SECOND * SECONDS, least=100)
    shares, refused = [], 0
    for number in range(options.repeats):
        share, penalties = measured(pages, parallel=16, name=f"bench_{number}")
        shares.append(share)
        refused += penalties
        options.say(f"rest: {share:.3f} of {PER_SECOND}/s, {penalties} penalties")
    single, _ = measured(max(50, pages // 10), parallel=1, name="bench_single")
    value = middle(shares)
    return [
        Figure(
            "rest",
            value * PER_SECOND,
            "requests/s",
            baseline=PER_SECOND,
            ratio=value,
            goal=f"over {GOAL:.0%} of the allowed rate, no penalty",
            met=value > GOAL and refused == 0,
            extra={
                "runs": options.repeats,
                "penalties": refused,
                "one_at_a_time": round(single, 3),
                "latency_ms": LATENCY_SECONDS * 1000,
            },
        )
    ]


def measured(pages: int, parallel: int, name: str) -> tuple[float, int]:
    """One read: share of the allowed rate, and how many requests were refused."""
    kind = connector_type("rest")
    with Limited(pages) as server:
        config = kind.config.model_validate(
            {"base_url": server.url, "requests_per_second": PER_SECOND, "burst": BURST}
        )
        stream = kind.stream.model_validate(
            {
                "path": "rows",
                "records": "items",
                "pagination": {"kind": "page", "total": "pages"},
                "parallel": parallel,
            }
        )
        settings = Settings(source_networks="127.0.0.0/8")
        reader = kind.open(config, Context(settings, name, streams={"rows": stream}))
        rows: set[Any] = set()
        for page in reader.read("rows", None):
            rows |= set(page.rows.column("id").to_pylist())
        reader.close()
        assert len(rows) == pages * ROWS, f"{len(rows):,} rows of {pages * ROWS:,}"
        # The first request opens the time, so it is not among those that the time allows.
        return (server.accepted - 1) / ((server.last - server.first) * PER_SECOND), server.refused
