"""What every transport has in common: a message in; a receipt, or one of two errors, out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from platform_assets.core.errors import WeirError
from platform_assets.core.retry import Retry, Retrying
from platform_assets.core.secrets import SecretError, read_secret
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
        policy = Retry(self.attempts, pause=self.first_seconds, longest=self.longest_seconds)
        return policy.on(TemporaryError, asked=_asked, before_pause=before_pause)


def _asked(error: BaseException) -> float:
    return error.retry_after if isinstance(error, TemporaryError) else 0.0


def secret(variable: str) -> str:
    """The secret in an environment variable, or in the file that ``<variable>_FILE`` names.

    Raises:
        RefusedError: neither is set, or the file cannot be read.
    """
    try:
        return read_secret(variable)
    except SecretError as error:
        raise RefusedError(error.message, error.hint) from None


def seconds(text: str | None) -> float:
    """A ``Retry-After`` header in seconds; 0 for none, or for a date."""
    try:
        return max(0.0, float(text or 0))
    except ValueError:
        return 0.0
