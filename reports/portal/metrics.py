"""The metrics API: sums of the speed layer for programs, under the same grant as the live page.

``GET /api/metrics/sentiment`` (``language``, ``topic``, ``throughput``) with ``by``, ``since`` and
``until``. An answer has an ETag, so who has it already is told 304. Who asks is known for two
seconds after they were looked up: a session that ends, or a grant that is taken away, counts then.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from platform_assets.core.errors import DatabaseError
from platform_assets.core.settings import Settings
from platform_assets.processors.hot import metrics
from platform_assets.processors.hot.answers import BOUND_SECONDS, Answers
from platform_assets.processors.hot.cache import RedisCache
from platform_assets.processors.hot.database import hot_database
from platform_assets.processors.hot.watcher import Watcher
from reports.definition import LIVE
from reports.portal.access import Portal, Visit, address_of, portal_of
from reports.portal.audit import Action
from reports.portal.throttle import TooOftenError

router = APIRouter()

KNOWN_SECONDS = 2.0
"""That a session counts without being looked up again."""
_NOTED_SECONDS = 600.0
"""A reader of many answers is put on record once in so long."""
_MOST_KNOWN = 1000


@dataclass
class _Reader:
    status: HTTPStatus
    name: str = ""
    until: float = 0.0
    noted_until: float = 0.0


class Metrics:
    """What the API needs beside the portal's services.

    Args:
        settings: where PostgreSQL and the cache are.
    """

    def __init__(self, settings: Settings) -> None:
        self._database = hot_database(settings, metrics.PATIENCE)
        self._cache = RedisCache(settings, BOUND_SECONDS)
        self._watcher = Watcher(self._database)
        self._answers = Answers(self._cache, lambda: self._watcher.version)
        self._readers: dict[str, _Reader] = {}
        self._lookups: dict[str, asyncio.Task[_Reader]] = {}

    async def close(self) -> None:
        """Give connections back and end the thread."""
        await self._cache.close()
        await run_in_threadpool(self._watcher.close)
        self._database.close()

    async def status(self, portal: Portal, token: str, address: str) -> int:
        """200 where the session of a cookie is of somebody who may read, else 401 or 403.

        Raises:
            DatabaseError: the portal's database does not answer.
            TooOftenError: they ask too often.
        """
        reader = self._readers.get(token)
        if reader is None or reader.until < time.monotonic():
            lookup = self._lookups.get(token)
            if lookup is None:
                portal.throttle.page(address)
                noted = reader.noted_until if reader else 0.0
                looked = run_in_threadpool(self._look_up, portal, token, address, noted)
                lookup = self._lookups[token] = asyncio.ensure_future(looked)
                lookup.add_done_callback(lambda _: self._lookups.pop(token, None))
            reader = await asyncio.shield(lookup)
            if len(self._readers) >= _MOST_KNOWN:
                self._readers.clear()
            self._readers[token] = reader
        if reader.status == HTTPStatus.OK:
            portal.throttle.metrics(reader.name)
        return reader.status

    async def answer(self, asked: metrics.Question, known: str) -> Response:
        """The answer to a question; 304 where it has the ETag that is known.

        Raises:
            DatabaseError: PostgreSQL does not answer.
            MetricsError: it takes too long.
        """

        def make() -> metrics.Answer:
            return metrics.answer(self._database, asked, BOUND_SECONDS)

        given = await self._answers.give(asked.key, lambda: run_in_threadpool(make))
        body = given.answer.body
        tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        said = "hit" if given.found else "miss"
        as_of = datetime.fromtimestamp(given.answer.as_of, UTC)
        headers = {
            "ETag": tag,
            "Cache-Control": "private, no-cache",
            "Weir-As-Of": f"{as_of:%Y-%m-%dT%H:%M:%S.%fZ}",
            "Server-Timing": f"cache;desc={said};dur={given.cache_seconds * 1000:.2f}",
        }
        if (lag := self._watcher.lag) is not None:
            headers["Weir-Lag"] = str(lag)
        if tag in (one.strip().removeprefix("W/") for one in known.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    @staticmethod
    def _look_up(portal: Portal, token: str, address: str, noted_until: float) -> _Reader:
        session, now = portal.sessions.find(token), time.monotonic()
        if session is None:
            return _Reader(HTTPStatus.UNAUTHORIZED)
        visit = Visit(portal, session, address)
        if not session.user.may_read(LIVE):
            visit.record(Action.REFUSED, LIVE, detail="metrics")
            return _Reader(HTTPStatus.FORBIDDEN)
        if noted_until < now:
            visit.record(Action.READ, LIVE, detail="metrics")
            noted_until = now + _NOTED_SECONDS
        return _Reader(HTTPStatus.OK, session.user.name, now + KNOWN_SECONDS, noted_until)


@router.get("/api/metrics/{of}")
async def ask(
    request: Request,
    of: metrics.Of,
    by: metrics.By = metrics.By.MINUTE,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Response:
    """Sums by sentiment, language or topic, or of all texts; see :func:`metrics.answer`."""
    portal, api = portal_of(request), _of(request)
    try:
        token = request.cookies.get(portal.cookie, "")
        status = await api.status(portal, token, address_of(request))
        if status != HTTPStatus.OK:
            return _refused(status, "sign in, as somebody who may read the live page")
        asked = metrics.question(of, by, since, until, datetime.now(UTC))
        return await api.answer(asked, request.headers.get("if-none-match", ""))
    except TooOftenError as error:
        return _refused(429, error.message, error.seconds)
    except metrics.MetricsError as error:
        return _refused(400, str(error))
    except DatabaseError:
        return _refused(503, "PostgreSQL does not answer", 2)


def _of(request: Request) -> Metrics:
    found: Metrics = request.app.state.metrics
    return found


def _refused(status: int, message: str, after: int = 0) -> Response:
    headers = {"Retry-After": str(after)} if after else None
    return JSONResponse({"error": message}, status, headers)
