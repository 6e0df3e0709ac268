"""Slack: a message in a channel, its file in the thread below.

Limits: https://docs.slack.dev/reference/block-kit/blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from platform_assets.messaging.transport import (
    Receipt,
    RefusedError,
    RetryPolicy,
    SendError,
    TemporaryError,
    answered,
)

if TYPE_CHECKING:
    from slack_sdk import WebClient

NOTICE_LIMIT = 600
"""Characters of the text that a phone's notification shows."""
_BUSY_REASONS = (
    "ratelimited",
    "rate_limited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
)
_BUSY = 503


@dataclass(frozen=True)
class SlackFile:
    """A file in a message's thread.

    Attributes:
        what: names it in a sentence, for the receipt's note.
        content: its bytes.
        name: its file name.
        title: what Slack shows above it.
    """

    what: str
    content: bytes = field(repr=False)
    name: str
    title: str


@dataclass(frozen=True)
class SlackMessage:
    """One message.

    Attributes:
        text: escaped; with blocks, what a phone's notification shows.
        event_type: of the metadata.
        event: the metadata, so that a receiver can recognise a repeated message.
        blocks: Block Kit; empty: the text alone.
        file: posted into its thread; None for none.
    """

    text: str
    event_type: str
    event: dict[str, str]
    blocks: Sequence[dict[str, Any]] = ()
    file: SlackFile | None = None


@dataclass(frozen=True)
class SlackTransport:
    """Posts with a bot token (scopes ``chat:write`` and, for files, ``files:write``).

    Attributes:
        token: of the bot.
        url: of the API.
        timeout: in seconds.
        variable: where the token comes from, for hints.
        policy: how a file is tried again once its message is posted.
    """

    token: str = field(repr=False)
    url: str
    timeout: float
    variable: str
    policy: RetryPolicy

    def send(self, message: SlackMessage, channel: str) -> Receipt:
        """Post the message, then its file into the thread.

        A file that Slack does not accept leaves the message as it is: posting again would say
        everything twice. The receipt's note says so.

        Raises:
            TemporaryError: no connection, a timeout, 429 or 5xx, or a reason that may pass.
            RefusedError: Slack gave any other reason (``not_in_channel`` …).
        """
        from slack_sdk import WebClient

        client = WebClient(
            token=self.token,
            base_url=self.url.rstrip("/") + "/",
            timeout=max(1, round(self.timeout)),
            # What is tried again is decided in one place: the policy of who sends.
            retry_handlers=[],
        )
        # The answer has the channel's id: files take no names.
        posted, thread = self._post(client, message, channel)
        note = ""
        if message.file:
            try:
                self.policy.retrying()(self._upload, client, message.file, posted, thread)
            except SendError as error:
                note = f"{message.file.what} was not attached: {error.message}"
        return Receipt(f"{posted}/{thread}", note)

    def _post(self, client: WebClient, message: SlackMessage, channel: str) -> tuple[str, str]:
        from slack_sdk.errors import SlackClientError

        try:
            answer = client.chat_postMessage(
                channel=channel,
                text=message.text,
                blocks=list(message.blocks) or None,
                metadata={"event_type": message.event_type, "event_payload": message.event},
                # Names in a text stay text: what comes from data calls nobody.
                link_names=False,
                unfurl_links=False,
                unfurl_media=False,
            )
        except (SlackClientError, HTTPException, OSError) as error:
            raise self._failure(error, channel) from None
        return str(answer.get("channel", channel)), str(answer.get("ts", ""))

    def _upload(self, client: WebClient, file: SlackFile, channel: str, thread: str) -> None:
        from slack_sdk.errors import SlackClientError

        try:
            client.files_upload_v2(
                content=file.content,
                filename=file.name,
                title=file.title,
                channel=channel,
                thread_ts=thread,
            )
        except (SlackClientError, HTTPException, OSError) as error:
            raise self._failure(error, channel) from None

    def _failure(self, error: Exception, channel: str) -> TemporaryError | RefusedError:
        from slack_sdk.errors import SlackApiError

        if isinstance(error, (HTTPException, OSError)):
            return TemporaryError(
                f"Slack cannot be reached ({type(error).__name__})", "check WEIR_SLACK_URL"
            )
        if not isinstance(error, SlackApiError):
            return TemporaryError(f"Slack did not accept the file ({type(error).__name__})")
        status = int(getattr(error.response, "status_code", 0) or 0)
        reason = clip(str(error.response.get("error", "no reason")), 200)
        headers = {name.lower(): value for name, value in error.response.headers.items()}
        return answered(
            f"Slack channel {channel}: {reason}",
            _BUSY if reason in _BUSY_REASONS else status,
            f"check {self.variable}, its scopes, and that the bot is in the channel",
            headers,
        )


def escape(text: str) -> str:
    """Text as Slack shows it: &, < and > start its markup (mentions, links)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clip(text: str, limit: int) -> str:
    """At most so many characters; an ellipsis says that there were more."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
