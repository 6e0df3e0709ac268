"""How a notification looks at each place: JSON, mail, Slack text, PagerDuty event."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256
from html import escape as html_escape
from typing import TYPE_CHECKING, Any

from platform_assets.messaging.model import Event, Notification
from platform_assets.messaging.slack import SlackFile, SlackMessage, escape

if TYPE_CHECKING:
    from email.headerregistry import Address

SUMMARY_LIMIT = 1_024
"""Characters of a PagerDuty summary; an event takes 512 KB, and pictures by HTTPS address only."""
KEY_LIMIT = 255
BODY_LIMIT = 20_000
ACTIONS = {
    # A trigger with a known key adds to the incident; it opens none.
    Event.OPENED: "trigger",
    Event.UPDATED: "trigger",
    Event.ESCALATED: "trigger",
    Event.ACKNOWLEDGED: "acknowledge",
    Event.RECOVERED: "resolve",
}
_MARKS = {
    Event.ESCALATED: ":rotating_light: ",
    Event.ACKNOWLEDGED: ":eyes: ",
    Event.RECOVERED: ":white_check_mark: ",
}


def fields_of(notification: Notification) -> dict[str, Any]:
    """The notification as JSON, its chart as ``chart_png`` (base64) if there is one."""
    chart = notification.chart
    extra = {"chart_png": b64encode(chart).decode("ascii")} if chart else {}
    return {**notification.fields(), **extra}


def slack_of(notification: Notification) -> SlackMessage:
    """The Slack message, its chart as a file in the thread."""
    parts = [
        f"{_MARKS.get(notification.event, '')}*{escape(notification.headline)}*",
        escape(notification.body),
    ]
    if notification.owner:
        parts.append(f"Owner: {escape(notification.owner)}")
    if notification.link:
        parts.append(f"<{notification.link}|Open>")
    chart = notification.chart
    return SlackMessage(
        "\n".join(parts),
        "weir_notification",
        {
            "key": notification.key,
            "severity": notification.severity.value,
            "source": notification.source,
            "incident": notification.thread,
            "event": notification.event.value,
        },
        file=SlackFile("the chart", chart, "chart.png", notification.headline) if chart else None,
    )


def mail_of(notification: Notification, sender: Address, recipients: Sequence[str]) -> EmailMessage:
    """The mail: plain text; with a chart also HTML that shows it.

    All mails of an incident refer to one id that no mail has: clients show them as a thread.
    """
    message = EmailMessage(policy=SMTP)
    message["Subject"] = f"[{notification.severity.value}] {notification.headline}"
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["References"] = f"<incident-{_digest(notification.thread)}@weir>"
    # A line break in a header would start another header.
    for header, value in (
        ("X-Weir-Key", notification.key),
        ("X-Weir-Source", notification.source),
        ("X-Weir-Owner", notification.owner),
        ("X-Weir-Event", notification.event.value),
    ):
        if value:
            message[header] = " ".join(value.split())
    link = f"\n\n{notification.link}" if notification.link else ""
    message.set_content(f"{notification.body}{link}\n")
    if notification.chart:
        _show(message, notification, notification.chart)
    return message


def event_of(notification: Notification) -> dict[str, Any]:
    """Properties of a PagerDuty trigger: payload, and links and images if there are any."""
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


def dedup_key(notification: Notification) -> str:
    """The incident's name for PagerDuty; a long one keeps its beginning and a digest of all."""
    name = notification.thread
    if len(name) <= KEY_LIMIT:
        return name
    digest = _digest(name)
    return f"{name[: KEY_LIMIT - len(digest) - 1]}-{digest}"


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _show(message: EmailMessage, notification: Notification, chart: bytes) -> None:
    link = html_escape(notification.link, quote=True)
    body = html_escape(notification.body)
    message.add_alternative(
        "<!doctype html><html><body>"
        f'<pre style="white-space:pre-wrap;font-family:inherit">{body}</pre>'
        '<p><img src="cid:chart" alt="chart" style="max-width:100%"></p>'
        + (f'<p><a href="{link}">{link}</a></p>' if link else "")
        + "</body></html>",
        subtype="html",
    )
    parts = message.get_payload()
    assert isinstance(parts, list)  # noqa: S101 (a mail with an alternative has parts)
    html = parts[1]
    assert isinstance(html, EmailMessage)  # noqa: S101
    html.add_related(
        chart, "image", "png", cid="<chart>", filename="chart.png", disposition="inline"
    )
