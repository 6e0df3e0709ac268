"""The way out for mail that the settings describe, shared by notifications and reports."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parseaddr
from typing import TYPE_CHECKING

from platform_assets.core.settings import Settings
from platform_assets.messaging.sendgrid import SendGridTransport
from platform_assets.messaging.smtp import SmtpTransport
from platform_assets.messaging.transport import RefusedError, secret

if TYPE_CHECKING:
    from email.headerregistry import Address

MailTransport = SmtpTransport | SendGridTransport


def mail_transport(
    settings: Settings, environment: Mapping[str, str] | None = None
) -> MailTransport:
    """SendGrid if ``WEIR_SENDGRID_URL`` is set, else the server ``WEIR_SMTP_HOST``.

    Args:
        settings: addresses, names of secrets, timeout.
        environment: where secrets are; by default the process's.

    Raises:
        RefusedError: neither is set, or a secret is missing.
    """
    if settings.sendgrid_url:
        return SendGridTransport(
            settings.sendgrid_url,
            secret(settings.sendgrid_secret_name, environment),
            settings.request_timeout_seconds,
            settings.sendgrid_secret_name,
        )
    if not settings.smtp_host:
        raise RefusedError(
            "no mail server is configured", "set WEIR_SMTP_HOST or WEIR_SENDGRID_URL"
        )
    return SmtpTransport(
        settings.smtp_host,
        settings.smtp_port,
        tls=settings.smtp_tls,
        user=settings.smtp_user,
        password=secret(settings.smtp_secret_name, environment) if settings.smtp_user else "",
        timeout=settings.request_timeout_seconds,
    )


def sender_of(mail_from: str) -> Address:
    """The From address, with a display name where ``WEIR_MAIL_FROM`` has one.

    Raises:
        RefusedError: it is no address.
    """
    # Its import takes a tenth of a second, which loading the graph would pay for.
    from email.headerregistry import Address

    name, address = parseaddr(mail_from)
    try:
        return Address(display_name=name, addr_spec=address)
    except (ValueError, IndexError):
        raise RefusedError(
            f"the sender {mail_from!r} is not a mail address",
            "write WEIR_MAIL_FROM as weir@example.com",
        ) from None
