"""What every transport has in common: a message in; a receipt, or one of two errors, out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from platform_assets.core.errors import WeirError
from reports.delivery.message import Message


class TemporaryError(WeirError):
    """The other side may take it later.

    Attributes:
        retry_after: seconds that it asked to wait; 0 where it did not say.
    """

    def __init__(self, message: str, hint: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class RefusedError(WeirError):
    """The other side will never take it as it is."""


@dataclass(frozen=True)
class Receipt:
    """What is known after the other side took a message.

    Attributes:
        message_id: how to find it there.
        note: what is missing from it; empty when all went out.
    """

    message_id: str
    note: str = ""


class Transport(Protocol):
    """A way out."""

    def send(self, message: Message, address: str, message_id: str) -> Receipt:
        """Hand over one message to one address, once.

        Args:
            message: what to say.
            address: to whom.
            message_id: the same whenever the same sending is tried again.

        Raises:
            TemporaryError: try again later.
            RefusedError: do not.
        """
        ...


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently a temporary failure is tried again.

    Attributes:
        attempts: at most so many, the first included.
        first_seconds: bound of the first pause; it doubles, and each pause is random below it.
        longest_seconds: no pause is longer, whatever the other side asks for.
    """

    attempts: int = 5
    first_seconds: float = 2.0
    longest_seconds: float = 60.0

    def retrying(self, before_pause: Callable[[BaseException], None] | None = None) -> Retrying:
        """The loop: temporary failures are tried again, any other error leaves at once.

        Args:
            before_pause: is told each failure that is tried again.
        """
        jitter = wait_random_exponential(multiplier=self.first_seconds, max=self.longest_seconds)

        def pause(state: RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome else None
            asked = failure.retry_after if isinstance(failure, TemporaryError) else 0.0
            # What the other side asks for is waited in full, jitter comes on top.
            return min(asked + jitter(state), self.longest_seconds)

        def tell(state: RetryCallState) -> None:
            failure = state.outcome.exception() if state.outcome else None
            if before_pause and failure:
                before_pause(failure)

        return Retrying(
            retry=retry_if_exception_type(TemporaryError),
            stop=stop_after_attempt(self.attempts),
            wait=pause,
            before_sleep=tell,
            reraise=True,
        )


def secret(variable: str) -> str:
    """The secret in an environment variable, or in the file that ``<variable>_FILE`` names.

    Raises:
        RefusedError: neither is set, or the file cannot be read.
    """
    if value := os.environ.get(variable):
        return value
    if not (file := os.environ.get(f"{variable}_FILE")):
        raise RefusedError(f"no secret in {variable}", f"set {variable} or {variable}_FILE")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise RefusedError(
            f"{variable}_FILE={file}: {error.strerror}", "check the path and its rights"
        ) from None


def seconds(text: str | None) -> float:
    """A ``Retry-After`` header in seconds; 0 for none, or for a date."""
    try:
        return max(0.0, float(text or 0))
    except ValueError:
        return 0.0
