"""PagerDuty's Events API v2: an incident is triggered, acknowledged and resolved.

Fields: https://developer.pagerduty.com/docs/send-alert-event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_assets.messaging.transport import Receipt, TemporaryError, answered

if TYPE_CHECKING:
    from pagerduty import EventsApiV2Client


@dataclass(frozen=True)
class PagerDutyTransport:
    """One request an event.

    Attributes:
        routing_key: the integration key of a service.
        url: of another service region; empty: the client's own.
        timeout: in seconds.
        variable: where the key comes from, for hints.
    """

    routing_key: str = field(repr=False)
    url: str = ""
    timeout: float = 10.0
    variable: str = "WEIR_NOTIFY_PAGERDUTY_KEY"

    def send(self, action: str, dedup_key: str, properties: Mapping[str, Any]) -> Receipt:
        """Send one event.

        Args:
            action: ``trigger``, ``acknowledge`` or ``resolve``.
            dedup_key: the incident's name.
            properties: payload, links and images of a trigger.

        Raises:
            TemporaryError: no connection, a timeout, 429 or 5xx.
            RefusedError: any other answer but success.
        """
        import pagerduty

        try:
            self._client().send_event(action, dedup_key=dedup_key, **properties)
        except (pagerduty.Error, OSError) as error:
            answer = getattr(error, "response", None)
            if answer is None:
                raise TemporaryError(
                    f"PagerDuty cannot be reached ({type(error).__name__})",
                    "check WEIR_NOTIFY_PAGERDUTY_URL",
                ) from None
            raise answered(
                f"PagerDuty answered {answer.status_code} to {action}",
                answer.status_code,
                f"check {self.variable}",
                answer.headers,
            ) from None
        return Receipt(dedup_key)

    def _client(self) -> EventsApiV2Client:
        from pagerduty import EventsApiV2Client

        client = EventsApiV2Client(self.routing_key, base_url=self.url or None)
        client.timeout = round(self.timeout)
        # What is tried again is decided in one place: the policy of who sends. A busy answer (429)
        # without a rule is tried for ever; a rule ends at its own number or at that of all
        # attempts, and only a number below 0 ends before the first repetition.
        client.retry = {429: 1}
        client.max_http_attempts = -1
        client.max_network_attempts = 0
        return client
