"""The shop's web server: its orders by REST, GraphQL and OData, and whether it is up."""

from __future__ import annotations

import threading

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from platform_assets.connectors.simulate.outside import graph, odata
from platform_assets.connectors.simulate.outside.pages import page_of
from platform_assets.connectors.simulate.outside.shop import Shop
from platform_assets.core.secrets import find_secret
from platform_assets.core.settings import LOOPBACK

_PAGE = 50
_OPEN = "/health"


class _Known:
    """Lets in who names the secret."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and scope["path"] != _OPEN:
            given = Request(scope).headers.get("authorization")
            if given != f"Bearer {find_secret('WEIR_OUTSIDE_TOKEN')}":
                app = JSONResponse({"error": "who are you?"}, 401)
        await app(scope, receive, send)


def app(shop: Shop, port: int) -> Starlette:
    """The application."""
    open_orders = odata.OpenOrders(shop, f"http://{LOOPBACK}:{port}/odata/{odata.SET}")

    def health(_: Request) -> Response:
        return PlainTextResponse("up")

    def rest(request: Request) -> Response:
        """Orders changed after ``since``, oldest first; ``next`` is the next page's token."""
        asked = request.query_params
        page, token, more = page_of(shop, asked.get("page_token") or asked.get("since"), _PAGE)
        told = [one.as_json() for one in page]
        return JSONResponse({"orders": told, "next": token if more else None})

    async def graphql(request: Request) -> Response:
        asked = await request.json()
        given = asked.get("variables") or {}
        return JSONResponse(await run_in_threadpool(graph.answer, shop, asked["query"], given))

    def metadata(_: Request) -> Response:
        return Response(odata.METADATA, media_type="application/xml")

    def entities(request: Request) -> Response:
        token, prefer = request.query_params.get("$deltatoken"), request.headers.get("prefer", "")
        try:
            return JSONResponse(open_orders.page(token, prefer))
        except odata.GoneError:
            return JSONResponse({"error": {"code": "410", "message": "ask from the start"}}, 410)

    return Starlette(
        routes=[
            Route(_OPEN, health),
            Route("/orders", rest),
            Route("/graphql", graphql, methods=["POST"]),
            Route("/odata/$metadata", metadata),
            Route(f"/odata/{odata.SET}", entities),
        ],
        middleware=[Middleware(_Known)],
    )


def serve(shop: Shop, port: int, stop: threading.Event) -> None:
    """Serve in a thread until the event is set."""
    config = uvicorn.Config(app(shop, port), host=LOOPBACK, port=port, log_level="warning")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, name="web", daemon=True).start()

    def end() -> None:
        stop.wait()
        server.should_exit = True

    threading.Thread(target=end, name="web-end", daemon=True).start()
