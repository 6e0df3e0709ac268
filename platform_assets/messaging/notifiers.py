"""A notifier a place: a notification, rendered for a transport, tried again within bounds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from platform_assets.messaging.log import LogTransport
from platform_assets.messaging.mail import MailTransport
from platform_assets.messaging.model import Notification, Notifier, NotifyError
from platform_assets.messaging.pagerduty import PagerDutyTransport
from platform_assets.messaging.render import (
    ACTIONS,
    dedup_key,
    event_of,
    fields_of,
    mail_of,
    slack_of,
)
from platform_assets.messaging.slack import SlackTransport
from platform_assets.messaging.transport import Receipt, RetryPolicy, SendError
from platform_assets.messaging.webhook import WebhookTransport

if TYPE_CHECKING:
    from email.headerregistry import Address

_LOG = logging.getLogger(__name__)
PATIENCE = RetryPolicy()


class _Place:
    """Sends by a function that does it once."""

    def __init__(self, once: Callable[[Notification], Receipt], policy: RetryPolicy) -> None:
        self._once = once
        self._policy = policy

    def send(self, notification: Notification) -> None:
        """Send it; temporary failures are tried again, a refusal is not.

        Raises:
            NotifyError: the place refused it, or could not be reached.
        """
        try:
            receipt = self._policy.retrying()(self._once, notification)
        except SendError as error:
            raise NotifyError(error.message, error.hint) from None
        if receipt.note:
            _LOG.warning("notification %s: %s", notification.key, receipt.note)


def log_notifier(path: Path) -> Notifier:
    """Appends a line of JSON to a file; charts are left out."""
    transport = LogTransport(path)
    return _Place(lambda note: transport.send(note.fields()), PATIENCE)


def webhook_notifier(transport: WebhookTransport, *, policy: RetryPolicy = PATIENCE) -> Notifier:
    """POSTs the notification as JSON, with its key as ``Idempotency-Key``."""
    return _Place(lambda note: transport.send(fields_of(note), note.key or note.title), policy)


def slack_notifier(
    transport: SlackTransport, channel: str, *, policy: RetryPolicy = PATIENCE
) -> Notifier:
    """Posts into a channel, the chart into the message's thread."""
    return _Place(lambda note: transport.send(slack_of(note), channel), policy)


def mail_notifier(
    transport: MailTransport,
    sender: Address,
    recipients: Sequence[str],
    *,
    policy: RetryPolicy = PATIENCE,
) -> Notifier:
    """Sends one mail to all recipients, the chart inside."""
    return _Place(
        lambda note: transport.send(mail_of(note, sender, recipients), recipients), policy
    )


def pagerduty_notifier(
    transport: PagerDutyTransport, *, policy: RetryPolicy = PATIENCE
) -> Notifier:
    """Triggers, acknowledges and resolves an incident."""

    def once(note: Notification) -> Receipt:
        action = ACTIONS[note.event]
        properties = event_of(note) if action == "trigger" else {}
        return transport.send(action, dedup_key(note), properties)

    return _Place(once, policy)
