"""E-mail over SMTP, the picture inside the message."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from hashlib import sha256
from html import escape

from platform_assets.core.retry import Retry
from platform_assets.messaging.model import Notification, NotifyError
from platform_assets.messaging.retry import (
    ATTEMPTS,
    LONGEST_SECONDS,
    PAUSE_SECONDS,
    TIMEOUT_SECONDS,
)


class EmailNotifier:
    """Sends mail over SMTP, with STARTTLS where a user is given or it is asked for."""

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        recipients: Sequence[str],
        *,
        user: str | None = None,
        password: str | None = None,
        starttls: bool = False,
        attempts: int = ATTEMPTS,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._host = host
        self._port = port
        self._sender = sender
        self._recipients = list(recipients)
        self._login = (user, password or "") if user else None
        self._starttls = starttls or user is not None
        self._attempts = attempts
        self._pause = pause

    def send(self, notification: Notification) -> None:
        """Send it; refused connections and temporary answers (4xx) are tried again.

        Raises:
            NotifyError: the server did not take the message.
        """
        message = compose(notification, self._sender, self._recipients)

        def passing(error: BaseException) -> bool:
            if isinstance(error, smtplib.SMTPResponseException):
                return 400 <= error.smtp_code < 500
            if isinstance(error, smtplib.SMTPRecipientsRefused):
                return False
            return isinstance(error, OSError)

        policy = Retry(self._attempts, pause=self._pause, longest=LONGEST_SECONDS)
        try:
            for attempt in policy.on(passing):
                with attempt:
                    self._deliver(message)
        except (smtplib.SMTPException, OSError) as error:
            code = getattr(error, "smtp_code", "")
            raise NotifyError(
                f"mail server {self._host}:{self._port} did not take the message "
                f"({type(error).__name__}{f' {code}' if code else ''})",
                "check WEIR_NOTIFY_SMTP_*",
            ) from None

    def _deliver(self, message: EmailMessage) -> None:
        with smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_SECONDS) as server:
            if self._starttls:
                server.starttls(context=ssl.create_default_context())
            if self._login:
                server.login(*self._login)
            server.send_message(message)


def compose(notification: Notification, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """The mail: plain text; with a picture also HTML that shows it.

    All mails of an incident refer to one id that no mail has: clients show them as a thread.
    """
    message = EmailMessage()
    message["Subject"] = f"[{notification.severity.value}] {notification.headline}"
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    thread = sha256(notification.thread.encode("utf-8", "replace")).hexdigest()[:32]
    message["References"] = f"<incident-{thread}@weir>"
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


def _show(message: EmailMessage, notification: Notification, chart: bytes) -> None:
    link = escape(notification.link, quote=True)
    message.add_alternative(
        "<!doctype html><html><body>"
        f'<pre style="white-space:pre-wrap;font-family:inherit">{escape(notification.body)}</pre>'
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
