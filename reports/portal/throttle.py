"""How often somebody may try."""

from __future__ import annotations

import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from platform_assets.core.errors import WeirError

_GUESSES = parse("3 per 5 minutes")
"""Wrong passwords of one user from one address: the fourth is slowed."""
_GUESSES_OF_ADDRESS = parse("20 per 5 minutes")
_GUESSES_OF_USER = parse("30 per 15 minutes")
"""From all addresses together; wide, since anybody can shut a user out with it."""
_PAGES = parse("600 per minute")
_ROWS = parse("60 per minute")
_EXPORTS = parse("10 per minute")
_METRICS_A_SECOND = 2000


class TooOftenError(WeirError):
    """Somebody tries too often.

    Attributes:
        seconds: when it is worth trying again.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__("Too many attempts", f"try again in {seconds} seconds")
        self.seconds = seconds


class Throttle:
    """Moving windows in memory; safe to share between threads."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._metrics: dict[str, int] = {}
        self._second = 0

    def guess(self, user: str, address: str) -> None:
        """Count an attempt to sign in, before the password is looked at.

        Counting first leaves no gap for many guesses at once.

        Raises:
            TooOftenError: one of the limits is used up; the password must not be looked at.
        """
        self._hit(_GUESSES, "guess", user, address)
        self._hit(_GUESSES_OF_ADDRESS, "guesses-of-address", address)
        self._hit(_GUESSES_OF_USER, "guesses-of-user", user)

    def right(self, user: str, address: str) -> None:
        """The password was right: earlier slips count no more."""
        self._limiter.clear(_GUESSES, "guess", user, address)

    def page(self, address: str) -> None:
        """Count a request.

        Raises:
            TooOftenError: more than ten a second.
        """
        self._hit(_PAGES, "page", address)

    def rows(self, user: str) -> None:
        """Count a query for rows.

        Raises:
            TooOftenError: more than one a second.
        """
        self._hit(_ROWS, "rows", user)

    def export(self, user: str) -> None:
        """Count an export.

        Raises:
            TooOftenError: more than ten a minute.
        """
        self._hit(_EXPORTS, "export", user)

    def metrics(self, user: str) -> None:
        """Count a question to the metrics API; not thread safe, for the server's loop.

        By whole seconds and by hand: the library starts a thread for what it counts.

        Raises:
            TooOftenError: more than :data:`_METRICS_A_SECOND`.
        """
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._metrics.clear()
        count = self._metrics[user] = self._metrics.get(user, 0) + 1
        if count > _METRICS_A_SECOND:
            raise TooOftenError(1)

    def _hit(self, item: RateLimitItem, *key: str) -> None:
        if not self._limiter.hit(item, *key):
            reset = self._limiter.get_window_stats(item, *key).reset_time
            raise TooOftenError(max(1, math.ceil(reset - time.time())))
