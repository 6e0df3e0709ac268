"""The one retry policy: bounded, with pauses drawn at random up to a bound that doubles.

The jitter is full ("exponential backoff and jitter", AWS Architecture Blog 2015): clients that
lost the same server do not come back at the same moment. Who retries says which errors may pass;
everything else is raised at once, and so is the last error when attempts or time run out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

__all__ = [
    "HTTP_MAY_PASS",
    "Passing",
    "Retry",
    "Retrying",
    "answered_at",
    "http_date",
    "retry_after",
]

Passing = type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool]
"""Errors that may pass: their types, or a function that tells."""


@dataclass(frozen=True)
class Retry:
    """How often and how long to try again.

    Attributes:
        attempts: at most so many in all; None: only time bounds them.
        seconds: no attempt begins later than so many seconds after the first; None: no bound.
        pause: bound of the first pause in seconds; it doubles with every further one.
        longest: bound of all pauses in seconds.
    """

    attempts: int | None = 4
    seconds: float | None = None
    pause: float = 0.2
    longest: float = 5.0

    def __post_init__(self) -> None:
        """Refuse what would never end.

        Raises:
            ValueError: neither attempts nor seconds are bounded.
        """
        if self.attempts is None and self.seconds is None:
            raise ValueError("a retry is bounded by attempts, by seconds, or by both")

    def on(
        self,
        passing: Passing,
        *,
        asked: Callable[[BaseException], float] | None = None,
        before_pause: Callable[[BaseException], None] | None = None,
    ) -> Retrying:
        """Call it with a function, iterate over it, or decorate with its ``wraps``.

        Args:
            passing: errors that may pass.
            asked: seconds that the other side asks for (``Retry-After``); they are waited in
                full, at most ``longest`` in all, and the jitter comes on top.
            before_pause: told of an error before the pause that follows it.
        """
        return Retrying(**self._arguments(passing, asked, before_pause))

    def on_async(self, passing: Passing) -> AsyncRetrying:
        """The same for coroutines."""
        return AsyncRetrying(**self._arguments(passing, None, None))

    def _arguments(
        self,
        passing: Passing,
        asked: Callable[[BaseException], float] | None,
        before_pause: Callable[[BaseException], None] | None,
    ) -> dict[str, Any]:
        stop: Any = stop_after_attempt(self.attempts) if self.attempts is not None else None
        if self.seconds is not None:
            delay = stop_after_delay(self.seconds)
            stop = delay if stop is None else stop | delay
        jitter = wait_random_exponential(multiplier=self.pause, max=self.longest)

        def pause(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            waited = asked(error) if asked and error else 0.0
            return min(waited + jitter(state), self.longest)

        def tell(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            if before_pause and error:
                before_pause(error)

        if isinstance(passing, type | tuple):
            condition: retry_if_exception = retry_if_exception_type(passing)
        else:
            condition = retry_if_exception(passing)
        return {
            "retry": condition,
            "stop": stop,
            "wait": pause,
            "before_sleep": tell,
            "reraise": True,
        }


HTTP_MAY_PASS = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers of an HTTP server after which it may be asked again."""


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds of ``Retry-After``, a number or a date; 0 where there is none.

    Args:
        headers: of the answer, names in lower case.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    return max(0.0, http_date(value) - answered_at(headers)) if value else 0.0


def answered_at(headers: Mapping[str, str]) -> float:
    """When an answer was sent, by its own ``Date``: the clocks of both sides may differ."""
    return http_date(headers.get("date", "")) or time.time()


def http_date(text: str) -> float:
    """Seconds since 1970 of a date in a header; 0 where it is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return 0.0
