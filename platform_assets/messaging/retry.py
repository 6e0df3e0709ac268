"""Timeout and retries that every place over the network shares."""

from __future__ import annotations

from collections.abc import Callable

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

TIMEOUT_SECONDS = 10.0
ATTEMPTS = 4
PAUSE_SECONDS = 0.5
"""First bound of the pause between two attempts, drawn at random and doubling up to 8 s."""
RETRY_STATUS = (408, 425, 429, 500, 502, 503, 504)


def retrying(passing: Callable[[BaseException], bool], attempts: int, pause: float) -> Retrying:
    """Bounded attempts with jitter, for errors that may pass."""
    return Retrying(
        retry=retry_if_exception(passing),
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=pause, max=8),
        reraise=True,
    )
