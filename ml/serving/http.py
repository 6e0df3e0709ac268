"""Requests and responses: bodies, ids, statuses of errors.

Belongs here: what every route does with HTTP. Does not belong here: any route (:mod:`.app`).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ml.serving.checks import InputError, Problem, kind
from ml.serving.ids import Ids
from ml.serving.log import OutcomeError
from ml.serving.runtime import ModelError
from ml.serving.server import NoSuchModelError, NotLoadedError, Server
from platform_assets.databases import DatabaseError
from platform_assets.errors import WeirError

BODY_BYTES = 4 * 2**20
_JSON = "application/json"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_STATUSES: dict[type[WeirError], int] = {
    InputError: 422,
    OutcomeError: 422,
    NoSuchModelError: 404,
    NotLoadedError: 503,
    DatabaseError: 503,
    ModelError: 500,
}

Handler = Callable[[Request], Awaitable[Response]]


class RefusedError(WeirError):
    """A request that is refused before anything looks into it; carries its HTTP status."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status


async def body_of(request: Request) -> dict[str, Any]:
    """The body, a JSON object of at most 4 MiB.

    Raises:
        RefusedError: 413 where it is larger, 400 where it is no JSON.
        InputError: it is no object.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) <= BODY_BYTES:
        content = await request.body()
    else:
        # Without an honest length it is counted while it comes.
        content = b""
        async for chunk in request.stream():
            content += chunk
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


def reply(
    document: object,
    identity: str = "",
    *,
    status: int = 200,
    task: BackgroundTask | None = None,
) -> Response:
    """A JSON response; ``identity`` becomes the header ``X-Request-Id``."""
    headers = {"x-request-id": identity} if identity else None
    return Response(orjson.dumps(document), status, headers, _JSON, task)


def request_id(request: Request, otherwise: str) -> str:
    """The id that the caller gave in ``X-Request-Id`` if it is one, else another."""
    given = request.headers.get("x-request-id", "")
    return given if _ID.fullmatch(given) else otherwise


def failure(request: Request, error: WeirError, prediction: str = "") -> Response:
    """The response of an error: ``{"error": {"message", "hint", "id", ...}}``.

    Args:
        request: what failed.
        error: why; problems of inputs are listed.
        prediction: id under which a failed prediction is on record.
    """
    status = error.status if isinstance(error, RefusedError) else _STATUSES.get(type(error), 500)
    identity = request_id(request, prediction or Ids().next())
    document: dict[str, Any] = {"message": error.message, "hint": error.hint, "id": identity}
    if prediction:
        document["prediction"] = prediction
    if isinstance(error, InputError):
        document["problems"] = error.as_json()
    return reply({"error": document}, identity, status=status)


def endpoint(server: Server, handler: Handler) -> ASGIApp:
    """A route of predictions as an ASGI application: errors answered, responses counted.

    FastAPI's dependency solving for each request would take longer than the models do.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await handler(request)
        except WeirError as error:
            response = failure(request, error)
        # A name that is none of ours must not become a label.
        name = request.path_params["model"]
        known = name in server.fleet.services
        server.metrics.responded(name if known else "", response.status_code)
        await response(scope, receive, send)

    return _Application(application)


class _Application:
    """A callable object: Starlette wraps plain functions as handlers of requests."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._application(scope, receive, send)
