"""Answers from the cache where it has the newest, else from PostgreSQL.

An answer is kept under the version of the hot path that was the newest before PostgreSQL was
asked. So an event takes no answer out of the cache: it makes another version, under which nothing
is found yet, and an answer that is made while the event comes in cannot take its place.

Where an event is not heard, the bound holds: an answer that is older than :data:`BOUND_SECONDS`
is not given, whatever the cache has.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from platform_assets.core.errors import DatabaseAwayError
from platform_assets.processors.hot.metrics import Answer

BOUND_SECONDS = 2.0
"""No answer is older: PostgreSQL was asked at most so long ago."""


class Cache(Protocol):
    """Where answers are kept."""

    async def get(self, key: str) -> Answer | None:
        """The answer of a key, if it is there."""

    async def put(self, key: str, answer: Answer) -> None:
        """Keep an answer, if that is possible."""


@dataclass(frozen=True)
class Given:
    """An answer that is given.

    Attributes:
        answer: itself.
        found: whether the cache had it.
        cache_seconds: that the cache took to say so.
    """

    answer: Answer
    found: bool
    cache_seconds: float


class Answers:
    """Gives answers; made for one event loop.

    Args:
        cache: where they are kept.
        version: of the hot path; None: unknown, so nothing is taken from the cache.
        clock: seconds since 1970, for tests.
    """

    def __init__(
        self,
        cache: Cache,
        version: Callable[[], str | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cache, self._version, self._clock = cache, version, clock
        self._made: dict[str, asyncio.Task[Answer]] = {}

    async def give(self, key: str, make: Callable[[], Awaitable[Answer]]) -> Given:
        """The answer to a question.

        Args:
            key: of the question.
            make: asks PostgreSQL; once, however many wait for the same answer.

        Raises:
            DatabaseError: as ``make`` does, and where it took longer than the bound.
        """
        version = self._version()
        name, began = f"{version}:{key}", time.perf_counter()
        kept = await self._cache.get(name) if version is not None else None
        waited = time.perf_counter() - began
        # By its own clock, not by the cache's: a server that was stopped for a while keeps longer.
        if kept is not None and self._is_new(kept):
            return Given(kept, True, waited)
        task = self._made.get(name)
        if task is None:
            task = asyncio.ensure_future(make())
            self._made[name] = task
            task.add_done_callback(lambda _: self._made.pop(name, None))
            made = await asyncio.shield(task)
            if version is not None:
                await self._cache.put(name, made)
        else:
            made = await asyncio.shield(task)
        if not self._is_new(made):
            raise DatabaseAwayError("PostgreSQL took too long", "ask again in a moment")
        return Given(made, False, waited)

    def _is_new(self, answer: Answer) -> bool:
        return abs(self._clock() - answer.as_of) <= BOUND_SECONDS
