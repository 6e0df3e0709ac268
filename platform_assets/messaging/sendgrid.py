"""Mail through SendGrid's v3 API.

Request and answers: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from platform_assets.messaging.http import post
from platform_assets.messaging.transport import Receipt

if TYPE_CHECKING:
    import httpx

PATH = "/v3/mail/send"
_OWN_HEADERS = {
    "bcc", "cc", "content-transfer-encoding", "content-type", "date", "from", "mime-version",
    "reply-to", "subject", "to",
}  # fmt: skip
"""Headers that SendGrid writes itself, and refuses in a request."""


@dataclass(frozen=True)
class SendGridTransport:
    """One request a mail.

    Attributes:
        url: of the API.
        key: of the account.
        timeout: in seconds.
        variable: where the key comes from, for hints.
    """

    url: str
    key: str = field(repr=False)
    timeout: float = 10.0
    variable: str = "WEIR_SENDGRID_KEY"

    def send(self, mail: EmailMessage, recipients: Sequence[str]) -> Receipt:
        """Hand over one mail.

        Raises:
            TemporaryError: no connection, a timeout, 408, 425, 429 or 5xx.
            RefusedError: any other answer but success.
        """
        post(
            self.url.rstrip("/") + PATH,
            payload(mail, recipients),
            {"Authorization": f"Bearer {self.key}"},
            name="SendGrid",
            timeout=self.timeout,
            hint=f"check WEIR_SENDGRID_URL, {self.variable}, WEIR_MAIL_FROM and the address",
            reasons=_reasons,
        )
        return Receipt(mail["Message-ID"] or "")


def payload(mail: EmailMessage, recipients: Sequence[str]) -> dict[str, Any]:
    """The request's body: one personalization with these recipients, whatever the headers say."""
    [sender] = mail["From"].addresses
    origin = {"email": sender.addr_spec}
    if sender.display_name:
        origin["name"] = sender.display_name
    leaves = [part for part in mail.walk() if not part.is_multipart()]
    texts = [part for part in leaves if part.get_content_disposition() is None]
    files = [part for part in leaves if part.get_content_disposition() is not None]
    body: dict[str, Any] = {
        "personalizations": [{"to": [{"email": address} for address in recipients]}],
        "from": origin,
        "subject": str(mail["Subject"]),
        "content": [
            {"type": part.get_content_type(), "value": _bytes(part).decode("utf-8")}
            for part in texts
        ],
        "headers": {
            name: str(value) for name, value in mail.items() if name.lower() not in _OWN_HEADERS
        },
        # Links are the portal's own: a tracker in between would know who reads what.
        "tracking_settings": {
            "click_tracking": {"enable": False},
            "open_tracking": {"enable": False},
        },
    }
    if files:
        body["attachments"] = [_file(part) for part in files]
    return body


def _file(part: Any) -> dict[str, str]:
    file = {
        "content": base64.b64encode(_bytes(part)).decode("ascii"),
        "type": part.get_content_type(),
        "filename": part.get_filename(),
        "disposition": part.get_content_disposition(),
    }
    if content_id := part["Content-ID"]:
        file["content_id"] = str(content_id).strip("<>")
    return file


def _bytes(part: Any) -> bytes:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)  # noqa: S101 (a leaf has bytes)
    return content


def _reasons(response: httpx.Response) -> str:
    try:
        errors = response.json().get("errors", [])
        reasons = "; ".join(str(error["message"]) for error in errors)
    except (ValueError, AttributeError, KeyError, TypeError):
        return ""
    return f": {reasons[:300]}" if reasons else ""
