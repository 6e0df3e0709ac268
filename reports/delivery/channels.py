"""The ways out to a recipient: mail, Slack, portal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from platform_assets.core.settings import Settings
from platform_assets.messaging.mail import mail_transport
from platform_assets.messaging.slack import SlackTransport
from platform_assets.messaging.transport import Receipt, RetryPolicy, secret
from reports.delivery.mail import mail_of
from reports.delivery.message import Message
from reports.delivery.slack import slack_of


class Way(Protocol):
    """A way out."""

    def send(self, message: Message, address: str, message_id: str) -> Receipt:
        """Hand over one message to one address, once.

        Args:
            message: what to say.
            address: to whom.
            message_id: the same whenever the same sending is tried again.

        Raises:
            TemporaryError: try again later.
            RefusedError: do not; also if a setting or a secret is missing.
        """
        ...


@dataclass(frozen=True)
class ByMail:
    """Mail with the PDF attached, by the server in the settings."""

    settings: Settings

    def send(self, message: Message, address: str, message_id: str) -> Receipt:
        """Hand over one mail."""
        mail = mail_of(message, self.settings.mail_from, address, message_id)
        return mail_transport(self.settings).send(mail, [address])


@dataclass(frozen=True)
class BySlack:
    """A message with the PDF in its thread.

    Attributes:
        settings: the API's address, the token's name, timeout.
        policy: how the PDF is tried again once the message is posted.
    """

    settings: Settings
    policy: RetryPolicy

    def send(self, message: Message, address: str, message_id: str) -> Receipt:
        """Post into one channel."""
        found = self.settings
        transport = SlackTransport(
            secret(found.slack_secret_name),
            found.slack_url,
            found.request_timeout_seconds,
            found.slack_secret_name,
            self.policy,
        )
        return transport.send(slack_of(message, message_id), address)


class ByPortal:
    """A record is the delivery: the report is read there."""

    def send(self, message: Message, address: str, message_id: str) -> Receipt:  # noqa: ARG002
        """Nothing is sent."""
        return Receipt(message_id)
