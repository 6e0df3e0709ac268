"""The page of the speed layer: what customers write now, as it comes in.

One thread a process listens to the hot path while somebody looks, and hands each picture of it to
all of them: a hundred viewers cost PostgreSQL what one costs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from platform_assets.core.errors import DatabaseError
from platform_assets.core.settings import Settings
from platform_assets.processors.hot import live
from platform_assets.processors.hot.database import hot_database
from platform_assets.processors.hot.figures import ProcessorState, states
from platform_assets.processors.model import FEEDBACK
from reports.definition import LIVE
from reports.portal.access import CurrentVisit, Visit
from reports.portal.audit import Action
from reports.portal.render import page
from reports.portal.security import STREAMING_POLICY
from reports.store import NoSuchReportError

router = APIRouter()

_LOG = logging.getLogger(__name__)

MOST_VIEWERS = 200
STREAM_SECONDS = 300.0
"""A stream ends then, and the browser comes back: who has signed out meanwhile sees no more."""
PAUSE_SECONDS = 0.2
"""Least time between two pictures."""
PULSE_SECONDS = 2.0
"""A picture without new rows: its last minute moves on."""
_STILL_HERE_SECONDS = 15.0
_WINDOW_SECONDS = 60.0


@dataclass(eq=False)
class Viewer:
    """Somebody who looks: told from the feed's thread, waits in the server's loop."""

    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self) -> None:
        """There is a new picture."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    async def wait(self, seconds: float) -> bool:
        """Whether there is a new picture within so many seconds."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        self._changed.clear()
        return True


class TooManyViewersError(Exception):
    """As many look as the portal serves."""


class Feed:
    """Pictures of the hot path, for everybody who looks."""

    def __init__(self, settings: Settings) -> None:
        self._database = hot_database(settings)
        self._lock = threading.Lock()
        self._viewers: set[Viewer] = set()
        self._thread: threading.Thread | None = None
        self._waits: deque[tuple[float, float]] = deque()
        self._since, self._step = 0.0, 0
        self.picture = ""

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    @contextmanager
    def viewer(self) -> Iterator[Viewer]:
        """Look until the end of the context.

        Raises:
            TooManyViewersError: too many do.
        """
        one = Viewer()
        with self._lock:
            if len(self._viewers) >= MOST_VIEWERS:
                raise TooManyViewersError
            self._viewers.add(one)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live", daemon=True)
                self._thread.start()
        try:
            yield one
        finally:
            with self._lock:
                self._viewers.discard(one)

    def take(self) -> str:
        """The picture as it is now, as JSON.

        Raises:
            DatabaseError: PostgreSQL does not answer.
        """
        hour = live.last_hour(self._database, datetime.now(UTC))
        found = [one for one in states(self._database) if one.processor == FEEDBACK.name]
        return json.dumps({**self._measured(), **_shown(hour, found), "step": self._step})

    def _run(self) -> None:
        """Take pictures while somebody looks."""
        while self._watched():
            try:
                with live.listening(self._database) as connection:
                    self._since = time.monotonic()
                    self._waits.clear()
                    self._step = live.newest_step(self._database)
                    self._push()
                    while self._watched():
                        live.heard(connection, PULSE_SECONDS)
                        self._push()
                        time.sleep(PAUSE_SECONDS)
            except (DatabaseError, psycopg.Error) as error:
                _LOG.warning("live: %s", error)
                self._hand_out(json.dumps({"trouble": "The database does not answer."}))
                time.sleep(1.0)

    def _watched(self) -> bool:
        with self._lock:
            if not self._viewers:
                self._thread = None
                return False
            return True

    def _push(self) -> None:
        found = live.arrivals(self._database, self._step)
        self._step = found.step
        picture = self.take()
        now, wall = time.monotonic(), time.time()
        self._waits.extend((now, wall - at) for at in found.at)
        while self._waits and self._waits[0][0] < now - _WINDOW_SECONDS:
            self._waits.popleft()
        self._hand_out(picture)

    def _hand_out(self, picture: str) -> None:
        self.picture = picture
        with self._lock:
            for viewer in self._viewers:
                viewer.tell()

    def _measured(self) -> dict[str, float | None]:
        """Rate and waits of the rows that were handed out in the last minute."""
        waits = sorted(wait for _, wait in self._waits)
        seconds = max(1.0, min(_WINDOW_SECONDS, time.monotonic() - self._since))

        def quantile(share: float) -> float | None:
            return waits[min(len(waits) - 1, int(share * len(waits)))] if waits else None

        return {
            "rate": len(waits) / seconds if self._since else 0.0,
            **{f"p{share}": quantile(share / 100) for share in (50, 95, 99)},
        }


def _shown(hour: live.LastHour, found: list[ProcessorState]) -> dict[str, object]:
    state = found[0] if found else None
    return {
        "minutes": [[one.name, *one.texts] for one in hour.minutes],
        "languages": [[one.name, *one.texts] for one in hour.languages],
        "texts": hour.texts,
        "lag": state.lag if state else 0,
        "dead_letters": state.dead_letters if state else 0,
        "functions": state.functions if state else "",
        "seen_at": state.seen_at.timestamp() if state else None,
        "at": time.time(),
    }


def _feed(request: Request, visit: Visit) -> Feed:
    if not visit.user.may_read(LIVE):
        visit.record(Action.REFUSED, LIVE)
        raise NoSuchReportError("the live page is for those who may read it")
    feed: Feed = request.app.state.live
    return feed


@router.get("/live")
def show(request: Request, visit: CurrentVisit) -> Response:
    """The page, with the picture of now in it."""
    feed = _feed(request, visit)
    visit.record(Action.READ, LIVE)
    answer = page(request, "live.html", picture=json.loads(feed.take()))
    answer.headers["Content-Security-Policy"] = STREAMING_POLICY
    return answer


@router.get("/live/events")
async def events(request: Request, visit: CurrentVisit) -> Response:
    """Pictures as server-sent events, each when there is something new."""
    feed = _feed(request, visit)
    stream = _pictures(feed)
    try:
        first = await anext(stream)
    except TooManyViewersError:
        return Response("too many look", 503, {"Retry-After": "10"})

    async def whole() -> AsyncIterator[str]:
        yield first
        async for text in stream:
            yield text

    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(whole(), media_type="text/event-stream", headers=headers)


async def _pictures(feed: Feed) -> AsyncIterator[str]:
    end = time.monotonic() + STREAM_SECONDS
    with feed.viewer() as viewer:
        yield "retry: 2000\n\n"
        while time.monotonic() < end:
            if await viewer.wait(_STILL_HERE_SECONDS):
                yield f"data: {feed.picture}\n\n"
            else:
                yield ": still here\n\n"
