"""How fast a source is asked: a token bucket, the pauses that it asks for, a circuit breaker.

One :class:`Pace` a source in a process: it outlives the readers, which are opened for every read.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping

from platform_assets.connectors.seam.reader import SourceAwayError
from platform_assets.core.retry import answered_at, http_date, retry_after

FAILURES_TO_OPEN = 12
OPEN_SECONDS = 30.0
_EPOCH, _EPOCH_MILLIS = 1e9, 1e12
_REMAINING = ("x-ratelimit-remaining", "x-rate-limit-remaining", "ratelimit-remaining")
_RESET = ("x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset")


class StoppedError(Exception):
    """The read is asked to end."""


class Pace:
    """When the next request may go; safe to share between threads.

    Args:
        source: its name.
        per_second: requests a second at most; None: no bound of ours.
        burst: requests that may go at once after a rest.
        longest: a longer pause than so many seconds is not waited for: the read ends.
    """

    def __init__(self, source: str, per_second: float | None, burst: int, longest: float) -> None:
        self._source, self._longest = source, longest
        self._interval = 1 / per_second if per_second else 0.0
        self._slack = self._interval * (burst - 1)
        self._lock = threading.Lock()
        self._due = 0.0
        self._not_before = 0.0
        self._failures = 0
        self._open_until = 0.0

    def wait(self, stop: threading.Event) -> None:
        """Wait for a place.

        Raises:
            SourceAwayError: the source asked for a longer pause, or failed too often in a row.
            StoppedError: the read is asked to end.
        """
        at = self._place()
        while True:
            if stop.wait(max(0.0, at - time.monotonic())):
                raise StoppedError
            with self._lock:
                # Another thread may have been told to pause meanwhile.
                at = self._held()
            if at <= time.monotonic():
                return

    def _place(self) -> float:
        with self._lock:
            now = time.monotonic()
            if self._open_until > now:
                raise SourceAwayError(
                    f"source {self._source}: {self._failures} requests failed in a row",
                    f"it is asked again in {self._open_until - now:.0f} s",
                )
            at = max(now, self._due - self._slack, self._held())
            self._due = max(at, self._due) + self._interval
            return at

    def _held(self) -> float:
        left = self._not_before - time.monotonic()
        if left > self._longest:
            raise SourceAwayError(
                f"source {self._source}: it asks for a pause of {left:.0f} s",
                "it is not asked before; allow it more requests, or ask for less",
            )
        return self._not_before

    def heard(self, headers: Mapping[str, str], *, refused: bool) -> None:
        """Obey the limits in an answer's headers (names in lower case).

        Args:
            headers: ``Retry-After``, ``X-RateLimit-*``, ``RateLimit-*``, ``RateLimit``.
            refused: the answer says that there were too many requests.
        """
        seconds = retry_after(headers) if refused else 0.0
        if spent(headers) or (refused and not seconds):
            seconds = max(seconds, until_reset(headers))
        if seconds > 0:
            with self._lock:
                self._not_before = max(self._not_before, time.monotonic() + seconds)

    def failed(self) -> None:
        """A request failed at the source or on the way."""
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES_TO_OPEN:
                self._open_until = time.monotonic() + OPEN_SECONDS

    def went_well(self) -> None:
        """A request was answered."""
        with self._lock:
            self._failures, self._open_until = 0, 0.0


def spent(headers: Mapping[str, str]) -> bool:
    """Whether the answer says that no request is left in this window."""
    left = next((headers[name] for name in _REMAINING if name in headers), "")
    if not left and (found := re.search(r"\br=(\d+)", headers.get("ratelimit", ""))):
        left = found[1]
    return bool(re.fullmatch(r"0+(\.0+)?", left.strip()))


def until_reset(headers: Mapping[str, str]) -> float:
    """Seconds until the window ends; 0 where the answer does not say.

    The headers hold seconds, or a moment in seconds or milliseconds since 1970, or a date. A
    moment is compared with the answer's own ``Date``: the clocks of both sides may differ.
    """
    value = next((headers[name] for name in _RESET if name in headers), "").strip()
    if not value and (found := re.search(r"\bt=(\d+)", headers.get("ratelimit", ""))):
        value = found[1]
    if not value:
        return 0.0
    try:
        number = float(value)
    except ValueError:
        return max(0.0, http_date(value) - answered_at(headers))
    if number < _EPOCH:
        return max(0.0, number)
    return max(0.0, (number / 1000 if number >= _EPOCH_MILLIS else number) - answered_at(headers))
