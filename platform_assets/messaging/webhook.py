"""A webhook: JSON over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from platform_assets.messaging.http import post
from platform_assets.messaging.transport import Receipt


@dataclass(frozen=True)
class WebhookTransport:
    """One request a message.

    Attributes:
        url: where to; it may hold a secret, so errors name its host only.
        token: sent as bearer token; empty for none.
        timeout: in seconds.
        variable: where the address comes from, for hints.
    """

    url: str = field(repr=False)
    token: str = field(default="", repr=False)
    timeout: float = 10.0
    variable: str = "WEIR_NOTIFY_WEBHOOK_URL"

    def send(self, body: Mapping[str, Any], key: str) -> Receipt:
        """POST it.

        Args:
            body: the JSON.
            key: equal whenever the same is sent again; goes into ``Idempotency-Key``.

        Raises:
            TemporaryError: no connection, a timeout, or a busy answer.
            RefusedError: any other answer but success.
        """
        # A header takes ASCII only, a key may hold more.
        headers = {"Idempotency-Key": key.encode("ascii", "replace").decode()}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        post(
            self.url,
            body,
            headers,
            name=f"webhook {urlsplit(self.url).hostname or '(no host)'}",
            timeout=self.timeout,
            hint=f"check {self.variable} and its token",
        )
        return Receipt()
