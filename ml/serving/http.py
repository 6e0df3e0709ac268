"""Requests and responses of predictions: bodies, ids, statuses of errors, and their dispatch.

Predictions are plain ASGI, dispatched before FastAPI: its middleware, routing and dependency
solving take several times as long as a model does. All other routes are FastAPI's.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ml.serving.checks import InputError, Problem, kind
from ml.serving.ids import Ids
from ml.serving.log import OutcomeError
from ml.serving.runtime import ModelError
from ml.serving.server import NoSuchModelError, NotLoadedError, Server
from platform_assets.core.databases import DatabaseError
from platform_assets.core.errors import WeirError
from platform_assets.core.gate import Gate

BODY_BYTES = 4 * 2**20
JSON = "application/json"
_TYPE = (b"content-type", JSON.encode())
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PATH = re.compile(r"/(v[12])/models/([^/]+)/(predict|predict_batch|infer)")
_STATUSES: dict[type[WeirError], int] = {
    InputError: 422,
    OutcomeError: 422,
    NoSuchModelError: 404,
    NotLoadedError: 503,
    DatabaseError: 503,
    ModelError: 500,
}


class RefusedError(WeirError):
    """A request that is refused before anything looks into it; carries its HTTP status."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status


@dataclass(frozen=True, slots=True)
class Reply:
    """A response in JSON.

    Attributes:
        status: of HTTP.
        body: the document.
        identity: for the header ``X-Request-Id``; empty for none.
        task: what happens after it went out.
    """

    status: int
    body: bytes
    identity: str = ""
    task: BackgroundTask | None = None

    async def send(self, send: Send) -> None:
        """Send it, then do its task."""
        headers = [_TYPE, (b"content-length", str(len(self.body)).encode())]
        if self.identity:
            headers.append((b"x-request-id", self.identity.encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})
        if self.task is not None:
            await self.task()

    def response(self) -> Response:
        """For FastAPI's routes."""
        headers = {"x-request-id": self.identity} if self.identity else None
        return Response(self.body, self.status, headers, JSON, self.task)


Handler = Callable[[Server, str, Scope, Receive], Awaitable[Reply]]
"""Server, model's name, request -> reply."""


class Predictions:
    """The application of predictions; anything else is passed to another application.

    Nothing gets past the gate to either.
    """

    def __init__(
        self,
        server: Server,
        handlers: Mapping[tuple[str, str], Handler],
        otherwise: ASGIApp,
        gate: Gate,
    ) -> None:
        """Describe it.

        Args:
            server: what all routes share.
            handlers: by version and last word of the address, e.g. ``("v1", "predict")``.
            otherwise: answers every other address.
            gate: refuses what pages of other sites make a browser send.
        """
        self._gate = gate
        self._server = server
        self._handlers = handlers
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        refusal = self._gate.refusal(scope) if scope["type"] == "http" else None
        if refusal is not None:
            error = RefusedError(refusal.status, refusal.message, refusal.hint)
            await failure(scope, error).send(send)
            return
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        handler = self._handlers.get((found[1], found[3])) if found else None
        if found is None or handler is None:
            await self._otherwise(scope, receive, send)
            return
        model = found[2]
        try:
            if scope["method"] != "POST":
                raise RefusedError(405, f"{scope['method']} {scope['path']}", "use POST")
            reply = await handler(self._server, model, scope, receive)
        except WeirError as error:
            reply = failure(scope, error)
        # A name that is none of ours must not become a label.
        known = model in self._server.fleet.services
        self._server.metrics.responded(model if known else "", reply.status)
        await reply.send(send)


async def body_of(receive: Receive) -> dict[str, Any]:
    """The body, a JSON object of at most 4 MiB.

    Raises:
        RefusedError: 413 where it is larger, 400 where it is no JSON.
        InputError: it is no object.
    """
    content = b""
    more = True
    # Counted while it comes: not every request tells its length.
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "the request ended before its body")
        content = content + message["body"] if content else message["body"]
        more = message.get("more_body", False)
        if len(content) > BODY_BYTES:
            raise RefusedError(413, f"the body is larger than {BODY_BYTES} bytes", "send less")
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        # JSON knows no NaN and no Infinity: they end here as well.
        raise RefusedError(400, f"the body is not JSON: {error}", "send an object") from error
    if not isinstance(body, dict):
        raise InputError([Problem("body", "an object", kind(body))], "see docs/how-to/serve.md")
    return body


def reply_of(
    document: object, identity: str = "", *, status: int = 200, task: BackgroundTask | None = None
) -> Reply:
    """A document as JSON."""
    return Reply(status, orjson.dumps(document), identity, task)


def request_id(scope: Scope, otherwise: str) -> str:
    """The id that the caller gave in ``X-Request-Id`` if it is one, else another."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.fullmatch(given := value.decode("latin-1")):
            return str(given)
    return otherwise


def failure(scope: Scope, error: WeirError, prediction: str = "") -> Reply:
    """The reply of an error: ``{"error": {"message", "hint", "id", ...}}``.

    Args:
        scope: of the request.
        error: why; problems of inputs are listed.
        prediction: id under which a failed prediction is on record.
    """
    kinds = (_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)
    status = error.status if isinstance(error, RefusedError) else next(kinds, 500)
    identity = request_id(scope, prediction or Ids().next())
    document: dict[str, Any] = {"message": error.message, "hint": error.hint, "id": identity}
    if prediction:
        document["prediction"] = prediction
    if isinstance(error, InputError):
        document["problems"] = error.as_json()
    return reply_of({"error": document}, identity, status=status)
