"""Await a condition instead of sleeping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from platform_assets.core.errors import DatabaseAwayError, WeirError

T = TypeVar("T")


class WaitTimeoutError(WeirError):
    """A condition did not come true in time; the message carries the last reason."""


def wait_until(
    condition: Callable[[], T],
    *,
    what: str,
    timeout: float,
    every: float = 0.1,
    cancelled: threading.Event | None = None,
) -> T:
    """Poll ``condition`` until it returns something true.

    Args:
        condition: called again and again; an exception counts as "not yet".
        what: the condition in words, for the error.
        timeout: seconds after which to give up.
        every: seconds between two polls.
        cancelled: an event that ends the wait early.

    Returns:
        The true value.

    Raises:
        WaitTimeoutError: it stayed false; names ``what`` and the last reason.
    """
    deadline = time.monotonic() + timeout
    reason = "it stayed false"
    while True:
        try:
            if value := condition():
                return value
        except DatabaseAwayError as error:
            reason = error.message
        except WeirError:
            raise
        except Exception as error:  # noqa: BLE001 - any failure of a probe means "not yet"
            reason = f"{type(error).__name__}: {str(error).strip().splitlines()[:1]}"
        if cancelled is not None and cancelled.is_set():
            raise WaitTimeoutError(f"stopped waiting for {what}")
        if time.monotonic() >= deadline:
            raise WaitTimeoutError(f"{what} did not happen within {timeout:.0f} s ({reason})")
        if cancelled is not None:
            cancelled.wait(every)
        else:
            time.sleep(every)
