"""The portal as an application."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from platform_assets.alerts.store import alerts_database
from platform_assets.core.errors import WeirError
from platform_assets.core.gate import gate_of
from platform_assets.core.settings import Settings
from platform_assets.core.trino import TrinoQueryError
from reports.portal import (
    alerts,
    around,
    charts,
    evidence,
    live,
    login,
    metrics,
    models,
    questions,
    reading,
    sources,
)
from reports.portal.access import CurrentPortal, Portal, SignInNeededError
from reports.portal.audit import Audit
from reports.portal.database import portal_database
from reports.portal.openid import OpenIdError, OpenIdProvider
from reports.portal.render import page
from reports.portal.rows import RowReader, TrinoRows
from reports.portal.security import BODIES, Shield
from reports.portal.sessions import Sessions
from reports.portal.shelf import Shelf
from reports.portal.throttle import Throttle, TooOftenError
from reports.portal.users import Users
from reports.store import NoSuchReportError

_LOG = logging.getLogger(__name__)
_STATIC = Path(__file__).with_name("static")
_KEEP = {"Cache-Control": "public, max-age=3600"}


def create_app(settings: Settings, *, rows: RowReader | None = None) -> FastAPI:
    """The portal, ready to serve; its database and tables are made where they are missing.

    Args:
        settings: addresses, the reports' folder, the OpenID provider if any.
        rows: reads the rows behind a number; from Trino if not given.

    Raises:
        DatabaseError: PostgreSQL does not answer.
        OpenIdError: a provider is set, its client's id or secret is not.
    """
    openid = OpenIdProvider(settings) if settings.portal_oidc_issuer else None
    database = portal_database(settings)
    # Now rather than at the first page: what cannot serve must not start.
    database.prepare()
    portal = Portal(
        settings=settings,
        database=database,
        users=Users(database, settings.trino_user),
        sessions=Sessions(database),
        audit=Audit(database),
        throttle=Throttle(),
        shelf=Shelf(settings),
        rows=rows or TrinoRows(settings),
        openid=openid,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        app.state.live.close()
        await app.state.metrics.close()
        app.state.alerts.close()
        database.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.portal = portal
    app.state.live = live.Feed(settings)
    app.state.metrics = metrics.Metrics(settings)
    app.state.around = around.Around(settings)
    app.state.askers = questions.Askers(settings)
    app.state.alerts = alerts_database(settings)
    # Routes are tried in order: what is asked most often comes first.
    for room in (
        metrics,
        login,
        reading,
        evidence,
        models,
        sources,
        live,
        around,
        questions,
        alerts,
    ):
        app.include_router(room.router)
    app.get("/static/vega.js")(_vega)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    _errors(app)
    app.add_middleware(Shield, gate=gate_of(settings.portal_url, BODIES), https=portal.https)
    return app


def _vega(portal: CurrentPortal) -> FileResponse:
    path = charts.bundle(portal.settings)
    return FileResponse(path, media_type="text/javascript", headers=_KEEP)


def _errors(app: FastAPI) -> None:
    @app.exception_handler(SignInNeededError)
    def sign_in(request: Request, _error: Exception) -> Response:
        if request.url.path.startswith("/api/"):
            return JSONResponse({"outcome": "failed", "message": "sign in first"}, 401)
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        # A form that was sent is not sent again by itself.
        back = target if request.method == "GET" else "/"
        return RedirectResponse(f"/login?next={quote(back, safe='')}", 303)

    @app.exception_handler(WeirError)
    def weir(request: Request, error: Exception) -> Response:
        if isinstance(error, NoSuchReportError):
            return _missing(request)
        if isinstance(error, TooOftenError):
            answer = _error(request, 429, error.message, error.hint)
            answer.headers["Retry-After"] = str(error.seconds)
            return answer
        if isinstance(error, OpenIdError):
            _LOG.warning("%s", error)
            return _error(request, 502, "Signing in did not work", error.message)
        if isinstance(error, TrinoQueryError):
            return _error(request, 502, "The rows cannot be read", error.message)
        # What is wrong inside is for the log; a reader cannot fix it.
        _LOG.error("%s %s: %s", request.method, request.url.path, error)
        return _error(request, 503, "Something went wrong", "Please try again in a minute.")

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: Exception) -> Response:
        if request.url.path.startswith("/api/") and isinstance(error, RequestValidationError):
            wrong = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
            return JSONResponse({"error": wrong}, 400)
        return _missing(request)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 404:
            return _missing(request)
        return _error(request, status, "That is not possible here", "")


def _missing(request: Request) -> Response:
    hint = "It may have moved, or it is not yours to read."
    return _error(request, 404, "Page not found", hint)


def _error(request: Request, status: int, title: str, hint: str) -> Response:
    return page(request, "error.html", status=status, title=title, hint=hint)
