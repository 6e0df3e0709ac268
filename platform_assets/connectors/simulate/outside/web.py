"""The shop's web server: a REST API over its orders, and whether it is up."""

from __future__ import annotations

import threading
from datetime import datetime

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from platform_assets.connectors.simulate.outside.shop import Shop
from platform_assets.core.secrets import find_secret
from platform_assets.core.settings import LOOPBACK

_PAGE = 50


def app(shop: Shop) -> Starlette:
    """The application."""

    def health(_: Request) -> Response:
        return PlainTextResponse("up")

    def rest(request: Request) -> Response:
        """Orders changed since ``since``, oldest first; ``next`` is the next page's token."""
        if request.headers.get("authorization") != f"Bearer {find_secret('WEIR_OUTSIDE_TOKEN')}":
            return JSONResponse({"error": "who are you?"}, 401)
        since, number = request.query_params.get("since"), 0
        if token := request.query_params.get("page_token"):
            since, _, last = token.rpartition("|")
            number = int(last)
        moment = datetime.fromisoformat(since) if since else None
        found = shop.changed_since(moment, number)
        page = found[:_PAGE]
        token = None
        if len(found) > _PAGE:
            token = f"{page[-1].changed_at.isoformat()}|{page[-1].id}"
        return JSONResponse({"orders": [one.as_json() for one in page], "next": token})

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/orders", rest),
        ]
    )


def serve(shop: Shop, port: int, stop: threading.Event) -> None:
    """Serve in a thread until the event is set."""
    config = uvicorn.Config(app(shop), host=LOOPBACK, port=port, log_level="warning")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, name="web", daemon=True).start()

    def end() -> None:
        stop.wait()
        server.should_exit = True

    threading.Thread(target=end, name="web-end", daemon=True).start()
