"""A message in Slack: title, headline, summary, link as blocks; the PDF in its thread.

Limits: https://docs.slack.dev/reference/block-kit/blocks (header 150, section 3000, 10 fields of
2000 characters, 50 blocks).
"""

from __future__ import annotations

from typing import Any

from platform_assets.messaging.slack import NOTICE_LIMIT, SlackFile, SlackMessage, clip, escape
from reports.delivery.message import Figure, Message

HEADER_LIMIT = 150
TEXT_LIMIT = 3_000
LABEL_LIMIT = 190
"""Characters of a figure's label or value: two of them, escaped, fit a field of 2000."""
FIELDS_LIMIT = 10
BLOCKS_LIMIT = 50


def slack_of(message: Message, message_id: str) -> SlackMessage:
    """The whole message, its PDF as a file in the thread."""
    what = "the page" if message.is_page else "the PDF"
    return SlackMessage(
        escape(clip(message.subject, NOTICE_LIMIT)),
        "weir_report",
        {"message_id": message_id},
        blocks(message),
        SlackFile(what, message.pdf, message.pdf_name, message.subject),
    )


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
