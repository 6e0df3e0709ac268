"""A webhook: the message as JSON over HTTP."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import urlsplit

from platform_assets.core.retry import Retry
from platform_assets.messaging.model import Notification, NotifyError
from platform_assets.messaging.retry import (
    ATTEMPTS,
    LONGEST_SECONDS,
    PAUSE_SECONDS,
    RETRY_STATUS,
    TIMEOUT_SECONDS,
)


class WebhookNotifier:
    """POSTs the notification as JSON; the key goes into the ``Idempotency-Key`` header."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        attempts: int = ATTEMPTS,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._attempts = attempts
        self._pause = pause

    def send(self, notification: Notification) -> None:
        """POST it; connection errors and busy answers (429, 5xx) are tried again.

        The picture goes along as ``chart_png`` (base64) where there is one.

        Raises:
            NotifyError: the peer refused it, or could not be reached.
        """
        import httpx

        def passing(error: BaseException) -> bool:
            if isinstance(error, httpx.HTTPStatusError):
                return error.response.status_code in RETRY_STATUS
            return isinstance(error, httpx.TransportError)

        body = notification.fields()
        if notification.chart:
            body["chart_png"] = b64encode(notification.chart).decode("ascii")
        key = notification.key or notification.title
        # A header takes ASCII only, a title may hold more.
        headers = {**self._headers, "Idempotency-Key": key.encode("ascii", "replace").decode()}
        policy = Retry(self._attempts, pause=self._pause, longest=LONGEST_SECONDS)
        try:
            for attempt in policy.on(passing):
                with attempt:
                    response = httpx.post(
                        self._url, json=body, headers=headers, timeout=TIMEOUT_SECONDS
                    )
                    response.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise NotifyError(
                f"webhook {self._host} answered {error.response.status_code}",
                "check WEIR_NOTIFY_WEBHOOK_URL and its token",
            ) from None
        except httpx.HTTPError as error:
            # The address may carry a secret in its path, so only its host is named.
            raise NotifyError(
                f"webhook {self._host} cannot be reached ({type(error).__name__})",
                "check WEIR_NOTIFY_WEBHOOK_URL",
            ) from None

    @property
    def _host(self) -> str:
        return urlsplit(self._url).hostname or "(no host)"
