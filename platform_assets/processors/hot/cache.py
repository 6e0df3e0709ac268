"""Answers in a server of the Redis protocol, for a moment; without it everything works, slower.

A call waits a twentieth of a second at most and is not repeated: PostgreSQL has the answer. After
a failure the server is left alone for a while, then one call tries it again.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.processors.hot.metrics import Answer

if TYPE_CHECKING:
    import redis.asyncio

_LOG = logging.getLogger(__name__)

CALL_SECONDS = 0.05
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds without calls after a failure; doubled with each further one, drawn at random below."""
_CONNECTIONS = 16
_PREFIX = "weir:hot:"


class Breaker:
    """Whether to try something that may be broken.

    Args:
        clock: seconds, for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures, self._not_before, self._trying = 0, 0.0, False

    def may_try(self) -> bool:
        """Whether to try now; after a pause one caller may, the others wait for how it fares."""
        if not self._failures:
            return True
        now = self._clock()
        if now < self._not_before:
            return False
        self._trying, self._not_before = True, now + FIRST_PAUSE
        return True

    def worked(self) -> bool:
        """It did; says whether it had not before."""
        before, self._failures, self._trying = self._failures, 0, False
        return before > 0

    def failed(self) -> bool:
        """It did not; says whether it had worked before."""
        if self._failures and not self._trying:
            return False  # began before the first failure was known
        self._failures, self._trying = self._failures + 1, False
        bound = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures - 1, 10))
        self._not_before = self._clock() + random.uniform(0.5, 1.0) * bound  # noqa: S311 - jitter
        return self._failures == 1


class RedisCache:
    """Answers by key; made for one event loop.

    Args:
        settings: where the server is.
        seconds: that an answer is kept.
    """

    def __init__(self, settings: Settings, seconds: float) -> None:
        self._settings, self._milliseconds = settings, round(seconds * 1000)
        self._client: redis.asyncio.Redis | None = None
        self._breaker = Breaker()

    async def get(self, key: str) -> Answer | None:
        """The answer of a key; None where there is none, or no server."""
        found = await self._call("get", _PREFIX + key)
        if not isinstance(found, bytes):
            return None
        as_of, _, body = found.partition(b"\n")
        try:
            return Answer(float(as_of), body)
        except ValueError:
            return None

    async def put(self, key: str, answer: Answer) -> None:
        """Keep an answer, if the server can be reached."""
        value = b"%.6f\n" % answer.as_of + answer.body
        await self._call("set", _PREFIX + key, value, px=self._milliseconds)

    async def close(self) -> None:
        """Give the connections back."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _call(self, name: str, *arguments: Any, **options: Any) -> Any:
        if not self._settings.redis_url or not self._breaker.may_try():
            return None
        import redis

        try:
            found = await getattr(self._opened(), name)(*arguments, **options)
        except (redis.RedisError, OSError, TimeoutError, WeirError) as error:
            if self._breaker.failed():
                _LOG.warning("the cache is left alone for a while: %s", error)
            return None
        if self._breaker.worked():
            _LOG.warning("the cache is back")
        return found

    def _opened(self) -> redis.asyncio.Redis:
        if self._client is None:
            from redis.asyncio import BlockingConnectionPool, Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff

            pool = BlockingConnectionPool.from_url(
                self._settings.redis_url,
                password=self._settings.redis_password(),
                max_connections=_CONNECTIONS,
                timeout=CALL_SECONDS,
                socket_timeout=CALL_SECONDS,
                socket_connect_timeout=CALL_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
            self._client = Redis.from_pool(pool)
        return self._client
