"""The HTTP server of all webhook sources of this process: ``POST /hooks/<source>/<stream>``.

``GET /metrics`` counts deliveries for Prometheus, for who asks under a name of this machine.

It answers 2xx only when Kafka has the delivery. A sender who is told 503 sends again: under the
same id, so that it is one event. Plain ASGI: each request is one path, one header check, one body.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from platform_assets.connectors.kinds.webhook.bodies import FORM, XML_TYPES
from platform_assets.connectors.kinds.webhook.endpoint import (
    BUSY,
    REGISTRY,
    Delivery,
    Endpoint,
)
from platform_assets.connectors.kinds.webhook.signatures import Headers, SignatureError
from platform_assets.connectors.seam.reader import ConnectorError, SourceAwayError
from platform_assets.core.gate import LOCAL_HOSTS, Gate, gate_of
from platform_assets.core.naming import SOURCE_NAME
from platform_assets.core.settings import LOOPBACK, Settings

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_JSON = "application/json"
_TYPES = (_JSON, "application/cloudevents+json", FORM, *XML_TYPES)
_PATH = re.compile(rf"/hooks/({SOURCE_NAME})/([^/]{{1,200}})")
_RETRY_AFTER = b"5"
_BODY_SECONDS = 10.0
_CONNECTIONS = 4096
_PINGS = frozenset({"ping", "v2.core.event_destination.ping"})
"""GitHub's and Stripe's test of the address: no event of theirs."""


class _RefusedError(Exception):
    """A request that is answered at once, and why."""

    def __init__(self, status: int, message: str, hint: str = "", result: str = "refused") -> None:
        super().__init__(message)
        self.status, self.message, self.hint, self.result = status, message, hint, result


class Receiver:
    """The server; it runs in a thread of its own from the first stream on.

    It ends with the process. A stream that is paused or fails keeps its address: senders are told
    to come again.

    Args:
        host, port: where it listens.
        gate: in front of it.
    """

    def __init__(self, host: str, port: int, gate: Gate) -> None:
        self._host, self._port, self._gate = host, port, gate
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self._lock = threading.Lock()
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def serve(self, source: str, stream: str, endpoint: Endpoint) -> None:
        """Take deliveries for a stream from now on.

        Raises:
            SourceAwayError: the port cannot be had.
        """
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._start(source)
            self._endpoints[source, stream] = endpoint

    def close(self) -> None:
        """End the server; who waits is turned away."""
        with self._lock:
            for endpoint in self._endpoints.values():
                endpoint.close()
            self._endpoints.clear()
            if self._thread is not None:
                self._server.should_exit = True
                self._thread.join(15)
                self._thread = None

    def _start(self, source: str) -> None:
        import uvicorn

        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            listening = socket.create_server(
                (self._host, self._port), family=family, backlog=_CONNECTIONS
            )
        except OSError as error:
            raise SourceAwayError(
                f"source {source}: {self._host}:{self._port} cannot be had: {error.strerror}",
                "end what listens there, or set WEIR_WEBHOOK_PORT; it is tried again",
            ) from error
        config = uvicorn.Config(
            self,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            log_config=None,
            log_level="warning",
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listening],), name="webhooks", daemon=True
        )
        self._thread.start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        found = _PATH.fullmatch(scope["path"])
        endpoint = self._endpoints.get((found[1], found[2])) if found else None
        try:
            status, body = await self._answer(endpoint, scope, receive)
        except _RefusedError as refusal:
            if endpoint is not None:
                endpoint.count(refusal.result)
            error = {"message": refusal.message, "hint": refusal.hint}
            status, body = refusal.status, orjson.dumps({"error": error})
        await _reply(send, status, body)

    async def _answer(
        self, endpoint: Endpoint | None, scope: Scope, receive: Receive
    ) -> tuple[int, bytes]:
        if refused := self._gate.refusal(scope):
            raise _RefusedError(refused.status, refused.message, refused.hint)
        if scope["path"] == "/metrics" and _addressed_locally(scope):
            return 200, generate_latest(REGISTRY)
        if endpoint is None:
            raise _RefusedError(404, "no webhook has this address", "see `weir sources`")
        if scope["method"] != "POST":
            raise _RefusedError(405, f"{scope['method']} is not taken", "use POST")
        if not endpoint.open:
            raise _away()
        return await _received(endpoint, _headers(scope), receive)


_receivers: dict[tuple[str, int], Receiver] = {}
_lock = threading.Lock()


def receiver_of(settings: Settings) -> Receiver:
    """The receiver of this process.

    Raises:
        ConnectorError: no port is set.
    """
    host, port = settings.webhook_host, settings.webhook_port
    if not port:
        raise ConnectorError(
            "on a cluster no port for webhooks is derived", "set WEIR_WEBHOOK_PORT"
        )
    with _lock:
        if (host, port) not in _receivers:
            own = gate_of(settings.webhook_url, _TYPES)
            # Probes and proxies on a network address a server by its IP address.
            gate = Gate(_TYPES, (*LOCAL_HOSTS, *own.hosts), own.origins, addresses=host != LOOPBACK)
            _receivers[host, port] = Receiver(host, port, gate)
        return _receivers[host, port]


async def _received(endpoint: Endpoint, headers: Headers, receive: Receive) -> tuple[int, bytes]:
    body = await _body(endpoint, receive, headers)
    scheme, limits = endpoint.scheme, endpoint.limits
    try:
        scheme.verify(headers, body, endpoint.keys, time.time(), limits.tolerance_seconds)
    except SignatureError as error:
        raise _RefusedError(401, str(error), "check the secret on both sides", "unsigned") from None
    documents, text, reason = endpoint.reads(headers, body)
    document = documents[0] if len(documents) == 1 else None
    if (challenge := _challenge(document)) is not None:
        return 200, challenge
    try:
        identity = scheme.delivery_id(headers, document, body)
    except ValueError as error:
        raise _RefusedError(400, str(error)) from None
    event = scheme.event_type(headers, document)
    if event in _PINGS:
        return 200, b'{"result":"pong"}'
    known = endpoint.known(identity)
    if isinstance(known, int):
        endpoint.count("repeated")
        return known, b'{"result":"repeated"}' if known == 200 else _not_taken(reason)
    loop = asyncio.get_running_loop()
    if known is None:
        kept = {name: headers.get(name) for name in endpoint.headers}
        answer: asyncio.Future[int] = loop.create_future()
        delivery = Delivery(identity, event, kept, documents, text, reason, answer, loop)
        if not endpoint.offer(delivery):
            raise _away("too many deliveries wait")
    else:
        answer, delivery = known, None
    # Shielded: a second request with the same id may wait for the same answer.
    done, _ = await asyncio.wait([answer], timeout=limits.answer_seconds)
    if not done:
        if delivery is not None:
            endpoint.withdraw(delivery)
        raise _away("Kafka has not taken it in time")
    status = answer.result()
    if status == BUSY:
        raise _away("the source was stopped before Kafka had it")
    endpoint.count("repeated" if delivery is None else "accepted" if status == 200 else "refused")
    return status, b'{"result":"accepted"}' if status == 200 else _not_taken(reason)


async def _body(endpoint: Endpoint, receive: Receive, headers: Headers) -> bytes:
    most = endpoint.limits.body_bytes
    too_large = _RefusedError(413, f"the body is larger than {most} bytes", "send less")
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        # One limit over the whole body: a sender that trickles holds no connection for long.
        async with asyncio.timeout(_BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _RefusedError(400, "the request ended before its body")
                parts.append(message["body"])
                size += len(message["body"])
                endpoint.arriving += len(message["body"])
                if size > most:
                    raise too_large
                # Nobody has proven yet who they are: all of them together are bounded.
                if endpoint.arriving > endpoint.limits.waiting_bytes:
                    raise _away("too many deliveries arrive at once")
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise _RefusedError(408, f"the body did not come in {_BODY_SECONDS:g} s") from None
    finally:
        endpoint.arriving -= size


def _challenge(document: Mapping[str, Any] | None) -> bytes | None:
    """Slack's question whether this is the address; signed like any other delivery."""
    if document is None or document.get("type") != "url_verification":
        return None
    challenge = document.get("challenge")
    return orjson.dumps({"challenge": challenge}) if isinstance(challenge, str) else None


def _away(why: str = "the source is paused or not running") -> _RefusedError:
    return _RefusedError(BUSY, why, "send it again, under the same id", "turned_away")


def _not_taken(reason: str) -> bytes:
    hint = "it is among the dead letters of the stream"
    return orjson.dumps({"error": {"message": reason or "the body is no row", "hint": hint}})


def _headers(scope: Scope) -> dict[str, str]:
    """Headers by name; the first of one that was sent twice."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return found


def _addressed_locally(scope: Scope) -> bool:
    """Whether it was asked under a name of this machine, so by no proxy for others."""
    host = _headers(scope).get("host", "")
    return host.rpartition(":")[0] in LOCAL_HOSTS


async def _reply(send: Send, status: int, body: bytes) -> None:
    kind = _JSON if body.startswith(b"{") else CONTENT_TYPE_LATEST
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    if status == BUSY:
        headers.append((b"retry-after", _RETRY_AFTER))
    if status == 405:
        headers.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
