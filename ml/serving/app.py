"""The application: routes of predictions, outcomes, state and metrics. Start here."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope

from ml.serving import open_inference, router
from ml.serving.checks import InputError, Problem, kind
from ml.serving.http import (
    JSON,
    Handler,
    Predictions,
    RefusedError,
    Reply,
    body_of,
    failure,
    reply_of,
    request_id,
)
from ml.serving.server import Server
from ml.serving.state import Follower
from ml.serving.texts import NAMES, TextModels
from platform_assets.core.errors import WeirError
from platform_assets.core.gate import Gate

BATCH_ROWS = 1_000
_OUTCOME = frozenset({"id", "actual", "known_at"})
_OUTCOMES_HINT = 'send {"outcomes": [{"id": "...", "actual": 1, "known_at": "..."}]}'


def create_app(
    server: Server,
    follower: Follower,
    gate: Gate | None = None,
    lake: Callable[[], bytes] | None = None,
    texts: TextModels | None = None,
) -> ASGIApp:
    """The application.

    Args:
        server: fleet, journal and log.
        follower: keeps the fleet in line with the deployments; started and stopped here.
        gate: which requests are let in; by default JSON, sent to this machine's own names.
        lake: metrics besides the server's own; may take its time.
        texts: the models of texts; None: they are not served.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        server.journal.start()
        follower.start()
        yield
        await asyncio.to_thread(follower.stop)
        await asyncio.to_thread(server.journal.stop)
        await asyncio.to_thread(server.log.close)

    app = FastAPI(
        title="Weir's models", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan
    )
    if texts is not None:
        app.include_router(texts.routes())
    app.include_router(open_inference.routes(server))

    async def infer(server: Server, model: str, scope: Scope, receive: Receive) -> Reply:
        if texts is not None and model in NAMES:
            return await texts.infer(model, scope, receive)
        return await open_inference.infer(server, model, scope, receive)

    @app.post("/v1/outcomes")
    async def outcomes(request: Request) -> Response:
        return (await _outcomes(server, request)).response()

    @app.get("/v1/models")
    async def models() -> Response:
        names = sorted(server.fleet.services.keys() | server.fleet.errors.keys())
        return reply_of({"models": [_state(server, name) for name in names]}).response()

    @app.get("/v1/models/{model}")
    async def model(model: str) -> Response:
        if model not in server.fleet.errors:
            server.service(model)
        return reply_of(_state(server, model)).response()

    @app.get("/health")
    async def health() -> Response:
        return reply_of({"status": "live"}).response()

    @app.get("/ready")
    async def ready() -> Response:
        fleet, journal = server.fleet, server.journal
        document = {
            "ready": fleet.ready,
            "followed": fleet.followed,
            "models": sorted(fleet.services),
            "errors": fleet.errors,
            "database": "away" if fleet.away or journal.away else "reached",
            "waiting_bytes": journal.waiting_bytes,
            "lost": journal.lost,
        }
        return reply_of(document, status=200 if fleet.ready else 503).response()

    @app.get("/metrics")
    async def metrics() -> Response:
        more = await asyncio.to_thread(lake) if lake is not None else b""
        return Response(server.metrics.text() + more, media_type="text/plain; version=0.0.4")

    @app.exception_handler(WeirError)
    async def refused(request: Request, error: WeirError) -> Response:
        return failure(request.scope, error).response()

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        where = f"{request.method} {request.url.path[:200]}"
        refusal = RefusedError(error.status_code, f"{where}: {error.detail}")
        return failure(request.scope, refusal).response()

    handlers: dict[tuple[str, str], Handler] = {
        ("v1", "predict"): _predict,
        ("v1", "predict_batch"): _predict_batch,
        ("v2", "infer"): infer,
    }
    return Predictions(server, handlers, app, gate or Gate((JSON,)))


async def _predict(server: Server, model: str, scope: Scope, receive: Receive) -> Reply:
    service = server.service(model)
    key, values = service.champion.check.row(await body_of(receive))
    row = router.Request(server.ids.next(), key, values)
    answer = server.score_one(service, row)
    if answer.error is not None:
        return failure(scope, answer.error, row.id)
    task = server.shadow(service, (row,), (answer,)) if answer.shadow else None
    return reply_of(_shown(answer), request_id(scope, row.id), task=task)


async def _predict_batch(server: Server, model: str, scope: Scope, receive: Receive) -> Reply:
    service = server.service(model)
    checked = service.champion.check.rows(await body_of(receive), BATCH_ROWS)
    rows = [router.Request(server.ids.next(), key, values) for key, values in checked]
    answers = await server.score(service, rows)
    failed = [answer for answer in answers if answer.error is not None]
    return reply_of(
        {"predictions": [_shown(answer) for answer in answers]},
        request_id(scope, rows[0].id),
        status=500 if len(failed) == len(answers) else 200,
        task=server.shadow(service, rows, answers),
    )


def _shown(answer: router.Answer) -> dict[str, Any]:
    found = answer.returned
    document = {
        "id": found.id,
        "model": found.model,
        "version": found.version,
        "arm": found.arm,
        "score": found.score,
        "label": found.label,
    }
    if answer.error is not None:
        document["error"] = answer.error.message
    return document


async def _outcomes(server: Server, request: Request) -> Reply:
    rows = _outcome_rows(await body_of(request.receive))

    def write() -> tuple[int, list[str]]:
        added = server.log.add_outcomes(rows)
        return added, server.log.disagreeing(rows) if added < len(rows) else []

    # It waits for PostgreSQL: not where predictions are answered.
    added, refused = await asyncio.to_thread(write)
    counts = {
        "added": added,
        "repeated": len(rows) - added - len(refused),
        "refused": len(refused),
    }
    for result, count in counts.items():
        server.metrics.outcomes.labels(result).inc(count)
    return reply_of({**counts, "refused_ids": refused}, status=409 if refused else 200)


def _outcome_rows(body: dict[str, Any]) -> list[tuple[str, int, datetime]]:
    rows = body.get("outcomes")
    if body.keys() != {"outcomes"} or not isinstance(rows, list) or not 0 < len(rows) <= BATCH_ROWS:
        raise InputError(
            [Problem("outcomes", f"a list of 1 to {BATCH_ROWS} outcomes, and nothing else",
                     f"{len(rows)} of them" if isinstance(rows, list) else kind(rows))],
            _OUTCOMES_HINT,
        )  # fmt: skip
    problems: list[Problem] = []
    found: dict[str, tuple[str, int, datetime]] = {}
    for number, row in enumerate(rows):
        where = f"outcomes[{number}]"
        if not isinstance(row, dict) or not row.keys() <= _OUTCOME:
            problems.append(Problem(where, "an object of id, actual and known_at", kind(row)))
            continue
        identity = _identity(row.get("id"))
        if identity is None:
            problems.append(Problem(f"{where}.id", "the id of an answer", kind(row.get("id"))))
        if type(row.get("actual")) is not int or row["actual"] not in {0, 1}:
            problems.append(Problem(f"{where}.actual", "0 or 1", kind(row.get("actual"))))
        known = _moment(row.get("known_at"))
        if known is None:
            got = kind(row.get("known_at"))
            problems.append(Problem(f"{where}.known_at", "an ISO 8601 time with its offset", got))
        if identity in found:
            problems.append(Problem(f"{where}.id", "each id once", "a repeated id"))
        if not problems and identity and known:
            found[identity] = (identity, row["actual"], known)
    if problems:
        raise InputError(problems, _OUTCOMES_HINT)
    return list(found.values())


def _identity(value: object) -> str | None:
    try:
        return str(uuid.UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _moment(value: object) -> datetime | None:
    """A time with an offset; now where none is given."""
    if value is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _state(server: Server, name: str) -> dict[str, Any]:
    """What serves a model, and what could not be loaded."""
    service = server.fleet.services.get(name)
    document: dict[str, Any] = {"model": name, "error": server.fleet.errors.get(name)}
    if service is None:
        return {**document, "champion": None, "challenger": None}
    row, split = service.deployment, service.split
    return {
        **document,
        "champion": service.champion.version,
        "challenger": service.challenger.version if service.challenger else None,
        "share": split.share if split else 0.0,
        "shadow": split.shadow if split else False,
        "trial": split.trial if split else "",
        "revision": row.revision,
        "changed_at": row.changed_at.isoformat(),
        "threshold": service.champion.threshold,
        "signature": service.champion.artefact.signature.to_json(),
    }
