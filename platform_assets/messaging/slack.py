"""Slack: a message in a channel, its picture in the thread below."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from platform_assets.core.retry import Retry
from platform_assets.messaging.model import Event, Notification, NotifyError
from platform_assets.messaging.retry import (
    ATTEMPTS,
    LONGEST_SECONDS,
    PAUSE_SECONDS,
    RETRY_STATUS,
    TIMEOUT_SECONDS,
)

if TYPE_CHECKING:
    from slack_sdk import WebClient

_LOG = logging.getLogger(__name__)
_MARKS = {Event.ACKNOWLEDGED: ":eyes: ", Event.RECOVERED: ":white_check_mark: "}


class SlackNotifier:
    """Posts with a bot token (scopes ``chat:write`` and, for pictures, ``files:write``)."""

    def __init__(
        self,
        token: str,
        channel: str,
        *,
        base_url: str | None = None,
        attempts: int = ATTEMPTS,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._token = token
        self._channel = channel
        self._base_url = base_url
        self._attempts = attempts
        self._pause = pause

    def send(self, notification: Notification) -> None:
        """Post it; connection errors, rate limits and server errors are tried again.

        A picture that Slack does not take leaves the message as it stands: posting again would
        say everything twice.

        Raises:
            NotifyError: Slack refused the message, or could not be reached.
        """
        client = self._client()
        posted = self._call(lambda: self._post(client, notification))
        if notification.chart is None:
            return
        try:
            self._call(lambda: self._upload(client, notification, posted["channel"], posted["ts"]))
        except NotifyError as error:
            _LOG.warning("the chart of %s was not attached: %s", notification.key, error)

    def _client(self) -> WebClient:
        from slack_sdk import WebClient as Client

        client = Client(self._token)
        client.timeout = int(TIMEOUT_SECONDS)
        if self._base_url:
            client.base_url = self._base_url.rstrip("/") + "/"
        return client

    def _post(self, client: WebClient, notification: Notification) -> dict[str, Any]:
        answer = client.chat_postMessage(
            channel=self._channel,
            text=_text(notification),
            metadata={
                "event_type": "weir_notification",
                "event_payload": {
                    "key": notification.key,
                    "severity": notification.severity.value,
                    "source": notification.source,
                    "incident": notification.thread,
                    "event": notification.event.value,
                },
            },
        )
        return {"channel": answer.get("channel", self._channel), "ts": answer.get("ts")}

    def _upload(
        self, client: WebClient, notification: Notification, channel: str, thread: str
    ) -> dict[str, Any]:
        # By the channel's id, as the first answer gave it: files take no names.
        client.files_upload_v2(
            content=notification.chart,
            filename="chart.png",
            title=notification.headline,
            channel=channel,
            thread_ts=thread,
        )
        return {}

    def _call(self, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        from slack_sdk.errors import SlackApiError, SlackClientError

        def passing(error: BaseException) -> bool:
            if isinstance(error, SlackApiError):
                return getattr(error.response, "status_code", 0) in RETRY_STATUS
            return isinstance(error, (OSError, HTTPException))

        policy = Retry(self._attempts, pause=self._pause, longest=LONGEST_SECONDS)
        try:
            return policy.on(passing)(call)
        except SlackApiError as error:
            reason = error.response.get("error", "unknown")
            raise NotifyError(
                f"Slack channel {self._channel}: {reason}",
                "check WEIR_NOTIFY_SLACK_TOKEN and that the bot is in the channel",
            ) from None
        except (SlackClientError, HTTPException, OSError) as error:
            raise NotifyError(f"Slack cannot be reached ({type(error).__name__})") from None


def _text(notification: Notification) -> str:
    """Slack reads &, < and > as markup (a mention, a link): what comes from data is escaped."""
    title = f"{_MARKS.get(notification.event, '')}*{_escape(notification.headline)}*"
    parts = [title, _escape(notification.body)]
    if notification.owner:
        parts.append(f"Owner: {_escape(notification.owner)}")
    if notification.link:
        parts.append(f"<{notification.link}|Open>")
    return "\n".join(parts)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
