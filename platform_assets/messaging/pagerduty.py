"""PagerDuty: an incident is triggered, acknowledged and resolved (Events API v2).

Limits and fields: https://developer.pagerduty.com/docs/send-alert-event (summary 1,024 characters,
deduplication key 255, an event 512 KB; pictures by HTTPS address only).
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from platform_assets.messaging.model import Event, Notification, NotifyError
from platform_assets.messaging.retry import ATTEMPTS, PAUSE_SECONDS, RETRY_STATUS, TIMEOUT_SECONDS

if TYPE_CHECKING:
    from pagerduty import EventsApiV2Client

SUMMARY_LIMIT = 1_024
KEY_LIMIT = 255
BODY_LIMIT = 20_000
_ACTIONS = {
    # A trigger with a known key adds to the incident; it opens none.
    Event.OPENED: "trigger",
    Event.UPDATED: "trigger",
    Event.ACKNOWLEDGED: "acknowledge",
    Event.RECOVERED: "resolve",
}


class PagerDutyNotifier:
    """Sends events with the integration (routing) key of a service."""

    def __init__(
        self,
        routing_key: str,
        *,
        base_url: str | None = None,
        attempts: int = ATTEMPTS,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._routing_key = routing_key
        self._base_url = base_url
        self._attempts = attempts
        self._pause = pause

    def send(self, notification: Notification) -> None:
        """Send the event; connection errors, rate limits and server errors are tried again.

        Raises:
            NotifyError: PagerDuty refused it, or could not be reached.
        """
        import pagerduty

        action = _ACTIONS[notification.event]
        properties = event(notification) if action == "trigger" else {}
        try:
            self._client().send_event(action, dedup_key=dedup_key(notification), **properties)
        except pagerduty.HttpError as error:
            status = getattr(error.response, "status_code", "nothing")
            raise NotifyError(
                f"PagerDuty answered {status} to {action}",
                "check WEIR_NOTIFY_PAGERDUTY_KEY",
            ) from None
        except (pagerduty.Error, OSError) as error:
            raise NotifyError(
                f"PagerDuty cannot be reached ({type(error).__name__})",
                "check WEIR_NOTIFY_PAGERDUTY_URL",
            ) from None

    def _client(self) -> EventsApiV2Client:
        from pagerduty import EventsApiV2Client

        client = EventsApiV2Client(self._routing_key, base_url=self._base_url)
        client.timeout = round(TIMEOUT_SECONDS)
        # Unless a number is given, the client tries a busy answer (429) again for ever.
        client.retry = dict.fromkeys(RETRY_STATUS, self._attempts - 1)
        client.max_network_attempts = self._attempts - 1
        client.sleep_timer = self._pause
        client.stagger_cooldown = 1.0
        return client


def dedup_key(notification: Notification) -> str:
    """The incident's name; a long one keeps its beginning and a digest of all."""
    name = notification.thread
    if len(name) <= KEY_LIMIT:
        return name
    digest = sha256(name.encode("utf-8", "replace")).hexdigest()[:32]
    return f"{name[: KEY_LIMIT - len(digest) - 1]}-{digest}"


def event(notification: Notification) -> dict[str, Any]:
    """Properties of a trigger: payload, and links and images where there are any."""
    properties: dict[str, Any] = {
        "payload": {
            "summary": notification.headline[:SUMMARY_LIMIT],
            "source": notification.source or "weir",
            "severity": notification.severity.value,
            "component": notification.source,
            "group": notification.owner,
            "class": notification.event.value,
            "custom_details": {
                "body": notification.body[:BODY_LIMIT],
                "owner": notification.owner,
                "key": notification.key,
            },
        },
        "client": "Weir",
    }
    if notification.link:
        properties["client_url"] = notification.link
        properties["links"] = [{"href": notification.link, "text": "Open"}]
    if notification.chart_link:
        properties["images"] = [{"src": notification.chart_link, "alt": notification.headline}]
    return properties
