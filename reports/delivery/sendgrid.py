"""Mail through SendGrid's v3 API.

Request and answers: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
"""

from __future__ import annotations

import base64
from typing import Any

import httpx

from platform_assets.core.settings import Settings
from reports.delivery.mail import html_of, sender_of, text_of
from reports.delivery.message import Message
from reports.delivery.transport import Receipt, RefusedError, TemporaryError, seconds, secret

PATH = "/v3/mail/send"
_BUSY = (408, 425, 429)


class SendGridTransport:
    """One request a mail.

    Args:
        settings: the API's address, the key's name, sender, timeout.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def send(self, message: Message, address: str, message_id: str) -> Receipt:
        """Hand over one mail.

        Raises:
            TemporaryError: no connection, a timeout, 408, 425, 429 or 5xx.
            RefusedError: any other answer but success, or there is no key.
        """
        key = secret(self._settings.sendgrid_secret_name)
        try:
            response = httpx.post(
                self._settings.sendgrid_url.rstrip("/") + PATH,
                json=payload(message, self._settings.mail_from, address, message_id),
                headers={"Authorization": f"Bearer {key}"},
                timeout=self._settings.request_timeout_seconds,
            )
        except httpx.HTTPError as error:
            raise TemporaryError(
                f"SendGrid cannot be reached ({type(error).__name__})", "check WEIR_SENDGRID_URL"
            ) from None
        if response.is_success:
            return Receipt(message_id)
        said = f"SendGrid answered {response.status_code}{_reasons(response)}"
        if response.status_code in _BUSY or response.is_server_error:
            raise TemporaryError(said, retry_after=seconds(response.headers.get("Retry-After")))
        raise RefusedError(
            said, f"check {self._settings.sendgrid_secret_name}, WEIR_MAIL_FROM and the address"
        )


def payload(message: Message, mail_from: str, address: str, message_id: str) -> dict[str, Any]:
    """The request's body: one personalization with one recipient.

    Raises:
        RefusedError: ``mail_from`` is no address.
    """
    sender = sender_of(mail_from)
    origin = {"email": sender.addr_spec}
    if sender.display_name:
        origin["name"] = sender.display_name
    return {
        "personalizations": [{"to": [{"email": address}]}],
        "from": origin,
        "subject": message.subject,
        "content": [
            {"type": "text/plain", "value": text_of(message)},
            {"type": "text/html", "value": html_of(message)},
        ],
        "attachments": [
            {
                "content": base64.b64encode(message.pdf).decode("ascii"),
                "type": "application/pdf",
                "filename": message.pdf_name,
                "disposition": "attachment",
            }
        ],
        "headers": {"Message-ID": message_id, "Auto-Submitted": "auto-generated"},
        # Links are the portal's own: a tracker in between would know who reads what.
        "tracking_settings": {
            "click_tracking": {"enable": False},
            "open_tracking": {"enable": False},
        },
    }


def _reasons(response: httpx.Response) -> str:
    try:
        errors = response.json().get("errors", [])
        reasons = "; ".join(str(error["message"]) for error in errors)
    except (ValueError, AttributeError, KeyError, TypeError):
        return ""
    return f": {reasons[:300]}" if reasons else ""
