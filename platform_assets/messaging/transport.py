"""What every transport has in common: a message in; a receipt, or one of two errors, out.

A transport sends once. Who sends decides how often to try again (:class:`RetryPolicy`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from platform_assets.core.errors import WeirError
from platform_assets.core.retry import HTTP_MAY_PASS, Retry, Retrying, retry_after
from platform_assets.core.secrets import SecretError, read_secret


class SendError(WeirError):
    """A message was not accepted."""


class TemporaryError(SendError):
    """The other side may accept it later.

    Attributes:
        retry_after: seconds that it asked to wait; 0 if it did not say.
    """

    def __init__(self, message: str, hint: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class RefusedError(SendError):
    """The other side will never accept it as it is."""


@dataclass(frozen=True)
class Receipt:
    """What is known after the other side accepted a message.

    Attributes:
        message_id: how to find it there; empty if the other side gives no name.
        note: what is missing from it; empty if all of it was accepted.
    """

    message_id: str = ""
    note: str = ""


@dataclass(frozen=True)
class RetryPolicy(Retry):
    """How often and how patiently a temporary failure is tried again.

    The defaults are those of notifications: a sensor waits for them.
    """

    attempts: int = 4
    pause: float = 0.5
    longest: float = 8.0

    def retrying(self, before_pause: Callable[[BaseException], None] | None = None) -> Retrying:
        """The loop: temporary failures are tried again, any other error is raised at once.

        Args:
            before_pause: called with each failure that is tried again.
        """
        return self.on(TemporaryError, asked=_asked, before_pause=before_pause)


def _asked(error: BaseException) -> float:
    return error.retry_after if isinstance(error, TemporaryError) else 0.0


def answered(
    said: str, status: int, hint: str, headers: Mapping[str, str]
) -> TemporaryError | RefusedError:
    """The error for an HTTP answer that is no success.

    Args:
        said: what answered, and what.
        status: of the answer.
        hint: what to check if the answer is final.
        headers: of the answer, names in lower case.
    """
    if status in HTTP_MAY_PASS or status >= 500:
        return TemporaryError(said, hint, retry_after(headers))
    return RefusedError(said, hint)


def secret(variable: str, environment: Mapping[str, str] | None = None) -> str:
    """The secret in an environment variable, or in the file that ``<variable>_FILE`` names.

    Raises:
        RefusedError: neither is set, or the file cannot be read.
    """
    try:
        return read_secret(variable, environment)
    except SecretError as error:
        raise RefusedError(error.message, error.hint) from None
