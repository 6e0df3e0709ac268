"""A message in Slack: title, headline, summary, link as blocks; the PDF in its thread.

Limits: https://docs.slack.dev/reference/block-kit/blocks (header 150, section 3000, 10 fields of
2000 characters, 50 blocks).
"""

from __future__ import annotations

from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from reports.delivery.message import Figure, Message
from reports.delivery.transport import (
    Receipt,
    RefusedError,
    RetryPolicy,
    TemporaryError,
    seconds,
    secret,
)

HEADER_LIMIT = 150
TEXT_LIMIT = 3_000
LABEL_LIMIT = 190
"""Characters of a figure's label or value: two of them, escaped, fit a field of 2000."""
NOTICE_LIMIT = 600
"""Characters of the text that a phone's notification shows."""
FIELDS_LIMIT = 10
BLOCKS_LIMIT = 50
_BUSY_REASONS = (
    "ratelimited",
    "rate_limited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
)


class SlackTransport:
    """Posts with a bot token (scopes ``chat:write`` and, for the PDF, ``files:write``).

    Args:
        settings: the API's address, the token's name, timeout.
        policy: how the PDF is tried again once the message is posted.
    """

    def __init__(self, settings: Settings, policy: RetryPolicy) -> None:
        self._settings = settings
        self._policy = policy

    def send(self, message: Message, address: str, message_id: str) -> Receipt:
        """Post the message, then its PDF into the thread.

        A PDF that Slack does not take leaves the message as it stands, with its link: posting
        again would say everything twice. The receipt's note says so.

        Raises:
            TemporaryError: no connection, a timeout, 429 or 5xx.
            RefusedError: Slack gave any other reason (``not_in_channel`` …), or there is no token.
        """
        client = WebClient(
            token=secret(self._settings.slack_secret_name),
            base_url=self._settings.slack_url.rstrip("/") + "/",
            timeout=max(1, round(self._settings.request_timeout_seconds)),
            # What is tried again, and recorded, is decided in one place.
            retry_handlers=[],
        )
        posted = self._post(client, message, address, message_id)
        channel, thread = str(posted["channel"]), str(posted["ts"])
        try:
            self._policy.retrying()(self._upload, client, message, channel, thread)
        except WeirError as error:
            return Receipt(f"{channel}/{thread}", f"the PDF was not attached: {error.message}")
        return Receipt(f"{channel}/{thread}")

    def _post(
        self, client: WebClient, message: Message, address: str, message_id: str
    ) -> dict[str, Any]:
        try:
            answer = client.chat_postMessage(
                channel=address,
                text=escape(clip(message.subject, NOTICE_LIMIT)),
                blocks=blocks(message),
                metadata={
                    "event_type": "weir_report",
                    "event_payload": {"message_id": message_id},
                },
                # Names in a text stay text: a document calls nobody.
                link_names=False,
                unfurl_links=False,
                unfurl_media=False,
            )
        except (SlackClientError, HTTPException, OSError) as error:
            raise _failure(error, address) from None
        return {"channel": answer["channel"], "ts": answer["ts"]}

    def _upload(self, client: WebClient, message: Message, channel: str, thread: str) -> None:
        try:
            client.files_upload_v2(
                content=message.pdf,
                filename=message.pdf_name,
                title=message.subject,
                channel=channel,
                thread_ts=thread,
            )
        except (SlackClientError, HTTPException, OSError) as error:
            raise _failure(error, channel) from None


def blocks(message: Message) -> list[dict[str, Any]]:
    """The message as blocks within Slack's limits."""
    made: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(message.title, HEADER_LIMIT)},
        _context(message.period),
        *(_section(f"⚠ {notice}") for notice in message.notices),
    ]
    for first in range(0, len(message.figures), FIELDS_LIMIT):
        fields = [_field(figure) for figure in message.figures[first : first + FIELDS_LIMIT]]
        made.append({"type": "section", "fields": fields})
    made.extend(_section(paragraph) for paragraph in message.summary)
    end = [_context(message.data_until)]
    if message.link:
        button = {
            "type": "button",
            "text": _plain(message.words.open_report, 75),
            "url": message.link,
            "action_id": "open_report",
        }
        end.insert(0, {"type": "actions", "elements": [button]})
    return made[: BLOCKS_LIMIT - len(end)] + end


def escape(text: str) -> str:
    """Text as Slack shows it: &, < and > start its markup (mentions, links)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clip(text: str, limit: int) -> str:
    """At most so many characters; an ellipsis says that there were more."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": clip(text, limit), "emoji": False}


def _field(figure: Figure) -> dict[str, Any]:
    # Clipped before it is escaped, so that no entity is cut; escaping makes 5 of 1 at most.
    label, value = clip(figure.label, LABEL_LIMIT), clip(figure.value, LABEL_LIMIT)
    return {"type": "mrkdwn", "text": f"*{escape(label)}*\n{escape(value)}", "verbatim": True}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text, TEXT_LIMIT)}


def _context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [_plain(text, TEXT_LIMIT)]}


def _failure(error: Exception, channel: str) -> TemporaryError | RefusedError:
    if not isinstance(error, SlackApiError):
        if isinstance(error, (HTTPException, OSError)):
            return TemporaryError(
                f"Slack cannot be reached ({type(error).__name__})", "check WEIR_SLACK_URL"
            )
        return TemporaryError(f"Slack did not accept the file ({type(error).__name__})")
    status = int(getattr(error.response, "status_code", 0) or 0)
    reason = clip(str(error.response.get("error", "no reason")), 200)
    if status == 429 or status >= 500 or reason in _BUSY_REASONS:
        headers = {name.lower(): value for name, value in error.response.headers.items()}
        return TemporaryError(
            f"Slack answered {status} ({reason}) for {channel}",
            retry_after=seconds(headers.get("retry-after")),
        )
    return RefusedError(
        f"Slack refused {channel}: {reason}",
        "check WEIR_SLACK_TOKEN, its scopes, and that the bot is in the channel",
    )
