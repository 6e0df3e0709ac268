"""The shop's web server: a REST API, GraphQL and OData over its orders, and whether it is up."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

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

    async def graphql(request: Request) -> Response:
        """``orders(first, after)`` as a connection with ``pageInfo``."""
        variables = (await request.json()).get("variables") or {}
        moment, number = None, 0
        if cursor := variables.get("after"):
            text, _, last = str(cursor).rpartition("|")
            moment, number = datetime.fromisoformat(text), int(last)
        found = shop.changed_since(moment, number)
        page = found[: int(variables.get("first") or _PAGE)]
        end = f"{page[-1].changed_at.isoformat()}|{page[-1].id}" if page else cursor
        info = {"hasNextPage": len(found) > len(page), "endCursor": end}
        nodes = [one.as_json() for one in page]
        return JSONResponse({"data": {"orders": {"nodes": nodes, "pageInfo": info}}})

    def odata(request: Request) -> Response:
        """OData v4: pages by ``@odata.nextLink``, changes by ``@odata.deltaLink``."""
        moment, number = None, 0
        if token := request.query_params.get("$deltatoken"):
            text, _, last = token.rpartition("|")
            moment, number = datetime.fromisoformat(text), int(last)
        found = shop.changed_since(moment, number)
        page = found[:_PAGE]
        answer: dict[str, Any] = {"value": [one.as_json() for one in page]}
        if page:
            token = f"{page[-1].changed_at.isoformat()}|{page[-1].id}"
        url = request.url.include_query_params(**{"$deltatoken": token} if token else {})
        more = len(found) > len(page)
        answer["@odata.nextLink" if more else "@odata.deltaLink"] = str(url)
        return JSONResponse(answer)

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/orders", rest),
            Route("/graphql", graphql, methods=["POST"]),
            Route("/odata/Orders", odata),
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
